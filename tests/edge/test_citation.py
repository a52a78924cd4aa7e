"""Quotes hold or do not hold by a rule, and are found where they stand."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfta_edge.citation import (
    Span,
    find_quote,
    mentions,
    normalise,
    parse_answer,
)


def found(quote, text):
    span = find_quote(quote, text)
    return None if span is None else text[span.start : span.end]


def test_a_quote_is_found_where_it_stands():
    text = "Close the valve. The limit is 9 bar. Open it."
    assert find_quote("The limit is 9 bar.", text) == Span(17, 35)


@pytest.mark.parametrize(
    ("quote", "text", "stands"),
    [
        ("limit is 9 bar", "limit  is\n9\u00a0bar", "limit  is\n9\u00a0bar"),
        ("limit\nis\t9 bar", "limit is 9 bar", "limit is 9 bar"),
        ("Straße", "Straße", "Straße"),
        ('the "inner" ring\'s', "the “inner” ring’s", "the “inner” ring’s"),
        ("the “inner” ring", 'the "inner" ring', 'the "inner" ring'),
        ("5-10 bar", "5–10 bar", "5–10 bar"),
        ("-5 °C", "\u22125 °C", "\u22125 °C"),
        ("80 °C", "80 ℃", "80 ℃"),
        ("5 μm", "5 µm", "5 µm"),
        ("fill the office", "ﬁll the oﬃce", "ﬁll the oﬃce"),
        ("maintenance", "main\u00adte\u200bnance", "main\u00adte\u200bnance"),
        ("Überdruck", "U\u0308berdruck", "U\u0308berdruck"),
        ("U\u0308berdruck", "Überdruck", "Überdruck"),
        ("wait...", "wait…", "wait"),
        ("Ｐ１０１", "P101", "P101"),
        ("The limit.", "The limit", "The limit"),
        ("The limit", "The limit.", "The limit"),
        (", the limit;", "Keep the limit; always", "the limit"),
        ("10² bar", "at 10² bar", "10² bar"),
        ("½ turn", "a ½ turn", "½ turn"),
        ("日本語", "これは日本語", None),
        ("日本語", "これは 日本語。", "日本語"),
        ("valve", "A (valve)", "valve"),
        ("101", "pump P-101", "101"),
        ("10 bar", "5-10 bar", "10 bar"),
    ],
)
def test_spelling_does_not_count(quote, text, stands):
    assert found(quote, text) == stands


@pytest.mark.parametrize(
    ("quote", "text", "stands"),
    [
        ("the motor", "The motor stops.", "The motor"),
        ("The motor", "When the motor stops.", "the motor"),
        ("A valve opens", "if a valve opens", "a valve opens"),
        ("don't open it", "Don't open it", "Don't open it"),
        ("anti-lock brakes", "Anti-lock brakes", "Anti-lock brakes"),
        ("Überdruck", "überdruck", "überdruck"),
        ("\u0434вигатель", "\u0414вигатель", "\u0414вигатель"),
        ("fill the tank", "Fill the tank", "Fill the tank"),
        ("ﬁll the tank", "Fill the tank", "Fill the tank"),
        ("the limit", "The limit, the limit", "the limit"),
        ("The PLC stops", "the PLC stops", "the PLC stops"),
    ],
)
def test_a_sentence_may_begin_with_either_case(quote, text, stands):
    assert found(quote, text) == stands


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("mW", "MW"),
        ("5 mW", "5 MW"),
        ("MW of heat", "mW of heat"),
        ("kPa", "KPA"),
        ("kPa", "KPa"),
        ("at 3 kPa", "at 3 KPA"),
        ("m 8", "M 8"),
        ("m", "M"),
        ("p101", "P101"),
        ("pump p-101", "pump P-101"),
        ("cV-1 opens", "CV-1 opens"),
        ("THE LIMIT", "the limit"),
        ("The Limit", "the limit"),
        ("the motor", "THE MOTOR"),
        ("iT", "IT"),
        ("Straße", "STRASSE"),
        ("ß is a letter", "SS is a letter"),
    ],
)
def test_case_counts_everywhere_else(quote, text):
    assert find_quote(quote, text) is None
    assert find_quote(text, quote) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [("5 MW", "5 mW"), ("THE LIMIT", "the limit."), ("A Kpa b", "KPA"), ("STRASSE", "Straße")],
)
def test_a_text_mentions_words_in_any_case(text, part):
    assert mentions(text, part)
    assert normalise(text) == normalise(text.swapcase())


@pytest.mark.parametrize(
    ("text", "part"),
    [("186 N", "86 N"), ("valves", "VALVE"), ("½", "1"), ("a", ""), ("a", ".")],
)
def test_a_part_of_a_word_is_no_mention(text, part):
    assert not mentions(text, part)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_what_is_quoted_is_mentioned(before, quote, after):
    text = before + quote + after
    if find_quote(quote, text) is not None:
        assert mentions(text, quote)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("86 N", "186 N"),
        ("86 N", "86 Nm"),
        ("86 N", "1.86 N"),
        ("86 N", "1,86 N"),
        ("at 1", "at 1.5 bar"),
        ("at 1", "at 1,000 h"),
        ("5 bar", "-5 bar"),
        ("5 bar", "(\u22125 bar)"),
        ("5 bar", "±5 bar"),
        ("5 bar", "5,bar"),
        ("valve", "valves"),
        ("pen", "open"),
        ("limit is 8 bar", "limit is 9 bar"),
        ("the limit is not 9", "the limit is 9"),
        ("102 bar", "10² bar"),
        ("1", "½"),
        ("80 °", "80 ℃"),
        ("of", "oﬀ"),
        ("caf", "café"),
        ("cafe", "cafe\u0301"),
        ("a b", "ab"),
        ("limit", ""),
    ],
)
def test_words_digits_and_signs_count(quote, text):
    assert find_quote(quote, text) is None


def test_the_first_whole_occurrence_is_taken():
    assert find_quote("86 N", "186 N or 86 N or 86 N") == Span(9, 13)


@pytest.mark.parametrize("quote", ["", " ", "\n\t", "...", " . , ; : ", "\u200b", "\u00ad"])
def test_an_empty_quote_is_never_found(quote):
    assert find_quote(quote, "Any text. . .") is None


ODD = "aA1.,- \n\u00a0\u00ad\u0301\u0308ﬁ½²℃“’–−…ßİﷺ\u1100\u1161\U0001f469\u200d\u0345"
odd_texts = st.text(
    st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]), max_size=30
)


@given(odd_texts, odd_texts, odd_texts)
@example("\u0301", "a", "b")
def test_what_stands_at_the_found_place_is_the_quote(before, quote, after):
    text = before + quote + after
    span = find_quote(quote, text)
    if span is not None:
        assert 0 <= span.start < span.end <= len(text)
        assert normalise(text[span.start : span.end]) == normalise(quote.strip(" \t\r\n.,;:"))


words = st.lists(
    st.sampled_from(["valve", "9", "bar", "ﬁll", "the", "“inner”", "P-101"]), max_size=8
)


@given(words, words.filter(bool), words)
def test_whole_words_are_always_found(before, quote, after):
    text = "\n".join([*before, *quote, *after])
    place = found(" ".join(quote), text)
    assert place is not None
    assert normalise(place) == normalise(" ".join(quote))
    assert mentions(text, " ".join(quote).upper())


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(quote, text):
    span = find_quote(quote, text)
    assert span is None or 0 <= span.start < span.end <= len(text)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_normalised_text_has_single_spaces_only(text):
    spelled = normalise(text)
    assert spelled == spelled.strip(" ")
    assert "  " not in spelled
    assert not any(c.isspace() and c != " " for c in spelled)


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_any_marker_and_refusal_can_be_used(completion, marker, refusal):
    parse_answer(completion, answer_marker=marker, refusal=refusal)
