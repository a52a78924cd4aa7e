"""Command line that renders the quickstart sources to PDF, or checks the PDFs on disk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from renderer.build import render_source

FOLDER = Path(__file__).resolve().parent
SOURCES = FOLDER / "sources"
DOCUMENTS = FOLDER / "documents"


def render_all(sources: Path = SOURCES) -> dict[str, bytes]:
    """Render every source and return the PDF bytes by file name."""
    return {
        f"{path.stem}.pdf": render_source(path.read_text(encoding="utf-8"))
        for path in sorted(sources.glob("*.md"))
    }


def stale_documents(rendered: dict[str, bytes], documents: Path = DOCUMENTS) -> list[str]:
    """Return the names of PDFs that are missing, different, or have no source."""
    on_disk = {path.name: path.read_bytes() for path in documents.glob("*.pdf")}
    names = sorted(set(rendered) | set(on_disk))
    return [name for name in names if rendered.get(name) != on_disk.get(name)]


def main(arguments: list[str] | None = None) -> int:
    """Write the PDFs, or with ``--check`` compare them; return the exit status."""
    parser = argparse.ArgumentParser(description="Render the quickstart documents.")
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit 1 if a PDF differs"
    )
    options = parser.parse_args(arguments)
    rendered = render_all()
    if options.check:
        stale = stale_documents(rendered)
        for name in stale:
            print(f"differs from its source: {name}", file=sys.stderr)
        return 1 if stale else 0
    DOCUMENTS.mkdir(exist_ok=True)
    for name, data in rendered.items():
        (DOCUMENTS / name).write_bytes(data)
        print(f"wrote {name} ({len(data)} bytes)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
