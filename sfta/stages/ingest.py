"""Ingest: files become documents of clean pages; what cannot be read is set aside with why."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from sfta.adapters import presidio
from sfta.adapters.source import Source
from sfta.adapters.storage import fetch, list_sources
from sfta.adapters.store import TooLargeError
from sfta.core.executor import LocalExecutor
from sfta.core.progress import track
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.documents.config import IngestConfig
from sfta.documents.document import Code, Parsed, UnreadableError, document_id
from sfta.documents.particulars import Particulars
from sfta.recipe import Recipe
from sfta.stages.parsing import File, ocr_of, parse_files
from sfta.stages.review import Review
from sfta.stages.sidecars import Sidecars, is_sidecar
from sfta_edge.errors import ConfigError, MissingDependencyError
from sfta_edge.manifest import canonical_json, sha256_file

log = logging.getLogger("sfta")
DOCUMENTS = "documents.jsonl"
QUARANTINE = "quarantine.jsonl"
FLAGS = "flags.jsonl"
DUPLICATES = "duplicates.jsonl"
_MEGABYTE = 1 << 20
_DOWNLOADS = 8  # at the same time


@dataclass(frozen=True, slots=True)
class _File:
    """One source with its content's digest; both empty when it is too large to be read."""

    source: Source
    path: Path
    sha256: str
    said: Particulars


@dataclass(frozen=True, slots=True)
class _Failure:
    """One file that is no document."""

    name: str
    sha256: str
    code: Code
    reason: str
    page: int = 0
    """Number of the page that is missing from a document; 0 where the file is none."""


def run(job: Job[Recipe]) -> Metrics:
    """Write the documents, and the lists of what was set aside, flagged and found twice.

    Raises:
        ConfigError: not one document could be read; names the first file and its reason.
    """
    config = job.recipe.ingest
    files = list(_files(config, job.recipe.root, job.runtime))
    failures = list(_refused(files))
    refused = {failure.name for failure in failures}
    wanted = [file for file in files if file.source.name not in refused]
    counts: Counter[str] = Counter()
    confidences: list[float] = []
    review = Review(config)
    with (job.out / DOCUMENTS).open("wb") as stream:
        for file, read in zip(wanted, _parsed(wanted, job), strict=True):
            result = read if isinstance(read, _Failure) else _reviewed(file, read, review)
            if isinstance(result, _Failure):
                failures.append(result)
                continue
            failures.extend(_parts_left_out(file, result))
            stream.write(canonical_json(_document(file, result)) + b"\n")
            counts["documents"] += 1
            counts["pages"] += len(result.pages)
            counts["characters"] += sum(len(page.text) for page in result.pages)
            counts.update({f"parse.{name}": n for name, n in result.counts.items()})
            confidences += [p.confidence for p in result.pages if p.confidence is not None]
    failures.sort(key=lambda failure: (failure.name, failure.page))
    _write_quarantine(job.out / QUARANTINE, failures)
    _write_rows(job.out / FLAGS, review.flags)
    _write_rows(job.out / DUPLICATES, review.duplicates)
    if not counts["documents"]:
        raise _nothing_left(failures)
    return _metrics(counts, failures) | review.metrics() | _ocr_metrics(config, confidences)


def _files(config: IngestConfig, root: Path, runtime: Runtime) -> Iterator[_File]:
    most_bytes = config.limits.file_mb * _MEGABYTE

    def read(described: tuple[Source, Particulars]) -> _File:
        source, said = described
        if source.refused or source.size > most_bytes:
            return _File(source, Path(), "", said)
        try:
            path = fetch(source, runtime.cache, most_bytes)
            return _File(source, path, sha256_file(path)[0], said)
        except TooLargeError:
            return _File(source, Path(), "", said)
        except OSError as error:
            refused = f"it cannot be read: {error.strerror or error}"
            return _File(replace(source, refused=refused), Path(), "", said)

    yield from LocalExecutor(_DOWNLOADS).map(read, _described(config, root, runtime))


def _described(
    config: IngestConfig, root: Path, runtime: Runtime, *, warn: bool = False
) -> list[tuple[Source, Particulars]]:
    """The documents among the sources, with what their sidecars say about them."""
    sources = list_sources(config.sources, root, exclude=config.exclude)
    sidecars = Sidecars.among(sources, runtime.cache)
    described = [(s, sidecars.of(s)) for s in sources if not is_sidecar(s)]
    if warn:
        sidecars.warn_unused()
    return described


