"""An archive is checked as a whole before anything of it is read."""

import struct
import zipfile
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta.documents.archive import CONTENT_TYPES, archive_kind, check_archive, with_content_type
from sfta.documents.document import UnreadableError

MEGABYTE = 1 << 20
PART = "word/document.xml"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'
)
OUTSIDE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>'


def archive(parts, method=zipfile.ZIP_DEFLATED):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def refused(raw, *, most_bytes=64 * MEGABYTE, office=True):
    with pytest.raises(UnreadableError) as error:
        check_archive(raw, most_bytes, office=office)
    return error.value.code, str(error.value)


def test_an_ordinary_archive_passes():
    parts = {
        PART: '<?xml version="1.0"?><w>text</w>',
        "media/image.png": b"\x89PNG\x00\x01" * 99,
    }
    check_archive(archive(parts), MEGABYTE, office=True)


def test_what_unpacks_to_more_than_the_limit_is_refused_unread():
    code, reason = refused(archive({PART: b"ab" * MEGABYTE}), most_bytes=MEGABYTE)
    assert code == "too_large"
    assert reason == "it unpacks to 2 MiB, more than ingest.limits.unpacked_mb allows"


def test_a_zip_bomb_is_told_by_its_ratio():
    code, reason = refused(archive({PART: bytes(20 * MEGABYTE)}))
    assert code == "too_large"
    assert "times its size, as in a zip bomb" in reason


def lying(raw, size):
    """The archive with another unpacked size in both of its headers."""
    found = bytearray(raw)
    directory = found.rindex(b"PK\x01\x02")
    struct.pack_into("<I", found, 22, size)
    struct.pack_into("<I", found, directory + 24, size)
    return bytes(found)


def test_a_part_that_is_longer_than_it_says_is_damaged():
    code, reason = refused(lying(archive({PART: bytes(20 * MEGABYTE)}), 1000))
    assert (code, reason) == ("damaged", f"it is damaged: {PART} cannot be unpacked")


def test_parts_that_overlap_are_refused():
    raw = bytearray(archive({"a.xml": "<a/>", "b.xml": "<b/>"}, zipfile.ZIP_STORED))
    second = raw.rindex(b"PK\x01\x02")
    struct.pack_into("<I", raw, second + 42, 2)
    code, _ = refused(bytes(raw))
    assert code == "damaged"


@pytest.mark.parametrize("bomb", [BOMB, OUTSIDE, '<!DOCTYPE l SYSTEM "http://host/l"><l/>'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
@pytest.mark.parametrize("part", [PART, "media/image.png", "docProps/core.xml"])
def test_no_part_of_an_office_file_may_declare_a_document_type(bomb, encoding, part):
    declared = bomb.replace('<?xml version="1.0"?>', "")
    text = f'<?xml version="1.0" encoding="{encoding}"?>{declared}'
    code, reason = refused(archive({part: text.encode(encoding)}))
    assert (code, "declares an XML document type" in reason) == ("damaged", True)


def test_a_document_type_behind_a_long_comment_is_found():
    code, reason = refused(archive({PART: f"<!--{'x y' * 99_999}-->{OUTSIDE}"}))
    assert (code, "document type" in reason) == ("damaged", True)


@pytest.mark.parametrize("encoding", ["UTF-7", "shift_jis", "none-such"])
def test_xml_in_an_encoding_nobody_uses_is_refused(encoding):
    code, reason = refused(archive({PART: f'<?xml version="1.0" encoding="{encoding}"?><a/>'}))
    assert (code, "encoding" in reason) == ("damaged", True)


def test_books_may_name_a_document_type():
    check_archive(archive({"chapter.xhtml": "<!DOCTYPE html><html/>"}), MEGABYTE, office=False)


def test_an_encrypted_part_asks_for_a_password():
    raw = bytearray(archive({PART: "<a/>"}))
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(raw))[0] == "encrypted"


def test_two_parts_of_one_name_are_refused():
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(PART, "<a/>")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr(PART, "<b/>")
    assert refused(buffer.getvalue()) == (
        "damaged",
        "it is an archive with two parts of one name",
    )


def test_an_unusual_compression_is_refused():
    raw = archive({PART: "<a>text</a>" * 9}, zipfile.ZIP_BZIP2)
    assert refused(raw) == ("damaged", "a part of it is compressed in an unusual way")


def test_an_archive_of_very_many_parts_is_refused():
    raw = archive({f"{n}": "" for n in range(20_001)}, zipfile.ZIP_STORED)
    assert refused(raw) == ("too_large", "it is an archive of 20001 parts")


def test_a_content_type_is_replaced_and_nothing_else():
    raw = archive({CONTENT_TYPES: "<a type='macro'/>", PART: "<w>macro</w>"})
    assert with_content_type(raw, b"absent", b"x") == raw
    with zipfile.ZipFile(BytesIO(with_content_type(raw, b"macro", b"plain"))) as changed:
        assert changed.read(CONTENT_TYPES) == b"<a type='plain'/>"
        assert changed.read(PART) == b"<w>macro</w>"


def test_the_strict_variant_is_named():
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    parts = {CONTENT_TYPES: main, "_rels/.rels": "http://purl.oclc.org/ooxml/officeDocument"}
    assert archive_kind(archive(parts)) == (
        "",
        "an office document in the strict variant of Open XML",
    )


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_any_damage_to_an_archive_passes_or_is_one_error(noise, at, length):
    whole = archive({CONTENT_TYPES: "<Types/>", PART: "<w>text and more text</w>"})
    raw = whole[:at] + noise + whole[at + length :]
    with suppress(UnreadableError):
        archive_kind(raw)
        check_archive(raw, MEGABYTE, office=True)
