"""Names that documents, collections and groups may have. No name is ever used as a path."""

import unicodedata

from sfta_edge.caller import groups_of
from sfta_edge.documents.media import (
    CSV,
    DOCX,
    HTML,
    MARKDOWN,
    PDF,
    PLAIN,
    TSV,
    other_kind,
    picture_type,
    promised_type,
)
from sfta_edge.documents.reading import READ
from sfta_edge.library.job import Place
from sfta_edge.library.refusals import BadNameError, UnreadKindError

_LONGEST_NAME = 255
_LONGEST_LABEL = 100
_READABLE = frozenset({PDF, DOCX, HTML, MARKDOWN, CSV, TSV, PLAIN})
_ZIP, _PDF, _OLE = b"PK\x03\x04", b"%PDF-", b"\xd0\xcf\x11\xe0"
_PDF_HEADER_BYTES = 1024


def checked_name(name: str) -> str:
    """The name of a file as it is kept; folders before it stay part of it.

    Raises:
        BadNameError: empty, too long, with characters nobody sees, or leading out of a folder.
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    checked = "/".join(parts)
    if not checked.strip() or len(checked) > _LONGEST_NAME:
        raise BadNameError(f"a file's name has 1 to {_LONGEST_NAME} characters")
    if any(part.strip() in ("", ".", "..") for part in parts):
        raise BadNameError("a file's name may not lead out of its folder")
    _require_visible(checked, "a file's name")
    return checked


def checked_place(collection: str, access: str) -> Place:
    """Where a document belongs, spelled in one way.

    Raises:
        BadNameError: the collection or a group has a name that cannot be one.
    """
    collection = unicodedata.normalize("NFC", collection).strip()
    groups = sorted(unicodedata.normalize("NFC", group) for group in groups_of(access))
    for label, what in (
        (collection, "a collection"),
        *((group, "a group") for group in groups),
    ):
        if len(label) > _LONGEST_LABEL:
            raise BadNameError(f"the name of {what} has at most {_LONGEST_LABEL} characters")
        _require_visible(label, f"the name of {what}")
    return Place(collection, ",".join(groups))


def check_kind(head: bytes, name: str) -> None:
    """Refuse at once what its beginning or its name tells to be no kind that is read.

    The parser looks at the whole file later, in its own process.

    Raises:
        UnreadKindError: says what the file is.
    """
    promised = promised_type(name)
    if not head:
        raise UnreadKindError("the file holds no bytes")
    if picture_type(head):
        raise UnreadKindError(f"it is a picture; {READ}")
    if head.startswith(_OLE):
        raise UnreadKindError(f"it is an old or an encrypted office document; {READ}")
    is_pdf, is_zip = _PDF in head[:_PDF_HEADER_BYTES], head.startswith(_ZIP)
    if promised and promised not in _READABLE:
        raise UnreadKindError(f"it is named as a kind that is not read; {READ}")
    if (promised == PDF and not is_pdf) or (promised == DOCX and not is_zip):
        raise UnreadKindError(f"{name.rpartition('.')[2]} is its ending, but not what it holds")
    if not (is_pdf or is_zip) and (kind := other_kind(head)):
        raise UnreadKindError(f"it is {kind}; {READ}")


def _require_visible(text: str, what: str) -> None:
    if any(unicodedata.category(char)[0] == "C" for char in text):
        raise BadNameError(f"{what} may not hold characters that cannot be seen")
