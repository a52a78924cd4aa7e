"""What a file is, told by its content; the name only decides between kinds of text."""

import codecs
import json
import re
from pathlib import PurePosixPath

from sfta_edge.documents.archive import archive_kind
from sfta_edge.documents.document import UnreadableError

_OPEN_XML = "application/vnd.openxmlformats-officedocument"
PDF = "application/pdf"
DOCX = f"{_OPEN_XML}.wordprocessingml.document"
PPTX = f"{_OPEN_XML}.presentationml.presentation"
XLSX = f"{_OPEN_XML}.spreadsheetml.sheet"
EPUB = "application/epub+zip"
EML = "message/rfc822"
HTML = "text/html"
MARKDOWN = "text/markdown"
JSON = "application/json"
JSON_LINES = "application/jsonl"
CSV = "text/csv"
TSV = "text/tab-separated-values"
PLAIN = "text/plain"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
WEBP = "image/webp"
PICTURES = (PNG, JPEG, TIFF, WEBP)

_SUFFIXES = {
    ".pdf": PDF,
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), DOCX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), XLSX),
    ".epub": EPUB,
    ".eml": EML,
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    **dict.fromkeys((".md", ".markdown", ".mdown"), MARKDOWN),
    ".json": JSON,
    **dict.fromkeys((".jsonl", ".ndjson"), JSON_LINES),
    ".csv": CSV,
    **dict.fromkeys((".tsv", ".tab"), TSV),
    ".txt": PLAIN,
    ".png": PNG,
    **dict.fromkeys((".jpg", ".jpeg", ".jpe"), JPEG),
    **dict.fromkeys((".tif", ".tiff"), TIFF),
    ".webp": WEBP,
}
_ARCHIVES = {"docx": DOCX, "pptx": PPTX, "xlsx": XLSX, "epub": EPUB}
_BINARY = frozenset((PDF, *_ARCHIVES.values(), *PICTURES))
"""What no text can be: such a name on a text is that of a saved error page."""
_TEXTS = frozenset((MARKDOWN, JSON, JSON_LINES, CSV, TSV))
"""Kinds that only the name tells from plain text."""
_READ = (
    "PDF, Word, PowerPoint, Excel, EPUB, e-mail, HTML, Markdown, CSV, JSON, text and pictures "
    "(PNG, JPEG, TIFF, WebP) are read"
)

_HEAD_BYTES = 4096
_PDF_HEADER_BYTES = 1024  # readers accept rubbish of this length before the header
_SIGNATURES = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old office document",
    b"{\\rtf": "a rich text document",
    b"GIF8": "a GIF picture",
    b"\x1f\x8b": "a compressed file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"%!PS": "a PostScript file",
}
_PICTURE_SIGNATURES = {
    b"\x89PNG": PNG,
    b"\xff\xd8\xff": JPEG,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
}
_HTML = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]*):(?:\s|$)")
_MAIL_FIELDS = frozenset(
    (b"from", b"to", b"date", b"subject", b"message-id", b"received", b"mime-version",
     b"return-path", b"delivered-to", b"content-type", b"reply-to", b"sender")
)  # fmt: skip
_MAIL_LINES = 4  # a memo has from, to and subject; a mail has more
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
    """One of the media types that can be read.

    Raises:
        UnreadableError: empty, of another type, damaged, or a text that is named like a
            file which cannot be one.
    """
    if not raw.strip():
        raise UnreadableError(
            "empty", "it holds no bytes" if not raw else "it holds only spaces"
        )
    suffix = PurePosixPath(name).suffix.lower()
    if b"%PDF-" in raw[:_PDF_HEADER_BYTES]:
        return PDF
    if picture := picture_type(raw):
        return picture
    known, kind = _archive(raw) if raw.startswith(_ZIP) else ("", other_kind(raw))
    if known:
        return known
    if _SUFFIXES.get(suffix) in _BINARY and not raw.startswith(_OLE):
        # A saved error page is the usual case: reading it as text would poison the corpus.
        reason = f"it is named {suffix} but holds {kind or 'plain text'}"
        raise UnreadableError("damaged", reason)
    if kind.endswith("password"):
        raise UnreadableError("encrypted", "it is encrypted and asks for a password")
    if kind:
        raise UnreadableError("unsupported", f"it is {kind}; {_READ}")
    return _text_type(raw, suffix)


def is_misnamed(kind: str, name: str) -> bool:
    """Whether the name's ending promises another type than the content is."""
    return (promised_type(name) or kind) != kind


def promised_type(name: str) -> str:
    """Media type that a name's ending promises; empty where it promises nothing."""
    return _SUFFIXES.get(PurePosixPath(name).suffix.lower(), "")


def picture_type(head: bytes) -> str:
    """Media type of a picture that can be read, by its first bytes; else an empty text."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    return next((k for mark, k in _PICTURE_SIGNATURES.items() if head.startswith(mark)), "")


def other_kind(raw: bytes) -> str:
    """What a file is if it is no text, by its beginning; else an empty text."""
    if raw.startswith(_OLE) and _ENCRYPTED_PACKAGE in raw:
        return "an office document with a password"
    head = raw[:_HEAD_BYTES]
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if any(head.startswith(mark) for mark in _BOMS):
        return ""
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return "a binary file" if b"\x00" in head or control * 20 > len(head) else ""


def _archive(raw: bytes) -> tuple[str, str]:
    kind, words = archive_kind(raw)
    return _ARCHIVES.get(kind, ""), words


def _text_type(raw: bytes, suffix: str) -> str:
    head = raw[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8)
    named = _SUFFIXES.get(suffix, PLAIN)
    if _HTML.match(head) or (named == HTML and b"<" in raw):
        return HTML
    if _is_mail(head, least=1 if named == EML else _MAIL_LINES):
        return EML
    if named in (PLAIN, CSV, TSV) and _is_json(raw):
        return JSON
    return named if named in _TEXTS else PLAIN


def _is_json(raw: bytes) -> bool:
    """Whether a file is one JSON object or list, all of it."""
    if raw.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _is_mail(head: bytes, *, least: int) -> bool:
    """Whether a file begins with the lines a mail begins with."""
    found = 0
    for number, line in enumerate(head.splitlines()):
        if line[:1] in (b" ", b"\t") and number:
            continue
        if not (field := _FIELD.match(line)):
            return found >= least and not line.strip()
        found += field[1].lower() in _MAIL_FIELDS
    return found >= least


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


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
