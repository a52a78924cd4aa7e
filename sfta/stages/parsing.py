"""Files to parsed documents, on any executor; a file that is as before is not parsed again."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from sfta.core.cached_map import cached_map
from sfta.core.executor import executor_of
from sfta.core.record_cache import FOLDER, RecordCache, code_identity, record_key
from sfta.core.stage import Runtime
from sfta.documents.config import IngestConfig
from sfta.documents.document import Parsed, UnreadableError
from sfta.documents.isolation import Limits, parse_to, read_result
from sfta.documents.ocr.setting import Ocr
from sfta.documents.ocr.tesseract import NoTesseractError, find_engine
from sfta.documents.parse import ParseOptions
from sfta_edge.manifest import canonical_json

PARSERS = (
    "charset-normalizer",
    "datasketch",
    "defusedxml",
    "lxml",
    "markdown-it-py",
    "matplotlib",
    "openpyxl",
    "pillow",
    "py3langid",
    "pymupdf",
    "python-docx",
    "python-pptx",
)
"""Distributions that decide what a parsed document looks like."""
_CODE = ("sfta.documents", "sfta_edge.documents", "sfta_edge.sentences")
_MEGABYTE = 1 << 20
# What these say depends on the machine and its load: the next run tries again.
_PASSING = frozenset({"crashed", "timeout"})


@dataclass(frozen=True, slots=True)
class File:
    """One file to parse."""

    path: Path
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all files of a run have in common."""

    options: ParseOptions
    limits: Limits
    work: Path

    def key(self, file: File) -> str:
        # The suffix takes part in the choice of the reader.
        suffix = PurePosixPath(file.name).suffix.lower()
        code = code_identity(_CODE, PARSERS)
        settings = [self.options.to_json(), self.limits.memory_bytes]
        return record_key(code, settings, file.sha256, suffix)


def parse_files(
    files: Sequence[File], config: IngestConfig, runtime: Runtime, work: Path
) -> Iterator[Parsed | UnreadableError]:
    """What reading each file gave, in their order.

    Args:
        files: absolute paths, and digests of what lies there.
        config: how files are read and what that may cost.
        runtime: where, and the folder of results that are kept.
        work: folder for results until they are kept.
    """
    setting = _Setting(
        ParseOptions(
            most_pages=config.limits.pages,
            page_characters=config.limits.page_characters,
            drop_running=config.running_lines == "drop",
            drop_hidden=config.hidden_text == "drop",
            tables=config.tables == "markdown",
            unpacked_bytes=config.limits.unpacked_mb * _MEGABYTE,
            ocr=ocr_of(config),
        ),
        Limits(config.limits.memory_mb * _MEGABYTE, config.limits.seconds),
        work,
    )
    with RecordCache(runtime.cache / FOLDER / "parsed.sqlite") as cache:
        results = cached_map(
            partial(_parse, setting),
            files,
            setting.key,
            cache=cache,
            executor=executor_of(runtime),
            lasting=_lasts,
        )
        for value in results:
            try:
                yield read_result(value)
            except UnreadableError as error:
                yield error


def ocr_of(config: IngestConfig) -> Ocr:
    """How pictures are read here and now: which engine there is, or what is missing.

    Raises:
        MissingDependencyError: there is no engine and pages must not go without; says what to
            install.
    """
    wanted = config.ocr
    languages = tuple(wanted.languages)
    engine = missing = ""
    if wanted.mode != "off":
        try:
            engine = str(find_engine(languages))
        except NoTesseractError as error:
            if wanted.mode == "always":
                raise
            missing = str(error)
    return Ocr(
        wanted.mode,
        languages,
        wanted.dpi,
        wanted.page_seconds,
        wanted.least_confidence,
        config.limits.megapixels * 1_000_000,
        engine,
        missing,
    )


def _parse(setting: _Setting, files: Sequence[File]) -> list[bytes]:
    return [_parse_one(setting, file) for file in files]


def _parse_one(setting: _Setting, file: File) -> bytes:
    out = setting.work / f"{setting.key(file)}.json"
    try:
        done = parse_to(file.path, file.name, out, setting.options, setting.limits)
    except UnreadableError as error:
        return canonical_json({"failure": {"code": error.code, "reason": str(error)}})
    return done.read_bytes()


def _lasts(value: bytes) -> bool:
    """Whether a result may be kept: no part of it says how busy the machine was."""
    if _failure(value) in _PASSING:
        return False
    # Within a text the quotes would be escaped: only lists of what is missing look like this.
    if b'"unread":[' not in value and b'"left_out":[' not in value:
        return True
    document = json.loads(value)["document"]
    missing = [*document.get("unread", ()), *document.get("left_out", ())]
    return not any(part["code"] in _PASSING for part in missing)


def _failure(value: bytes) -> str:
    """The code of a failure as its own process or this one wrote it; empty for a document."""
    prefix = b'{"failure":{"code":"'
    if not value.startswith(prefix):
        return ""
    return value[len(prefix) :].partition(b'"')[0].decode()
