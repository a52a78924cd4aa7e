"""Pages per second of reading PDF files, beside pymupdf4llm on the same pages.

    python benchmarks/ingest.py [FOLDER] [--most-pages 40] [--json]

Each document is cut to its first pages and saved anew, and all arms read those files. The arms of
one process take turns file by file, so what else the machine does falls on all of them alike.
What an arm cannot read is left out for all. Plain pymupdf4llm comes in two ways: by rules, and with
its layout model (without OCR). Ours is measured alone and as the ingest stage runs it, a process
for each file, with one worker and with two.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf
import pymupdf4llm

from sfta.core.stage import Runtime
from sfta.documents.config import IngestConfig
from sfta.documents.document import Parsed, UnreadableError
from sfta.documents.parse import ParseOptions, parse
from sfta.stages.parsing import File, parse_files
from sfta_edge.manifest import sha256_file

FOLDER = Path(__file__).parents[1] / "configs/quickstart/documents"
REFERENCE = "pymupdf4llm, rules"
Read = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Document:
    """One file to read."""

    path: Path
    pages: int


def prepare(folder: Path, most_pages: int, scratch: Path) -> list[Document]:
    """The PDF files of a folder that open without a password, cut to their first pages."""
    found = []
    for path in sorted(folder.rglob("*.pdf")):
        with contextlib.suppress(pymupdf.FileDataError), pymupdf.open(path) as document:
            if document.needs_pass:
                continue
            document.select(range(min(most_pages, len(document))))
            target = scratch / f"{len(found):03d}-{path.name}"
            document.save(target, garbage=3)
            found.append(Document(target, len(document)))
    return found


def with_rules(path: Path) -> object:
    """Plain pymupdf4llm by its rules."""
    pymupdf4llm.use_layout(False)
    return pymupdf4llm.to_markdown(str(path), show_progress=False)


def with_layout(path: Path) -> object:
    """Plain pymupdf4llm with its layout model."""
    pymupdf4llm.use_layout(True)
    return pymupdf4llm.to_markdown(str(path), show_progress=False, use_ocr=False)


def ours(path: Path) -> object:
    """The parser of ingest, in this process."""
    return parse(path.read_bytes(), path.name, ParseOptions())


def take_turns(
    documents: Sequence[Document], arms: dict[str, Read]
) -> tuple[list[Document], dict[str, float]]:
    """The documents that every arm can read, and seconds by arm."""
    for arm in arms.values():
        with contextlib.suppress(UnreadableError, RuntimeError, ValueError):
            arm(documents[0].path)  # the first call loads libraries and models
    seconds = dict.fromkeys(arms, 0.0)
    read = []
    for document in documents:
        taken = {}
        for name, arm in arms.items():
            started = time.perf_counter()
            with contextlib.suppress(UnreadableError, RuntimeError, ValueError):
                if arm(document.path):
                    taken[name] = time.perf_counter() - started
        if len(taken) == len(arms):
            read.append(document)
            for name, value in taken.items():
                seconds[name] += value
    return read, seconds


def as_ingest(documents: Sequence[Document], workers: int, scratch: Path) -> float:
    """Seconds of the ingest stage's own way, with nothing kept from before."""
    work = scratch / f"work-{workers}"
    work.mkdir()
    files = [File(d.path, d.path.name, sha256_file(d.path)[0]) for d in documents]
    runtime = Runtime(cache=scratch / f"cache-{workers}", workers=workers)
    started = time.perf_counter()
    results = list(parse_files(files, IngestConfig(sources=["x"]), runtime, work))
    taken = time.perf_counter() - started
    if not all(isinstance(result, Parsed) for result in results):
        raise SystemExit("a document was read in this process and not in its own")
    return taken


def measure(folder: Path, most_pages: int, *, layout: bool) -> list[dict[str, Any]]:
    """One row per arm: pages, seconds, pages per second, and the ratio to the reference."""
    arms: dict[str, Read] = {REFERENCE: with_rules}
    if layout:
        arms["pymupdf4llm, layout model"] = with_layout
    arms["ours, parser alone"] = ours
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        prepared = prepare(folder, most_pages, scratch)
        if not prepared:
            raise SystemExit(f"{folder} holds no PDF that opens")
        documents, seconds = take_turns(prepared, arms)
        for workers in (1, 2):
            arm = f"ours, ingest, {workers} worker{'s' if workers > 1 else ''}"
            seconds[arm] = as_ingest(documents, workers, scratch)
    pages = sum(document.pages for document in documents)
    if not pages:
        raise SystemExit(f"{folder} holds no PDF that every arm can read")
    return [
        {
            "arm": arm,
            "documents": len(documents),
            "pages": pages,
            "seconds": round(taken, 2),
            "pages_per_second": round(pages / taken, 2),
            "ratio": round(seconds[REFERENCE] / taken, 2),
        }
        for arm, taken in seconds.items()
    ]


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--most-pages", type=int, default=40)
    parser.add_argument("--no-layout", action="store_true", help="leave the slow arm out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    rows = measure(options.folder, options.most_pages, layout=not options.no_layout)
    if options.json:
        print(json.dumps({"load_before": before, "rows": rows}))
        return
    print(f"{len(os.sched_getaffinity(0))} cores, load {before:.1f} before")
    for line in [list(rows[0]), *(row.values() for row in rows)]:
        print("  ".join(str(cell).ljust(26) for cell in line).rstrip())


if __name__ == "__main__":
    main()
