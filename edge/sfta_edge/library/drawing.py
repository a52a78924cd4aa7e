"""A page of a PDF as a PNG; runs in the confined process."""

import struct
import zlib
from contextlib import closing

import pypdfium2 as pdfium

from sfta_edge.documents.document import UnreadableError
from sfta_edge.documents.pdf.reader import frame_of, open_pdf

_ANY_NUMBER_OF_PAGES = 1 << 31
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_LEVEL = 6


def draw_page(raw: bytes, number: int, width: int, most_pixels: int) -> bytes:
    """PNG of page `number`, from 1, `width` pixels wide.

    Raises:
        UnreadableError: no PDF, no such page, a page that is damaged or out of all proportion.
    """
    with closing(open_pdf(raw, _ANY_NUMBER_OF_PAGES)) as document:
        if not 1 <= number <= len(document):
            raise UnreadableError("damaged", f"it has no page {number}")
        try:
            with closing(document[number - 1]) as page:
                across, down = frame_of(page).size
                if width * round(width * down / across) > most_pixels:
                    raise UnreadableError("too_large", f"page {number} is too tall to be drawn")
                bitmap = page.render(
                    scale=width / across, rev_byteorder=True, may_draw_forms=False
                )
        except (pdfium.PdfiumError, ValueError) as error:
            raise UnreadableError("damaged", f"page {number} cannot be drawn") from error
        with closing(bitmap):
            rows = memoryview(bitmap.buffer)
            lines = (
                bytes(rows[at : at + 3 * bitmap.width])
                for at in range(0, bitmap.stride * bitmap.height, bitmap.stride)
            )
            return png(bitmap.width, bitmap.height, b"".join(b"\0" + line for line in lines))


def png(width: int, height: int, scanlines: bytes) -> bytes:
    """A PNG of 8-bit RGB rows, each after its filter byte (PNG 1.2, RFC 2083)."""
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    packed = zlib.compress(scanlines, _LEVEL)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", packed), _chunk(b"IEND", b""))
    return b"".join((_SIGNATURE, *parts))


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
