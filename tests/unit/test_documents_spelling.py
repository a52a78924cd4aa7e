"""Clean spelling: nothing a reader sees changes, nothing he cannot see stays."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.documents.plain import parse_plain
from sfta.documents.spelling import (
    SOFT_HYPHEN,
    clean,
    ends_broken,
    invisible,
    join_lines,
    superscript,
    words_of,
)

NO_WORDS = frozenset()


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("e\ufb03cient \ufb01lter \ufb02ow o\ufb00", "efficient filter flow off"),
        ("a\u00a0b\u202fc\u2007d  e", "a b c d e"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("over\u202eride\u2066d", "overrided"),
        ("u\u0308ber", "über"),
        ("\uf0b7 point", "• point"),
        ("unknown \ufffd glyph", "unknown glyph"),
        ("bell\x07", "bell"),
        ("m\u00b3 \u2122 \u00bd", "m³ ™ ½"),
    ],
)
def test_text_is_spelled_plainly(printed, plain):
    assert clean(printed) == plain


def test_line_ends_stay():
    assert clean("one \t two\nthree") == "one two\nthree"


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po"], max_codepoint=0x17F)))
def test_plain_letters_digits_and_points_stay_as_they_are(text):
    composed = unicodedata.normalize("NFC", text)
    assert clean(composed) == composed


def test_invisible_characters_are_counted():
    assert invisible("a\u200bb\u202ec\ufffd") == 3
    assert invisible("plain text\n\twith lines\f") == 0


def test_a_soft_hyphen_is_not_counted_as_hidden():
    assert invisible(f"com{SOFT_HYPHEN}pressor") == 0


@pytest.mark.parametrize(
    ("before", "after", "words", "joined"),
    [
        ("the com-", "pressor runs", NO_WORDS, "the compressor runs"),
        (f"the com{SOFT_HYPHEN}", "pressor", NO_WORDS, "the compressor"),
        ("the com\u2010", "pressor", NO_WORDS, "the compressor"),
        ("low-", "pressure side", {"low-pressure"}, "low-pressure side"),
        ("low-", "pressure", {"low-pressure", "lowpressure"}, "lowpressure"),
        ("high-", "dimensional", {"high", "dimensional"}, "high-dimensional"),
        ("for-", "ward", {"for", "ward"}, "forward"),
        ("Wi-", "Fi", NO_WORDS, "Wi-Fi"),
        ("a 24-", "hour day", NO_WORDS, "a 24-hour day"),
        ("ISO 8573-", "1 class", NO_WORDS, "ISO 8573-1 class"),
        ("air -", "water", NO_WORDS, "air - water"),
        ("one line", "and the next", NO_WORDS, "one line and the next"),
        ("日本", "語です", NO_WORDS, "日本語です"),
        ("한국어", "문장", NO_WORDS, "한국어 문장"),
    ],
)
def test_lines_are_joined_as_the_author_wrote_them(before, after, words, joined):
    head, glue = join_lines(before, after, words)
    assert head + glue + after == joined


def test_a_hyphen_is_dropped_only_where_a_word_was_broken():
    seen = words_of("low-pressure side of the com-")
    assert seen == {"low-pressure", "side", "of", "the"}
    assert join_lines("low-", "pressure", seen) == ("low-", "")


@given(st.text(min_size=1), st.text(min_size=1))
def test_joining_loses_no_character_but_a_hyphen(before, after):
    head, glue = join_lines(before, after, NO_WORDS)
    assert glue in ("", " ")
    assert before.startswith(head)
    assert set(before[len(head) :]) <= {"-", "\u2010", SOFT_HYPHEN}


@pytest.mark.parametrize(
    ("text", "raised"),
    [("3", "³"), ("-5", "⁻⁵"), ("\u22122", "⁻²"), ("n", "ⁿ"), ("th", None), ("2a", None)],
)
def test_raised_characters_are_spelled_raised_or_not_at_all(text, raised):
    assert superscript(text) == raised


def test_half_a_word_is_no_word_of_the_document():
    assert words_of("ally strong", broken=True) == {"strong"}
    assert words_of("ally strong") == {"ally", "strong"}
    assert words_of("4 ally", broken=True) == {"ally"}
    assert ends_broken("is exception-")
    assert not ends_broken("is exceptional")
    assert not ends_broken("4-")


def test_parts_of_compounds_are_known():
    words = words_of("a low-dimensional space is not high at all")
    assert join_lines("in high-", "dimensional space", words) == ("in high-", "")
    assert join_lines("in high-", "dimensional space", words_of("high")) == ("in high", "")


def test_a_word_that_is_broken_once_is_joined():
    text = (
        "This is a method of an unusual kind, for it is exception-\n"
        "ally strong, and no exception is made anywhere in the whole text."
    )
    assert "exceptionally strong" in parse_plain(text).pages[0].text
