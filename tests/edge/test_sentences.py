"""Sentences end where a reader would say so."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.sentences import sentences


def split(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two. Three.", ["One.", "Two.", "Three."]),
        ("Is it hot? Stop! Go on.", ["Is it hot?", "Stop!", "Go on."]),
        ("The value is 4.2 bar. It rises.", ["The value is 4.2 bar.", "It rises."]),
        ("See Fig. 3 and no. 7 there. Done.", ["See Fig. 3 and no. 7 there.", "Done."]),
        ("Use oil, e.g. Gearlube, i.e. the best.", ["Use oil, e.g. Gearlube, i.e. the best."]),
        ("J. Smith wrote it. He left.", ["J. Smith wrote it.", "He left."]),
        ("1. Press the key. Wait.", ["1. Press the key.", "Wait."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("It began.[4][12] It ended.", ["It began.[4][12]", "It ended."]),
        ("It ends (here). Next one.", ["It ends (here).", "Next one."]),
        ("First line\nsecond line. Third", ["First line", "second line.", "Third"]),
        ("止まる。待つ。行く", ["止まる。", "待つ。", "行く"]),
        ("approx. 5 l. of oil", ["approx. 5 l. of oil"]),
        ("Wait... and see. Good.", ["Wait... and see.", "Good."]),
        ("version 5.12. The next", ["version 5.12.", "The next"]),
        ("   \n \n", []),
    ],
)
def test_sentences_are_found(text, expected):
    assert split(text) == expected


def test_a_stretch_is_split_with_the_offsets_of_the_whole():
    text = "Skip this. Read this. And this."
    assert [text[a:b] for a, b in sentences(text, 11, len(text))] == ["Read this.", "And this."]


@given(st.text(st.sampled_from("Ab1 .!?\n\"'()。"), max_size=80))
def test_sentences_hold_every_visible_character_in_order(text):
    spans = list(sentences(text))
    assert all(a < b for a, b in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    joined = "".join(text[a:b] for a, b in spans)
    assert "".join(joined.split()) == "".join(text.split())
    assert all(text[a:b].strip() == text[a:b] for a, b in spans)


@given(st.text(st.sampled_from("ab .\n"), max_size=60))
def test_no_sentence_crosses_a_line_end(text):
    assert all("\n" not in text[a:b] for a, b in sentences(text))
