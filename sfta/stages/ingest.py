"""Ingest: files become documents of clean pages; what cannot be read is set aside with why."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sfta.adapters.source import Source
from sfta.adapters.storage import fetch, list_sources
from sfta.adapters.store import TooLargeError
from sfta.core.executor import LocalExecutor
from sfta.core.progress import track
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.documents.config import IngestConfig
from sfta.documents.document import Code, Parsed, UnreadableError, document_id
from sfta.recipe import Recipe
from sfta.stages.parsing import File, parse_files
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json, sha256_file

log = logging.getLogger("sfta")
DOCUMENTS = "documents.jsonl"
QUARANTINE = "quarantine.jsonl"
_MEGABYTE = 1 << 20
_DOWNLOADS = 8  # at the same time


@dataclass(frozen=True, slots=True)
class _File:
    """One source with its content's digest; both empty when it is too large to be read."""

    source: Source
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class _Failure:
    """One file that is no document."""

    name: str
    sha256: str
    code: Code
    reason: str


def run(job: Job[Recipe]) -> Metrics:
    """Write documents.jsonl and quarantine.jsonl.

    Raises:
        ConfigError: not one document could be read; names the first file and its reason.
    """
    config = job.recipe.ingest
    files = list(_files(config, job.recipe.root, job.runtime))
    failures = list(_refused(files))
    refused = {failure.name for failure in failures}
    wanted = [file for file in files if file.source.name not in refused]
    counts: Counter[str] = Counter()
    with (job.out / DOCUMENTS).open("wb") as stream:
        for file, result in zip(wanted, _parsed(wanted, job), strict=True):
            if isinstance(result, _Failure):
                failures.append(result)
                continue
            stream.write(canonical_json(_document(file, result)) + b"\n")
            counts["documents"] += 1
            counts["pages"] += len(result.pages)
            counts["characters"] += sum(len(page.text) for page in result.pages)
            counts.update({f"parse.{name}": n for name, n in result.counts.items()})
    failures.sort(key=lambda failure: failure.name)
    _write_quarantine(job.out / QUARANTINE, failures)
    if not counts["documents"]:
        raise _nothing_left(failures)
    return _metrics(counts, failures)


def _files(config: IngestConfig, root: Path, runtime: Runtime) -> Iterator[_File]:
    most_bytes = config.limits.file_mb * _MEGABYTE

    def read(source: Source) -> _File:
        if source.size > most_bytes:
            return _File(source, Path(), "")
        try:
            path = fetch(source, runtime.cache, most_bytes)
        except TooLargeError:
            return _File(source, Path(), "")
        return _File(source, path, sha256_file(path)[0])

    sources = list_sources(config.sources, root, exclude=config.exclude)
    yield from LocalExecutor(_DOWNLOADS).map(read, sources)


def _refused(files: Iterable[_File]) -> Iterator[_Failure]:
    """Files that are too large, and copies of a file that is already there."""
    first: dict[str, str] = {}
    for file in files:
        name = file.source.name
        if not file.sha256:
            size = file.source.size / _MEGABYTE
            what = f"{size:.0f} MiB is" if size else "it is a stream of"
            limit = f"{what} more than ingest.limits.file_mb allows"
            yield _Failure(name, "", "too_large", limit)
        elif file.source.size and file.sha256 in first:
            reason = f"it has the same content as {first[file.sha256]}"
            yield _Failure(name, file.sha256, "duplicate", reason)
        else:
            first[file.sha256] = name


def _parsed(files: list[_File], job: Job[Recipe]) -> Iterator[Parsed | _Failure]:
    """Results in the order of the files; the parsers run beside each other."""
    wanted = [File(file.path.resolve(), file.source.name, file.sha256) for file in files]
    results = parse_files(wanted, job.recipe.ingest, job.runtime, job.work)
    for file, result in zip(
        wanted, track(results, "ingest: reading files", len(files)), strict=True
    ):
        if isinstance(result, UnreadableError):
            yield _Failure(file.name, file.sha256, result.code, str(result))
        else:
            yield result


def _document(file: _File, parsed: Parsed) -> dict[str, object]:
    name = file.source.name
    return {
        "id": document_id(file.sha256, name),
        "name": name,
        "title": parsed.title or PurePosixPath(name).stem,
        "sha256": file.sha256,
        "media_type": parsed.media_type,
        "pages": [page.to_json() for page in parsed.pages],
    }


def _write_quarantine(path: Path, failures: list[_Failure]) -> None:
    with path.open("wb") as stream:
        for failure in failures:
            log.warning("ingest: left out %s: %s", failure.name, failure.reason)
            row = {
                "name": failure.name,
                "sha256": failure.sha256,
                "code": failure.code,
                "reason": failure.reason,
            }
            stream.write(canonical_json(row) + b"\n")


def _nothing_left(failures: list[_Failure]) -> ConfigError:
    first = failures[0]
    what = f"no document could be read: {first.name}: {first.reason}"
    if len(failures) > 1:
        what += f" (and {len(failures) - 1} more)"
    return ConfigError(what, hint="Replace the files named in ingest.sources.")


def _metrics(counts: Counter[str], failures: list[_Failure]) -> Metrics:
    codes = Counter(failure.code for failure in failures)
    parse = {k.removeprefix("parse."): n for k, n in counts.items() if k.startswith("parse.")}
    return {
        "documents": counts["documents"],
        "pages": counts["pages"],
        "characters": counts["characters"],
        "quarantined": len(failures),
        "quarantined_by_code": dict(sorted(codes.items())),
        "parse": dict(sorted((k, n) for k, n in parse.items() if k != "characters")),
    }


def _check(recipe: Recipe, _runtime: Runtime) -> list[str]:
    """Sources that are not there."""
    try:
        list_sources(recipe.ingest.sources, recipe.root, exclude=recipe.ingest.exclude)
    except ConfigError as error:
        return [str(error)]
    return []


def _external(recipe: Recipe, runtime: Runtime) -> list[list[object]]:
    """Names and digests of the files: the same documents, the same key."""
    files = _files(recipe.ingest, recipe.root, runtime)
    return [[file.source.name, file.sha256 or file.source.size] for file in files]


STAGE: Stage[Recipe] = Stage(
    name="ingest",
    needs=(),
    makes="documents",
    sections=("ingest",),
    run=run,
    external=_external,
    check=_check,
)
