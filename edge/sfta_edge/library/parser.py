"""The process that looks into one file: ``python -I -m sfta_edge.library.parser JOB``.

The file is standard input, the result is standard output: JSON, or a PNG. Before the file is
read the process gives up the network, other programs and processes, writing, and all memory but
what the job grants. It is given no secrets: its environment is empty.
"""

import importlib
import json
import os
import sys
from typing import Any

from sfta_edge.confinement import Bounds, confine, end_with_parent
from sfta_edge.documents.document import UnreadableError
from sfta_edge.documents.reading import read_document
from sfta_edge.documents.rules import ReadOptions
from sfta_edge.filtered_calls import Grants
from sfta_edge.manifest import canonical_json

_HEAD_BYTES = 4096
_ZIP, _PDF = b"PK\x03\x04", b"%PDF-"
_FOR_PDF = (
    "heapq",
    "statistics",
    "sfta_edge.documents.pdf.reader",
    "sfta_edge.library.drawing",
)
"""All that reading a PDF loads, also what libraries load when they first need it."""
_TOO_MUCH_MEMORY = "it needs more memory than reading may take on this device"


def main() -> None:
    """Do the job that the first argument describes."""
    end_with_parent()
    job = json.loads(sys.argv[1])
    head = os.pread(0, _HEAD_BYTES, 0)
    is_pdf = _PDF in head or job["task"] == "draw"
    _warm_up(head, is_pdf=is_pdf)
    # Only PDFs are read by native code that looks at bytes of the file as they are. The readers
    # of the others load tables and templates when they first need them.
    confine(Bounds(job["memory_bytes"], job["seconds"]), Grants(read_files=not is_pdf))
    result = _result(job)
    with os.fdopen(1, "wb") as out:
        out.write(result)


def _warm_up(head: bytes, *, is_pdf: bool) -> None:
    """Load the parser before memory is limited, so that the limit is about the file."""
    for name in _FOR_PDF if is_pdf else ():
        importlib.import_module(name)
    if head.startswith(_ZIP):
        importlib.import_module("sfta_edge.documents.docx.reader")


def _result(job: dict[str, Any]) -> bytes:
    try:
        with os.fdopen(0, "rb") as stream:
            raw = stream.read()
        if job["task"] == "draw":
            from sfta_edge.library.drawing import draw_page

            return draw_page(raw, job["page"], job["width"], job["pixels"])
        parsed = read_document(raw, job["name"], ReadOptions(**job["options"]))
        return canonical_json({"document": parsed.to_json()})
    except UnreadableError as error:
        return _failure(error.code, str(error))
    except MemoryError:
        return _failure("too_large", _TOO_MUCH_MEMORY)
    except RecursionError:
        return _failure("damaged", "it is nested too deeply")


def _failure(code: str, reason: str) -> bytes:
    return canonical_json({"failure": {"code": code, "reason": reason}})


if __name__ == "__main__":
    main()
