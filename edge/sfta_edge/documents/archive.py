"""Zip archives: what kind of document one is, and whether it may be unpacked at all.

Everything is checked before a library for the format sees the file: number and names of the
parts, what they would unpack to, what they do unpack to, and that no XML part of an office
file declares a document type, which is where entity bombs and external entities live.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from xml.parsers import expat

from sfta_edge.documents.document import UnreadableError

_MOST_PARTS = 20_000
_MOST_RATIO = 250
"""Deflate packs repeated bytes 1032 times; sheets full of the same number reach a hundred."""
_SMALL_BYTES = 1 << 20  # below that no ratio does harm
_CHUNK_BYTES = 1 << 16
_HEADER_BYTES = 30
_MEGABYTE = 1 << 20
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_ENCRYPTED = 0x1
_ENCODING_ERRORS = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_UNKNOWN_ENCODING,
        expat.errors.XML_ERROR_INCORRECT_ENCODING,
    )
)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError)

CONTENT_TYPES = "[Content_Types].xml"
_MIMETYPE = "mimetype"
_MARK_BYTES = 1 << 20
_OFFICE = {
    "docx": rb"wordprocessingml\.(?:document|template)\.main\+xml"
    rb"|ms-word\.(?:document|template)\.macroEnabled",
    "pptx": rb"presentationml\.(?:presentation|slideshow|template)\.main\+xml"
    rb"|ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled\.main",
    "xlsx": rb"spreadsheetml\.(?:sheet|template)\.main\+xml"
    rb"|ms-excel\.(?:sheet|template)\.macroEnabled",
}
_STRICT = b"http://purl.oclc.org/ooxml/"


def archive_kind(raw: bytes) -> tuple[str, str]:
    """Which document a zip archive is: `docx`, `pptx`, `xlsx`, `epub` or nothing, and in words.

    Raises:
        UnreadableError: it is cut short or damaged.
    """
    with _opened(raw) as archive:
        mark = _read_mark(archive, _MIMETYPE).strip()
        if mark == b"application/epub+zip":
            return "epub", "an EPUB book"
        if mark.startswith(b"application/vnd.oasis.opendocument"):
            return "", "an OpenDocument file"
        declared = _read_mark(archive, CONTENT_TYPES)
        if b"ms-excel.sheet.binary" in declared:
            return "", "a binary Excel workbook"
        for kind, pattern in _OFFICE.items():
            if re.search(pattern, declared):
                if _STRICT in _read_mark(archive, "_rels/.rels"):
                    return "", "an office document in the strict variant of Open XML"
                return kind, "an office document"
    return "", "a zip archive"


def check_archive(raw: bytes, most_bytes: int, *, office: bool) -> None:
    """Let pass what may be unpacked into memory and, of an office file, parsed as XML.

    Raises:
        UnreadableError: `damaged`, `encrypted` or `too_large`; says what is wrong.
    """
    with _opened(raw) as archive:
        entries = archive.infolist()
        _check_entries(entries)
        _check_sizes(entries, most_bytes)
        for entry in entries:
            prolog = _Prolog() if office else None
            for chunk in _unpacked(archive, entry):
                if prolog:
                    prolog.feed(chunk)


def count_parts(raw: bytes, folder: str) -> int:
    """How many parts of an archive lie in a folder."""
    with _opened(raw) as archive:
        return sum(name.startswith(folder) for name in archive.namelist())


def with_content_type(raw: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with a content type replaced in the list of its parts, wherever it matches.

    Templates and files with macros differ from plain ones in that line only; the libraries
    refuse them because of it.
    """
    written = BytesIO()
    with _opened(raw) as archive:
        if not re.search(old, archive.read(CONTENT_TYPES)):
            return raw
    with _opened(raw) as archive, zipfile.ZipFile(written, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename == CONTENT_TYPES:
                content = re.sub(old, new, content)
            copy.writestr(entry.filename, content)
    return written.getvalue()


class _Prolog:
    """Looks at the beginning of a part, up to its first element."""

    def __init__(self) -> None:
        self._parser: expat.XMLParserType | None = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._done

    def feed(self, chunk: bytes) -> None:
        """Raises UnreadableError for a document type or an encoding nobody needs."""
        if self._parser is None:
            return
        try:
            self._parser.Parse(chunk, False)
        except StopIteration:
            self._parser = None
        except (LookupError, ValueError) as error:
            raise _odd_encoding() from error
        except expat.ExpatError as error:
            if error.code in _ENCODING_ERRORS:
                raise _odd_encoding() from error
            # No XML: a picture, a font. What is broken XML the parser of the format refuses.
            self._parser = None

    def _refuse(self, *_: object) -> None:
        reason = "a part of it declares an XML document type, which office files may not"
        raise UnreadableError("damaged", reason)

    def _done(self, *_: object) -> None:
        raise StopIteration


def _opened(raw: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BytesIO(raw))
    except _BROKEN as error:
        reason = "it is a zip archive that is cut short or damaged"
        raise UnreadableError("damaged", reason) from error


def _read_mark(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as stream:
            return stream.read(_MARK_BYTES)
    except KeyError:
        return b""
    except (*_BROKEN, RuntimeError) as error:
        raise _damaged(name) from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MOST_PARTS:
        raise UnreadableError("too_large", f"it is an archive of {len(entries)} parts")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise UnreadableError("encrypted", "it is encrypted and asks for a password")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UnreadableError("damaged", "it is an archive with two parts of one name")
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise UnreadableError("damaged", "a part of it is compressed in an unusual way")
    placed = sorted(entries, key=lambda entry: entry.header_offset)
    for left, right in pairwise(placed):
        least = left.header_offset + _HEADER_BYTES + len(left.filename) + left.compress_size
        if least > right.header_offset:
            raise UnreadableError("damaged", "parts of it overlap, as in a zip bomb")


def _check_sizes(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        size = f"{total / _MEGABYTE:.0f} MiB"
        reason = f"it unpacks to {size}, more than ingest.limits.unpacked_mb allows"
        raise UnreadableError("too_large", reason)
    for entry in entries:
        packed = max(entry.compress_size, 1)
        if entry.file_size > _SMALL_BYTES and entry.file_size > _MOST_RATIO * packed:
            times = entry.file_size // packed
            reason = f"a part of it unpacks to {times} times its size, as in a zip bomb"
            raise UnreadableError("too_large", reason)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The part in chunks: a part that is longer than it says never fills the memory."""
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk
    except _BROKEN as error:
        raise _damaged(entry.filename) from error


def _odd_encoding() -> UnreadableError:
    reason = "a part of it is XML in an encoding that office files do not use"
    return UnreadableError("damaged", reason)


def _damaged(part: str) -> UnreadableError:
    shown = part if part.isprintable() and len(part) < 100 else "one of its parts"
    return UnreadableError("damaged", f"it is damaged: {shown} cannot be unpacked")
