"""What Tesseract says becomes lines of words, or one error."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pretended_tesseract import hocr
from sfta.documents.ocr.hocr import read_hocr
from sfta_edge.errors import ToolError


def test_words_keep_text_box_and_confidence():
    (line,) = read_hocr(hocr(["Close valve"], confidence=87))
    assert [(w.text, w.box, w.confidence) for w in line.words] == [
        ("Close", (300, 300, 420, 340), 87.0),
        ("valve", (444, 300, 564, 340), 87.0),
    ]
    assert (line.size, line.slope, line.baseline, line.upright) == (50.0, 0.0, 332.0, True)


def test_the_baseline_is_that_of_the_middle_of_a_sloping_line():
    (line,) = read_hocr(hocr(["Close valve"], slope=0.1))
    assert line.baseline == pytest.approx(332 + 0.1 * 132)


def test_a_line_in_another_direction_is_not_upright():
    (line,) = read_hocr(hocr(["Close"], angle="; textangle 90"))
    assert not line.upright


@pytest.mark.parametrize(
    ("words", "upright"),
    [
        ((("Close", "10 10 40 90"), ("valve", "10 100 40 200")), False),
        ((("Close", "10 100 40 200"), ("valve", "10 10 40 90")), False),
        ((("Close", "10 10 40 90"),), False),
        ((("of", "10 10 40 90"),), True),
        ((("1", "10 10 20 40"), ("2", "30 10 40 40")), True),
        ((("Close", "10 10 90 40"), ("valve", "100 20 200 50")), True),
    ],
)
def test_a_line_whose_words_stand_above_one_another_is_not_upright(words, upright):
    spans = "".join(
        f"<span class='ocrx_word' title='bbox {box}; x_wconf 95'>{text}</span>"
        for text, box in words
    )
    (line,) = read_hocr(f"<p class='ocr_line' title='bbox 10 10 200 200'>{spans}</p>")
    assert line.upright is upright


def test_special_letters_are_read_as_they_were_seen():
    (line,) = read_hocr(hocr(["a<b & c>d \u00fc"]))
    assert [word.text for word in line.words] == ["a<b", "&", "c>d", "\u00fc"]


def test_a_control_character_does_not_break_the_page():
    (line,) = read_hocr(hocr(["Close valve"]).replace("Close", "Cl\x0cose\x01"))
    assert [word.text for word in line.words] == ["Close", "valve"]


def test_lines_without_a_visible_character_are_left_out():
    assert read_hocr(hocr(["Close"]).replace(">Close<", "> <")) == []


@pytest.mark.parametrize("text", ["", "no markup", "<html>", "<html><p></html>"])
def test_anything_else_is_one_error(text):
    with pytest.raises(ToolError, match="did not answer in hOCR"):
        read_hocr(text)


def test_a_word_without_a_place_is_an_error():
    with pytest.raises(ToolError, match="where a word stands"):
        read_hocr(hocr(["Close"]).replace("bbox", "box"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_one_error(text):
    with contextlib.suppress(ToolError):
        read_hocr(text)


words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=9)


@given(st.lists(st.lists(words, min_size=1, max_size=6).map(" ".join), max_size=6))
def test_every_word_comes_back(lines):
    read = [" ".join(word.text for word in line.words) for line in read_hocr(hocr(lines))]
    assert read == lines
