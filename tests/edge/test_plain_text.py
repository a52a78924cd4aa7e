"""What is shown of a model's text: letters, and nothing that acts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.plain_text import PlainStream, plain_text

hostile = st.sampled_from(
    ["\x1b[31m", "\x1b]8;;http://x\x07", "\x1b", "\x9b2J", "\x07", "\x00", "\ud800"]
) | st.sampled_from("\r\n\t\u202e\u2066\ufeff\u200b\ue000\U000e0041\U000e0100")
texts = st.lists(hostile | st.text(max_size=6), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("every 2000 hours", "every 2000 hours"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0\x1b\\picture", "picture"),
        ("\x1b(0lines", "lines"),
        ("a\x00b\x07c\x08d\x7fe", "abcde"),
        ("pay \u202e001\u202c EUR", "pay 001 EUR"),
        ("\u2066a\u2069\u200e\u200f\u061c", "a"),
        ("ze\u200bro\ufeffwidth\u2060", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("hi\U000e0068\U000e0069", "hi"),
        ("x\U000e0101\U000e01ef", "x"),
        ("a\tb", "a b"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("\ud800", "\ufffd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔧 ❤\ufe0f", "👩\u200d🔧 ❤\ufe0f"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("![x](https://evil.example/?q=1)", "![x](https://evil.example/?q=1)"),
        ("Überdruck 5 µm, 8 N·m, 36.1 m³/min", "Überdruck 5 µm, 8 N·m, 36.1 m³/min"),
    ],
)
def test_only_what_is_seen_is_left(text, shown):
    assert plain_text(text) == shown


@given(texts)
def test_nothing_that_acts_is_left(text):
    plain = plain_text(text)
    assert not any(
        unicodedata.category(char) in ("Cc", "Cf", "Cs")
        for char in plain
        if char not in "\n\u200c\u200d"
    )
    assert plain_text(plain) == plain
    plain.encode()


@given(texts, st.lists(st.integers(0, 60), max_size=6))
def test_a_text_that_grows_is_cleaned_as_the_whole(text, cuts):
    stream, at, shown = PlainStream(), 0, []
    for cut in [*sorted(cuts), len(text)]:
        shown.append(stream.feed(text[at:cut]))
        at = max(at, cut)
    assert "".join([*shown, stream.finish()]) == plain_text(text)


def test_half_a_sequence_is_held_back():
    stream = PlainStream()
    assert stream.feed("red \x1b[3") == "red "
    assert stream.feed("1m dress") == " dress"
    assert stream.finish() == ""


def test_a_sequence_that_never_ends_is_not_waited_for():
    stream = PlainStream()
    assert stream.feed("\x1b]0;" + "x" * 200) == ""
    assert stream.feed("x" * 100) == "0;" + "x" * 300
    assert stream.feed("\x07") == ""
    assert stream.finish() == ""
