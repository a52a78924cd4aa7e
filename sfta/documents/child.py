"""The process that parses one file: ``python -m sfta.documents.child`` with a job on stdin.

It limits its own memory, processor time and files before it looks at the file, and leaves
one result file behind. It is given no secrets: its environment holds no variable it does
not need.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfta.documents.document import UnreadableError
from sfta.documents.media import picture_type
from sfta.documents.parse import ParseOptions, parse
from sfta_edge.manifest import canonical_json, write_durably

_HEAD_BYTES = 4096
_TAIL_BYTES = 1 << 16  # an archive lists its parts at its end
_READERS = {
    b"%PDF-": "sfta.documents.pdf.reader",
    b"word/document": "sfta.documents.docx.reader",
    b"ppt/presentation": "sfta.documents.pptx.reader",
    b"xl/workbook": "sfta.documents.xlsx.reader",
}
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
_LARGEST_RESULT_BYTES = 1 << 30


def main() -> None:
    """Parse the file that the job names and write the result."""
    _end_with_parent()
    job = json.load(sys.stdin)
    # Parsers write advice to standard output; the result goes to a file.
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    path, options = Path(job["path"]), ParseOptions.from_json(job["options"])
    options = replace(options, ocr=replace(options.ocr, beats=job["beats"], kept=job["kept"]))
    _warm_up(path)
    _limit(job["memory_bytes"], job["seconds"])
    write_durably(Path(job["out"]), canonical_json(_result(path, job["name"], options)))


def _end_with_parent() -> None:
    """A killed run leaves no parser behind."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _result(path: Path, name: str, options: ParseOptions) -> dict[str, Any]:
    try:
        return {"document": parse(path.read_bytes(), name, options).to_json()}
    except UnreadableError as error:
        return {"failure": {"code": error.code, "reason": str(error)}}
    except MemoryError:
        reason = "it needs more memory than ingest.limits.memory_mb allows"
        return {"failure": {"code": "too_large", "reason": reason}}
    except RecursionError:
        return {"failure": {"code": "damaged", "reason": "it is nested too deeply"}}


def _warm_up(path: Path) -> None:
    """Load the parser before memory is limited, so that the limit is about the file.

    Nothing of the file is read but its ends: what it holds is looked at under the limits.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = stream.read()
    if picture_type(head):
        importlib.import_module("sfta.documents.ocr.picture")
    for mark, module in _READERS.items():
        if mark in (head if module.endswith("pdf.reader") else tail):
            importlib.import_module(module)


def _limit(memory_bytes: int, seconds: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    _lower(resource.RLIMIT_AS, now + memory_bytes)
    # The hard limit kills without a name; a second earlier the soft one says it was the time.
    _lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    _lower(resource.RLIMIT_FSIZE, _LARGEST_RESULT_BYTES)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(limit: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, never above the one that already holds."""
    _, most = resource.getrlimit(limit)
    wanted = (soft, soft if hard is None else hard)
    allowed = wanted if most == resource.RLIM_INFINITY else tuple(min(v, most) for v in wanted)
    resource.setrlimit(limit, (allowed[0], allowed[1]))


if __name__ == "__main__":
    main()
