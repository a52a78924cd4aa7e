"""What a model wrote is read into quotes and an answer, or said not to be well formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.citation import (
    ParsedAnswer,
    Quote,
    parse_answer,
)

MARKER, REFUSAL = "Answer:", "The documents do not contain the answer."


def parse(completion):
    return parse_answer(completion, answer_marker=MARKER, refusal=REFUSAL)


def test_quotes_and_answer_are_read():
    assert parse('[2] "The limit is 9 bar."\n[1] "At 20 °C"\nAnswer: 9 bar\nat 20 °C ') == (
        ParsedAnswer(
            (Quote(2, "The limit is 9 bar."), Quote(1, "At 20 °C")),
            "9 bar\nat 20 °C",
            refused=False,
            well_formed=True,
        )
    )


@pytest.mark.parametrize(
    "completion",
    [
        REFUSAL,
        f"  {REFUSAL}\n",
        REFUSAL.rstrip("."),
        REFUSAL.upper(),
        REFUSAL.lower(),
        "The documents\ndo not  contain the answer.",
    ],
)
def test_the_refusal_alone_is_a_refusal(completion):
    assert parse(completion) == ParsedAnswer((), REFUSAL, refused=True, well_formed=True)


@pytest.mark.parametrize(
    "completion",
    [
        f"{REFUSAL} But it may be 9 bar.",
        f"Answer: {REFUSAL}",
        f'[1] "x"\n{REFUSAL}',
        f"Sorry. {REFUSAL}",
        "The documents do contain the answer.",
        "",
    ],
)
def test_a_refusal_with_anything_else_is_none(completion):
    assert not parse(completion).refused


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("9 bar", "9 bar"),
        ('[1] "The limit is 9 bar."', '[1] "The limit is 9 bar."'),
        ("answer: 9 bar", "answer: 9 bar"),
        ("The Answer: 9 bar", "The Answer: 9 bar"),
        ("Answer:", ""),
        ('[1] "x"\nAnswer:  \n ', ""),
        ("", ""),
    ],
)
def test_without_a_marked_answer_a_completion_is_not_well_formed(completion, answer):
    parsed = parse(completion)
    assert not parsed.well_formed
    assert parsed.answer == answer


@pytest.mark.parametrize(
    ("line", "quotes"),
    [
        ('[1] "a"', (Quote(1, "a"),)),
        ('  [12]"a" ', (Quote(12, "a"),)),
        ('[1] "say "x" twice"', (Quote(1, 'say "x" twice'),)),
        ('[1] ""', (Quote(1, ""),)),
        ('[0] "a"', (Quote(0, "a"),)),
        ('[12345] "a"', ()),
        ('[-1] "a"', ()),
        ("[1] a", ()),
        ('[1] "a', ()),
        ('1 "a"', ()),
        ('see [1] "a"', ()),
        ('[1] "a" and more', ()),
        ('[²] "a"', ()),
    ],
)
def test_a_quote_line_is_a_number_and_a_quoted_text(line, quotes):
    assert parse(f"{line}\nAnswer: x").quotes == quotes


def test_quotes_behind_the_answer_are_part_of_it():
    parsed = parse('Answer: 9\n[1] "a"\nAnswer: 8')
    assert parsed.quotes == ()
    assert parsed.answer == '9\n[1] "a"\nAnswer: 8'


pieces = st.sampled_from(
    ['[1] "', '"', "\n", "Answer:", REFUSAL, "[", "]", "\r", "\x85", "\u2028"]
)


@given(st.lists(pieces | st.text(max_size=5), max_size=10).map("".join))
def test_any_output_of_a_model_can_be_read(completion):
    parsed = parse(completion)
    assert parsed.refused <= parsed.well_formed
    assert all(0 <= quote.number <= 9999 for quote in parsed.quotes)
    assert parsed.well_formed <= bool(parsed.answer)
