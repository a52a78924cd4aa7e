"""A program `tesseract` that answers what a test wants, and pictures for the real one."""

import io
import os
import shutil
from html import escape

import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from sfta.documents.ocr.tesseract import find_engine

PAPER = (1654, 2339)  # A4 at 200 pixels per inch
DPI = 200
PROSE = [
    "The compressor delivers air without oil.",
    "Both rotors turn in dry air all the time.",
    "Check the water level before each start.",
    "Close valve V12 after the pressure test.",
]
HAS_TESSERACT = shutil.which("tesseract") is not None
needs_tesseract = pytest.mark.skipif(
    not HAS_TESSERACT, reason="tesseract is not installed: apt-get install tesseract-ocr"
)
_SCRIPT = """#!/bin/sh
case "$1" in
--version) printf 'tesseract {version}\\n leptonica-1.82.0\\n' ;;
--list-langs) printf 'List of available languages in "{folder}" (2):\\n{languages}\\n' ;;
*)
    echo "$*" >> '{folder}/runs'
    env | sort > '{folder}/environment'
    cat > '{folder}/pixels'
    {extra}
    case "$*" in *"--psm 0"*) cat '{folder}/orientation' ;; *) cat '{folder}/hocr' ;; esac ;;
esac
"""


def hocr(lines, *, confidence=95, slope=0.0, angle=""):
    """HOCR of lines of words at 300 dpi, 12-point letters one below the other."""
    spans = []
    for number, text in enumerate(lines):
        x, y, words = 300, 300 + 60 * number, []
        for word in text.split():
            width = 24 * len(word)
            title = f"bbox {x} {y} {x + width} {y + 40}; x_wconf {confidence}"
            words.append(f"<span class='ocrx_word' title='{title}'>{escape(word)}</span>")
            x += width + 24
        title = f"bbox 300 {y} {x - 24} {y + 40}; baseline {slope} -8; x_size 50{angle}"
        spans.append(f"<span class='ocr_line' title='{title}'>{''.join(words)}</span>")
    return f"<html><body><div class='ocr_page'>{''.join(spans)}</div></body></html>"


class Pretended:
    """The pretended program in a folder, first on PATH."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        self.answer(hocr(PROSE))
        self.orientation(0)
        self.write()

    def write(self, *, version="5.3.0", languages=("eng", "osd"), extra=":"):
        """Install the program; `extra` is shell that runs before it answers."""
        text = _SCRIPT.format(
            version=version,
            folder=self.folder,
            languages="\\n".join(languages),
            extra=extra,
        )
        for language in languages:
            (self.folder / f"{language}.traineddata").write_text(language)
        program = self.folder / "tesseract"
        program.write_text(text)
        program.chmod(0o755)
        find_engine.cache_clear()

    def answer(self, text):
        """What it says about the text of a page."""
        (self.folder / "hocr").write_text(text)

    def orientation(self, turn, confidence=10.0):
        """What it says about the side that is up."""
        said = f"Rotate: {turn}\nOrientation confidence: {confidence}\n"
        (self.folder / "orientation").write_text(said)

    @property
    def runs(self):
        """Arguments of each run, oldest first."""
        path = self.folder / "runs"
        return path.read_text().splitlines() if path.exists() else []


def without_tesseract(folder, monkeypatch):
    """A PATH with a shell's programs and no tesseract."""
    for name in ("sh", "env", "cat", "sort"):
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    find_engine.cache_clear()


def sheet(lines=PROSE, *, size=PAPER, step=90):
    """A grey page with printed lines."""
    image = Image.new("L", size, 255)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=44)
    for number, line in enumerate(lines):
        pen.text((200, 300 + step * number), line, fill=0, font=font)
    return image


def saved(image, kind="PNG", **options):
    """The picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, dpi=(DPI, DPI), **options)
    return stream.getvalue()


def scan(image, *, header="", pages=1):
    """A PDF whose pages are the picture, with a header as text."""
    with pymupdf.open() as document:
        for _ in range(pages):
            page = document.new_page()
            page.insert_image(page.rect, stream=saved(image))
            if header:
                page.insert_text((72, 40), header, fontsize=8)
        return document.tobytes(deflate=True)
