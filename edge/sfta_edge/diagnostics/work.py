"""What a device is doing and has done, in numbers: jobs, databases, metrics, log lines."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sfta_edge.diagnostics.databases import (
    BUNDLE_KNOWLEDGE,
    examined,
    opened_to_read,
    sizes,
)
from sfta_edge.diagnostics.redaction import Redactor
from sfta_edge.errors import SftaError
from sfta_edge.slots import active_slot

_STATES = frozenset({"waiting", "running", "done", "failed", "cancelled"})
_STEPS = frozenset({"", "read", "index"})
_MOST_JOBS = 1000
_MOST_LINES = 500
_LOG_BYTES = 512 << 10
_NUMBERS = ("bytes", "done", "total", "tries", "created", "finished", "pages", "chunks")
_TOLD = ("id", "name", "owner", "collection", "access", "state", "step", "media_type", "error")


def databases(root: Path, redactor: Redactor) -> dict[str, Any]:
    """Each database of the device, and the knowledge of the bundle: sizes, check, rows."""
    data = root / "data"
    found = {path.name: path for path in sorted(data.glob("*.sqlite"))}
    told = {redactor.text(name): _examined(path, redactor) for name, path in found.items()}
    bundled = f"bundle {BUNDLE_KNOWLEDGE}"
    try:
        told[bundled] = _examined(active_slot(root) / BUNDLE_KNOWLEDGE, redactor)
    except SftaError as error:
        told[bundled] = {"problem": redactor.text(str(error))}
    return told


def jobs(root: Path, redactor: Redactor) -> list[dict[str, Any]]:
    """The newest documents that were handed in, without their names.

    Raises:
        IntegrityError: the list cannot be read.
    """
    columns = ", ".join((*_TOLD, *_NUMBERS))
    with opened_to_read(root / "data/jobs.sqlite") as connection:
        found = connection.execute(
            f"SELECT {columns} FROM jobs ORDER BY number DESC LIMIT {_MOST_JOBS}"  # noqa: S608 fixed names
        )
        return [
            _job(dict(zip((*_TOLD, *_NUMBERS), row, strict=True)), redactor) for row in found
        ]


def metrics(root: Path, text: str | None, redactor: Redactor) -> dict[str, Any]:
    """What can be counted without the server, and what it counted if somebody asked it.

    Args:
        root: of the installation.
        text: what ``/metrics`` has said; None: nobody asked.
        redactor: of this file.
    """
    counted: dict[str, Any] = {"files": _folders(root / "data", redactor)}
    try:
        states = Counter(job["state"] for job in jobs(root, redactor))
        counted["jobs"] = dict(sorted(states.items()))
    except SftaError as error:
        counted["problem"] = redactor.text(str(error))
    return counted if text is None else {**counted, "server": _samples(text, redactor)}


def log_lines(path: Path, redactor: Redactor) -> list[str]:
    """The newest lines of a log, each with the program's own words only."""
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - _LOG_BYTES))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    return [redactor.text(line) for line in lines[-_MOST_LINES:]]


def _examined(path: Path, redactor: Redactor) -> dict[str, Any]:
    told: dict[str, Any] = {}
    try:
        told["bytes"] = sizes(path)
        return {**told, **redactor.tree(examined(path))}
    except (SftaError, OSError) as error:
        return {**told, "problem": redactor.text(str(error))}


def _job(job: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    plain = {name: redactor.tree(job[name]) for name in _NUMBERS}
    kinds = {"id": "job", "name": "document", "owner": "user"}
    kinds |= {"collection": "group", "access": "group"}
    named = {name: redactor.name(job[name], kind) for name, kind in kinds.items()}
    chosen = {
        name: job[name] if job[name] in known else redactor.text(str(job[name]))
        for name, known in (("state", _STATES), ("step", _STEPS))
    }
    error = None if job["error"] is None else redactor.text(str(job["error"]))
    return {**named, **plain, **chosen, "media_type": _media(job["media_type"]), "error": error}


def _media(told: Any) -> str:
    """Text, picture or office file: what comes behind may be anything somebody has claimed."""
    first = str(told).partition("/")[0]
    return first if first in ("application", "text", "image", "message", "") else "other"


def _folders(data: Path, redactor: Redactor) -> dict[str, dict[str, int]]:
    """How many files, and bytes, below each folder of the data."""
    told: dict[str, dict[str, int]] = {}
    for folder, _, names in os.walk(data):
        parts = Path(folder).relative_to(data).parts
        top = redactor.text(parts[0]) if parts else "."
        found = told.setdefault(top, {"files": 0, "bytes": 0})
        for name in names:
            with suppress(FileNotFoundError):  # the device works meanwhile
                found["bytes"] += Path(folder, name).lstat().st_size
                found["files"] += 1
    return told


def _samples(text: str, redactor: Redactor) -> list[dict[str, Any]]:
    return [
        {"name": redactor.text(name), "labels": redactor.tree(labels), "value": value}
        for name, labels, value in _parsed(text)
    ]


def _parsed(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, dict(sample.labels), float(sample.value)
