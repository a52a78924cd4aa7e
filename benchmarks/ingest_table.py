"""What ingest makes of every file in some folders: read, or set aside and why.

    python benchmarks/ingest_table.py [FOLDER ...] [--json] [--ocr off|auto|always]

One row per file, and one per page that is missing from its document. Files go through the
ingest stage as in a run, with results kept in a temporary cache only.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages
from sfta.recipe import Recipe
from sfta.stages import ingest

FOLDER = Path(__file__).parents[1] / "configs/quickstart/documents"
COLUMNS = ("file", "became", "pages", "characters", "ocr", "reason")
Row = dict[str, Any]


def table(folders: list[Path], mode: str) -> list[Row]:
    """Rows sorted by file and page."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        recipe = build(
            Recipe,
            {
                "name": "table",
                "ingest": {
                    "sources": [str(f.resolve()) for f in folders],
                    "ocr": {"mode": mode},
                },
                "model": {"base": "package://none/none.gguf"},
            },
            name="table",
        )
        runtime = Runtime(runs=scratch / "runs", cache=scratch / "cache")
        made = run_stages([ingest.STAGE], recipe, runtime)["documents"]
        rows = [_read(document) for document in _lines(made.file(ingest.DOCUMENTS))]
        rows += [_left_out(failure) for failure in _lines(made.file(ingest.QUARANTINE))]
    return sorted(rows, key=lambda row: (row["file"], row["pages"]))


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _read(document: Row) -> Row:
    sure = [p["confidence"] for p in document["pages"] if "confidence" in p]
    return {
        "file": document["name"],
        "became": "document",
        "pages": str(len(document["pages"])),
        "characters": sum(len(page["text"]) for page in document["pages"]),
        "ocr": f"{len(sure)} pages, {sum(sure) / len(sure):.0f} % sure" if sure else "",
        "reason": "",
    }


def _left_out(failure: Row) -> Row:
    return {
        "file": failure["name"],
        "became": failure["code"],
        "pages": f"page {failure['page']}" if failure["page"] else "",
        "characters": "",
        "ocr": "",
        "reason": failure["reason"],
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="*", default=[FOLDER])
    parser.add_argument("--ocr", choices=("off", "auto", "always"), default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    rows = table(options.folders, options.ocr)
    if options.json:
        print(json.dumps(rows))
        return
    cells = [COLUMNS, *(tuple(str(row[column]) for column in COLUMNS) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
    read = sum(row["became"] == "document" for row in rows)
    taken = time.perf_counter() - started
    print(
        f"{read} documents, {len(rows) - read} files and pages set aside, {taken:.0f} seconds"
    )


if __name__ == "__main__":
    main()