def _refused(files: Iterable[_File]) -> Iterator[_Failure]:
    """Files that must not be opened or are too large, and copies of one that is there."""
    first: dict[str, str] = {}
    for file in files:
        name = file.source.name
        if file.source.refused:
            yield _Failure(name, "", "refused", file.source.refused)
        elif not file.sha256:
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


def _reviewed(file: _File, parsed: Parsed, review: Review) -> Parsed | _Failure:
    name = file.source.name
    try:
        return review.document(name, document_id(file.sha256, name), parsed, file.said)
    except UnreadableError as error:
        return _Failure(name, file.sha256, error.code, str(error))


def _parts_left_out(file: _File, parsed: Parsed) -> Iterator[_Failure]:
    """Attachments and pages that could not be read; the rest of their file is a document."""
    name = file.source.name
    for part in parsed.left_out:
        yield _Failure(f"{name}/{part.name}", part.sha256, part.code, part.reason)
    for page in parsed.unread:
        yield _Failure(name, file.sha256, page.code, page.reason, page.page)


def _document(file: _File, parsed: Parsed) -> dict[str, object]:
    name = file.source.name
    return {
        "id": document_id(file.sha256, name),
        "name": name,
        "title": parsed.title or PurePosixPath(name).stem,
        "sha256": file.sha256,
        "media_type": parsed.media_type,
        "language": parsed.language,
        "licence": file.said.licence,
        "owner": file.said.owner,
        "access": file.said.access,
        "pages": [page.to_json() for page in parsed.pages],
    }


def _write_quarantine(path: Path, failures: list[_Failure]) -> None:
    for failure in failures:
        where = f", page {failure.page}" if failure.page else ""
        log.warning("ingest: left out %s%s: %s", failure.name, where, failure.reason)
    _write_rows(path, [asdict(failure) for failure in failures])


def _write_rows(path: Path, rows: Sequence[object]) -> None:
    path.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))


def _nothing_left(failures: list[_Failure]) -> ConfigError:
    first = failures[0]
    what = f"no document could be read: {first.name}: {first.reason}"
    if len(failures) > 1:
        what += f" (and {len(failures) - 1} more)"
    return ConfigError(what, hint="Replace the files named in ingest.sources.")


def _metrics(counts: Counter[str], failures: list[_Failure]) -> Metrics:
    codes = Counter(failure.code for failure in failures if not failure.page)
    parse = {k.removeprefix("parse."): n for k, n in counts.items() if k.startswith("parse.")}
    return {
        "documents": counts["documents"],
        "pages": counts["pages"],
        "characters": counts["characters"],
        "quarantined": codes.total(),
        "quarantined_pages": len(failures) - codes.total(),
        "quarantined_by_code": dict(sorted(codes.items())),
        "parse": dict(sorted((k, n) for k, n in parse.items() if k != "characters")),
    }


def _ocr_metrics(config: IngestConfig, confidences: list[float]) -> Metrics:
    """Which engine read how many pages, and how sure it was of them, 0 to 100."""
    if not confidences:
        return {}
    return {
        "ocr": {
            "engine": ocr_of(config).engine,
            "pages": len(confidences),
            "confidence_lowest": min(confidences),
            "confidence_mean": round(sum(confidences) / len(confidences), 1),
        }
    }


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    """Sources that are not there, sidecars that cannot be read, what is not installed."""
    try:
        ocr_of(recipe.ingest)
        _described(recipe.ingest, recipe.root, runtime, warn=True)
        if recipe.ingest.redaction == "presidio":
            presidio.require()
    except (ConfigError, MissingDependencyError) as error:
        return [str(error)]
    return []


def _external(recipe: Recipe, runtime: Runtime) -> list[list[object]]:
    """Names, digests and particulars of the files, and the OCR engine."""
    files = _files(recipe.ingest, recipe.root, runtime)
    described: list[list[object]] = [
        [f.source.name, f.sha256 or f.source.size, f.said.model_dump(exclude_defaults=True)]
        for f in files
    ]
    return [*described, ["ocr", ocr_of(recipe.ingest).engine]]


STAGE: Stage[Recipe] = Stage(
    name="ingest",
    needs=(),
    makes="documents",
    sections=("ingest",),
    run=run,
    revision=4,
    external=_external,
    check=_check,
)
