"""Character error rate of OCR against a text file of the same name.

    python benchmarks/ocr.py [FOLDER] [--json]

Each PDF or picture in the folder that has a `.txt` beside it is read by the parser of ingest with
mode `always`. Without a folder a page drawn here is read: print, not a scan, so next to no error.

The rate is Levenshtein's distance (rapidfuzz) by the length of the reference. Both texts are
normalised alike first: Unicode NFKC; quotes, dashes and bullets to one spelling each; all white
space to one space. `as read` leaves it at that. `letters and digits` folds case and drops the rest,
so that it is about words and not about which dash or bullet a reference happens to use.
"""

import argparse
import io
import json
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from sfta.documents.config import IngestConfig, OcrConfig
from sfta.documents.parse import ParseOptions, parse
from sfta.stages.parsing import ocr_of

SUFFIXES = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
SPELLINGS = {
    re.compile("[\u2018\u2019\u201b\u2032`]"): "'",
    re.compile("[\u201c\u201d\u201e\u2033]|''"): '"',
    re.compile(r"\s*[\u2010-\u2015\u2212]\s*|\s+--?\s+"): "-",
    re.compile(r"(?<!\S)[\u2022\u00a2\u00a9\u00ae*0](?=\s)"): "\u2022",
}
SAMPLE = """The compressor delivers air without oil.
Both rotors turn in dry air all the time.
Check the water level before each start.
Close valve V12 after the pressure test."""


def normalised(text: str) -> str:
    """One spelling of quotes, dashes, bullets and spaces."""
    text = unicodedata.normalize("NFKC", text)
    for pattern, spelling in SPELLINGS.items():
        text = pattern.sub(spelling, text)
    return " ".join(text.split())


def letters(text: str) -> str:
    """Letters and digits only, without case."""
    return "".join(char for char in normalised(text).casefold() if char.isalnum())


def rate(read: str, reference: str) -> float:
    """Edits for each character of the reference."""
    return Levenshtein.distance(read, reference) / max(len(reference), 1)


def sample(folder: Path) -> None:
    """A page of print and its text."""
    image = Image.new("L", (1654, 2339), 255)
    font = ImageFont.load_default(size=44)
    for number, line in enumerate(SAMPLE.splitlines()):
        ImageDraw.Draw(image).text((200, 300 + 90 * number), line, fill=0, font=font)
    stream = io.BytesIO()
    image.save(stream, "PNG", dpi=(200, 200))
    (folder / "sample.png").write_bytes(stream.getvalue())
    (folder / "sample.txt").write_text(SAMPLE)


def measure(folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """The engine, and one row per file that has a reference."""
    setting = ocr_of(IngestConfig(sources=["x"], ocr=OcrConfig(mode="always")))
    rows = []
    for path in sorted(folder.iterdir()):
        reference = path.with_suffix(".txt")
        if path.suffix.lower() not in SUFFIXES or not reference.exists():
            continue
        parsed = parse(path.read_bytes(), path.name, ParseOptions(ocr=setting))
        read = "\n".join(page.text for page in parsed.pages)
        truth = reference.read_text("utf-8", errors="replace")
        sure = [p.confidence for p in parsed.pages if p.confidence is not None]
        rows.append(
            {
                "file": path.name,
                "pages": len(parsed.pages),
                "confidence": round(sum(sure) / max(len(sure), 1), 1),
                "characters": len(normalised(truth)),
                "as read": round(rate(normalised(read), normalised(truth)), 4),
                "letters and digits": round(rate(letters(read), letters(truth)), 4),
            }
        )
    return setting.engine, rows


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.folder is None:
            sample(Path(name))
        engine, rows = measure(options.folder or Path(name))
    if options.json:
        print(json.dumps({"engine": engine, "rows": rows}))
        return
    print(engine)
    if not rows:
        raise SystemExit("no file with a text of the same name")
    for line in [list(rows[0]), *(row.values() for row in rows)]:
        print("  ".join(str(cell).ljust(18) for cell in line).rstrip())


if __name__ == "__main__":
    main()
