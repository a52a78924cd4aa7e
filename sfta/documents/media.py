"""What a file is, told by its content; the name only decides between kinds of text."""

import codecs
import re
from pathlib import PurePosixPath

from sfta.documents.document import UnreadableError

PDF = "application/pdf"
HTML = "text/html"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"
PICTURES = ("image/png", "image/jpeg", "image/tiff", "image/webp")

_HEAD_BYTES = 4096
_PDF_HEADER_BYTES = 1024  # readers accept rubbish of this length before the header
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive or an office document",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old office document",
    b"{\\rtf": "a rich text document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"II*\x00": "a picture",
    b"MM\x00*": "a picture",
    b"\x1f\x8b": "a compressed file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"%!PS": "a PostScript file",
}
_PICTURE_SIGNATURES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
_HTML = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# A few foreign bytes are too little to tell one code page from another.
_TELLING_BYTES = 16
_USUAL_CODE_PAGE = "cp1252"


def media_type(raw: bytes, name: str) -> str:
    """The media type, one of those that can be read.

    Raises:
        UnreadableError: empty, of another type, or no PDF in spite of its name.
    """
    if not raw.strip():
        raise UnreadableError(
            "empty", "it holds no bytes" if not raw else "it holds only spaces"
        )
    suffix = PurePosixPath(name).suffix.lower()
    if b"%PDF-" in raw[:_PDF_HEADER_BYTES]:
        return PDF
    kind = _other_kind(raw)
    if suffix == ".pdf":
        # A saved error page is the usual case: reading it as text would poison the corpus.
        raise UnreadableError("damaged", f"it is named .pdf but holds {kind or 'plain text'}")
    if picture := _picture(raw):
        return picture
    if kind:
        raise UnreadableError(
            "unsupported",
            f"it is {kind}; PDF, Markdown, HTML, plain text and pictures are read",
        )
    if _HTML.match(raw[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8)):
        return HTML
    if suffix in (".html", ".htm", ".xhtml") and b"<" in raw:
        return HTML
    return MARKDOWN if suffix in (".md", ".markdown", ".mdown") else PLAIN


def _picture(raw: bytes) -> str:
    """Media type of a picture that can be read, else an empty text."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((k for mark, k in _PICTURE_SIGNATURES.items() if raw.startswith(mark)), "")


def decode(raw: bytes) -> tuple[str, bool]:
    """Text of a file with unix line ends, and whether its encoding had to be guessed."""
    for mark, encoding in _BOMS.items():
        if raw.startswith(mark):
            return _unix(raw.decode(encoding, errors="replace")), False
    try:
        return _unix(raw.decode("utf-8")), False
    except UnicodeDecodeError:
        return _unix(_guess(raw)), True


def _guess(raw: bytes) -> str:
    if sum(byte > 127 for byte in raw) >= _TELLING_BYTES:
        from charset_normalizer import from_bytes

        best = from_bytes(raw).best()
        if best is not None:
            return str(best)
    return raw.decode(_USUAL_CODE_PAGE, errors="replace")


def _other_kind(raw: bytes) -> str:
    """What the file is if it is no text, else an empty text."""
    head = raw[:_HEAD_BYTES]
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if any(head.startswith(mark) for mark in _BOMS):
        return ""
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return "a binary file" if b"\x00" in head or control * 20 > len(head) else ""


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
