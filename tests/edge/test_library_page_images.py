"""Pictures of pages: sharp, safe to ask for, and never more of them than the disk bears."""

import struct
import zlib
from hashlib import sha256

import pytest

from handed_in_files import PROSE, pdf
from sfta_edge.library import page_images
from sfta_edge.library.drawing import png
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.page_images import WIDTHS, PageImages

RAW = pdf(PROSE, PROSE[::-1])
DIGEST = sha256(RAW).hexdigest()


def pixels(picture):
    """Width, height and rows of a PNG of 8-bit RGB without filters."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, content = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", picture, at + 8 + length)
        assert check == zlib.crc32(kind + content)
        found[kind] = content
        at += 12 + length
    width, height, *form = struct.unpack(">IIBBBBB", found[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    raw = zlib.decompress(found[b"IDAT"])
    step = 3 * width + 1
    assert len(raw) == step * height
    return width, height, [raw[row * step + 1 : (row + 1) * step] for row in range(height)]


@pytest.fixture
def drawn(monkeypatch):
    """Counts what is really drawn."""
    calls, draw = [], page_images.draw_page

    def counted(path, number, width, limits):
        calls.append((number, width))
        return draw(path, number, width, limits)

    monkeypatch.setattr(page_images, "draw_page", counted)
    return calls


@pytest.fixture
def images(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / DIGEST).write_bytes(RAW)
    return PageImages(tmp_path / "cache", [tmp_path / "files"])


def test_a_page_is_as_wide_as_asked_and_in_proportion(images):
    width, height, rows = pixels(images.png(DIGEST, 1, 640))
    assert width == 640
    assert height == pytest.approx(640 * 842 / 595, abs=2)
    assert {bytes(rows[0][:3])} == {b"\xff\xff\xff"}


def test_text_is_drawn_where_its_lines_say_it_is(images):
    width, height, rows = pixels(images.png(DIGEST, 1, 640))
    scale = width / 595

    def dark(top, bottom):
        return sum(
            byte < 128 for row in rows[int(top * scale) : int(bottom * scale)] for byte in row
        )

    assert dark(130, 150) > 100
    assert dark(400, 420) == 0
    assert height > 800


def test_a_picture_is_drawn_once(images, drawn):
    assert images.png(DIGEST, 1, 640) == images.png(DIGEST, 1, 600)
    assert drawn == [(1, 640)]


@pytest.mark.parametrize(("asked", "given"), [(1, 320), (961, 1280), (10**9, 1920)])
def test_only_a_few_widths_are_drawn(images, drawn, asked, given):
    images.png(DIGEST, 1, asked)
    assert drawn == [(1, given)]
    assert given in WIDTHS


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_page_that_is_not_there_has_no_picture(images, number):
    assert images.png(DIGEST, number, 640) is None


@pytest.mark.parametrize("digest", ["00" * 32, "../../etc/passwd", "", "*", DIGEST.upper()])
def test_what_is_no_original_has_no_picture(images, digest):
    assert images.png(digest, 1, 640) is None


def test_a_text_has_no_picture_and_no_process_looks_at_it(tmp_path, images, drawn):
    (tmp_path / "files" / ("ab" * 32)).write_bytes(b"text")
    assert images.png("ab" * 32, 1, 640) is None
    assert drawn == []


def test_originals_of_a_bundle_are_found_by_their_ending_too(tmp_path, drawn):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / f"{DIGEST}.pdf").write_bytes(RAW)
    folders = [tmp_path / "none", tmp_path / "documents"]
    assert PageImages(tmp_path / "cache", folders).png(DIGEST, 2, 320)


def test_a_link_is_no_original(tmp_path, images):
    (tmp_path / "files" / ("cd" * 32)).symlink_to(tmp_path / "files" / DIGEST)
    assert images.original("cd" * 32) is None


def test_pictures_not_asked_for_the_longest_go_first(tmp_path, images, drawn):
    sizes = [len(images.png(DIGEST, number, 320)) for number in (1, 2)]
    limits = StoreLimits(picture_bytes=sum(sizes))
    small = PageImages(tmp_path / "small", [tmp_path / "files"], store_limits=limits)
    small.png(DIGEST, 1, 320)
    small.png(DIGEST, 2, 320)
    small.png(DIGEST, 1, 320)
    small.png(DIGEST, 1, 640)
    kept = {path.name.split("-", 1)[1] for path in (tmp_path / "small").iterdir()}
    assert "2-320.png" not in kept
    assert sum(p.stat().st_size for p in (tmp_path / "small").iterdir()) <= max(
        limits.picture_bytes, len(small.png(DIGEST, 1, 640))
    )


def test_pictures_of_a_removed_document_go(tmp_path, images):
    images.png(DIGEST, 1, 320)
    images.forget(DIGEST)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_disk_without_space_still_shows_the_page(images, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page_images, "write_durably", full)
    assert images.png(DIGEST, 1, 320)


def test_a_png_holds_the_pixels_it_was_given():
    width, height, rows = pixels(png(2, 2, b"\0" + bytes(6) + b"\0" + b"\xff" * 6))
    assert (width, height) == (2, 2)
    assert rows == [bytes(6), b"\xff" * 6]
