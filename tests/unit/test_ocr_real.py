"""The real Tesseract reads pages that were printed here; skipped where it is not installed."""

import io

import pymupdf
import pytest
from PIL import Image

from pretended_tesseract import DPI, PROSE, needs_tesseract, saved, scan, sheet
from sfta.documents.config import IngestConfig
from sfta.documents.ocr.tesseract import find_engine
from sfta.documents.parse import ParseOptions, parse
from sfta.stages.parsing import ocr_of

pytestmark = needs_tesseract
INK = 128
SPECIMEN = sheet()


def read(raw, name="scan", **ocr):
    find_engine.cache_clear()
    setting = ocr_of(IngestConfig(sources=["x"], ocr=ocr))
    return parse(raw, name, ParseOptions(ocr=setting))


def plain(page):
    return " ".join(page.text.split())


def assert_boxes_hold_ink(page, image):
    """Each word's box, on the picture as shown, holds letters and touches their edges."""
    scale = image.width / page.width
    for line in page.lines:
        box = tuple(round(value * scale) for value in (line.x0, line.y0, line.x1, line.y1))
        found = image.crop(box).point(lambda grey: 255 * (grey < INK)).getbbox()
        assert found is not None, page.text[line.start : line.end]
        width, height = box[2] - box[0], box[3] - box[1]
        assert found[2] - found[0] > 0.7 * width
        assert found[3] - found[1] > 0.5 * height


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 80}), ("TIFF", {}), ("WEBP", {"quality": 80})],
)
def test_each_kind_of_picture_is_read(kind, options):
    stream = io.BytesIO()
    SPECIMEN.save(stream, kind, dpi=(DPI, DPI), **options)
    (page,) = read(stream.getvalue()).pages
    assert plain(page) == " ".join(PROSE)
    assert page.confidence > 80
    assert_boxes_hold_ink(page, SPECIMEN)


def test_each_page_of_a_tiff_is_a_page():
    pages = [sheet([line]) for line in PROSE[:3]]
    raw = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert [plain(page) for page in read(raw).pages] == PROSE[:3]


def test_a_scanned_pdf_is_read_and_its_words_have_boxes():
    parsed = read(scan(SPECIMEN))
    (page,) = parsed.pages
    assert plain(page) == " ".join(PROSE)
    assert (page.width, page.height) == (595.0, 842.0)
    assert_boxes_hold_ink(page, SPECIMEN)
    assert parsed.counts["ocr_pages"] == 1


@pytest.mark.parametrize(
    "turn",
    [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270],
    ids=["left", "upside down", "right"],
)
def test_a_page_on_its_side_is_turned_and_its_boxes_turned_back(turn):
    many = sheet(PROSE * 4)
    turned = many.transpose(turn)
    (page,) = read(saved(turned)).pages
    assert plain(page).startswith(" ".join(PROSE))
    scale = turned.width / page.width
    assert turned.height / page.height == pytest.approx(scale)
    for line in page.lines:
        box = tuple(round(value * scale) for value in (line.x0, line.y0, line.x1, line.y1))
        assert turned.crop(box).getextrema()[0] < INK


def test_a_tilted_page_is_set_straight_and_its_boxes_tilted_back():
    tilted = sheet(PROSE * 3).rotate(-3, Image.Resampling.BICUBIC, fillcolor=255)
    (page,) = read(saved(tilted)).pages
    assert plain(page).startswith(" ".join(PROSE))
    scale = tilted.width / page.width
    for line in page.lines:
        box = tuple(round(value * scale) for value in (line.x0, line.y0, line.x1, line.y1))
        assert tilted.crop(box).getextrema()[0] < INK
    first, last = page.lines[0], page.lines[5]
    assert last.y0 > first.y0 + 5, "the first line runs downwards"


def test_a_photograph_of_grey_noise_holds_no_text():
    noise = Image.effect_noise((800, 600), 60)
    with pytest.raises(Exception, match="OCR found no text") as error:
        read(saved(noise.resize((80, 60)).resize((800, 600))))
    assert error.value.code == "no_text"


def test_vector_letters_are_read_too():
    with pymupdf.open() as source:
        page = source.new_page()
        for number, line in enumerate(PROSE):
            page.insert_text((72, 100 + 30 * number), line, fontsize=14)
        outlines = page.get_svg_image(text_as_path=True)
    with pymupdf.open(stream=outlines.encode(), filetype="svg") as drawing:
        raw = drawing.convert_to_pdf()
    (page,) = read(raw, "outlines.pdf").pages
    assert plain(page) == " ".join(PROSE)


def test_the_same_page_gives_the_same_bytes():
    raw = scan(SPECIMEN)
    assert read(raw).to_json() == read(raw).to_json()
