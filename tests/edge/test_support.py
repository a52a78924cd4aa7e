"""Support marks: what stands in the documents is marked, what was changed is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.citation import Span, find_quote
from sfta_edge.support import Source, supported_sentences

HOUSING = (
    "Check the seal face of the housing for cracks with a lamp.\n"
    "Fit the cover and tighten the nut on the centre rod to 8 N·m.\n"
    "The mat PF-2 may be washed three times before it must be replaced."
)
LEVER = (
    "The lifting lever of a safety valve is not pulled during operation, because dirt that is"
    " carried onto the seat makes the valve leak afterwards."
)
FAULTS = (
    "| E-114 | Oil pressure below 1.2 bar while running | Check the oil level |\n"
    "| E-115 | Oil temperature above 78 °C | Check the cooling water |"
)


def source(text, quote=None, heading="", title="Manual of the CX-220"):
    return Source(text, heading, title, (find_quote(quote or text, text),))


def supported(answer, *sources, question=""):
    return [mark.supported for mark in supported_sentences(answer, sources, question)]


NUT = source(HOUSING, "Fit the cover and tighten the nut on the centre rod to 8 N·m.")


@pytest.mark.parametrize(
    "said",
    [
        "8 N·m",
        "8 Nm.",
        "It is 8 N·m.",
        "The nut on the centre rod is tightened to 8 N·m.",
        "On the CX-220 the nut is tightened to 8 N·m.",
        "The mat PF-2 may be washed 3 times.",
        "The nut [1] is tightened to 8 N·m.",
    ],
)
def test_what_the_documents_say_is_supported(said):
    assert supported(said, NUT) == [True]


@pytest.mark.parametrize(
    "said",
    [
        "80 N·m",
        "8 N",
        "8 kN·m",
        "The nut on the centre rod is tightened to 18 N·m.",
        "The bolt on the centre rod is tightened to 8 N·m.",
        "The nut on the centre rod is loosened to 8 N·m.",
        "Do not tighten the nut on the centre rod to 8 N·m.",
        "The mat PF-3 may be washed three times.",
        "The mat PF-2 may be washed four times.",
        "On the CX-330 the nut is tightened to 8 N·m.",
        "See https://evil.example/?q=nut and tighten the nut to 8 N·m.",
        "Yes.",
        "...",
        "It is so.",
    ],
)
def test_what_was_changed_is_not_supported(said):
    assert supported(said, NUT) == [False]


def test_each_sentence_is_marked_where_it_stands():
    answer = "Tighten the nut to 8 N·m. Then start the motor.\nCheck the seal face."
    marks = supported_sentences(answer, [NUT])
    assert [answer[m.start : m.end] for m in marks] == [
        "Tighten the nut to 8 N·m.",
        "Then start the motor.",
        "Check the seal face.",
    ]
    assert [m.supported for m in marks] == [True, False, True]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("The lever must not be pulled during operation.", True),
        ("No, the lever is not pulled during operation.", True),
        ("Dirt on the seat makes the valve leak.", True),
        ("The lever is pulled during operation.", False),
        ("Dirt on the seat does not make the valve leak.", False),
    ],
)
def test_what_is_turned_round_is_not_supported(said, right):
    assert supported(said, source(LEVER)) == [right]


def test_a_short_answer_to_a_negated_question_need_not_be_negated():
    asked = "Which lever must not be pulled?"
    assert supported("The lifting lever.", source(LEVER), question=asked) == [True]
    long = "The lifting lever is pulled during operation."
    assert supported(long, source(LEVER), question=asked) == [False]


def test_a_row_of_a_table_lends_nothing_to_its_neighbour():
    row = source(FAULTS, "E-114 | Oil pressure below 1.2 bar while running")
    assert supported("E-114: oil pressure below 1.2 bar.", row) == [True]
    assert supported("E-115: oil pressure below 1.2 bar.", row) == [False]
    assert supported("E-114: oil temperature above 78 °C.", row) == [False]
    assert supported("Oil pressure above 1.2 bar.", row) == [False]


def test_words_of_the_question_may_be_repeated():
    asked = "How long must the cooling water keep flowing after the stop?"
    water = source("Let the cooling water run for 15 minutes more.")
    said = "The cooling water keeps flowing for 15 minutes."
    assert supported(said, water, question=asked) == [True]
    assert supported(said, water) == [False]


def test_repeating_the_question_alone_is_no_support():
    asked = "What torque do the bolts of the oil pump housing need?"
    valve = source("Tighten the six flange bolts of the intake valve to 68 N·m.")
    said = "The bolts of the oil pump housing need a torque of 68 N·m."
    assert supported(said, valve, question=asked) == [False]


def test_a_short_answer_is_looked_for_in_quotes_only():
    text = "The oil pump is checked daily. The filter holds 12 litres."
    quoted = source(text, "The oil pump is checked daily.")
    assert supported("12 litres", quoted) == [False]
    assert supported("The filter holds 12 litres.", quoted) == [True]


def test_a_sentence_that_points_back_is_read_with_the_one_before():
    text = "The cable is shielded. It may be up to 300 m long. Bolts are tightened to 5 N·m."
    quoted = source(text, "The cable is shielded.")
    assert supported("The cable may be up to 300 m long.", quoted) == [True]
    assert supported("The cable is tightened to 5 N·m.", quoted) == [False]


def test_two_quotes_support_one_sentence_together():
    pressure, delivery = source("It works at 8 bar."), source("It delivers 36.1 m³/min.")
    said = "It works at 8 bar and delivers 36.1 m³/min."
    assert supported(said, pressure, delivery) == [True]
    assert supported(said, pressure) == [False]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("alle 8000 Betriebsstunden", True),
        ("Das Getriebeöl wird alle 8.000 Betriebsstunden gewechselt.", True),
        ("Das Getriebeöl wird alle 8,000 Betriebsstunden gewechselt.", False),
        ("Das Kühlöl wird alle 8.000 Betriebsstunden gewechselt.", False),
        ("Das Getriebeöl wird nicht alle 8.000 Betriebsstunden gewechselt.", False),
        ("alle 800 Betriebsstunden", False),
    ],
)
def test_german_is_read_as_german(said, right):
    assert supported(said, source("Das Getriebeöl wird alle 8.000 Stunden gewechselt, also"
                                  " nach 8.000 Betriebsstunden.")) == [right]  # fmt: skip


def test_without_a_verified_quote_nothing_is_supported():
    assert supported("The nut is tightened to 8 N·m.") == [False]


def test_an_empty_answer_has_no_sentences():
    assert supported_sentences("", [NUT]) == ()


words = st.sampled_from(
    ["the", "oil", "valve", "is", "not", "opened", "at 5 bar", "before", "12 hours", "E-114"]
) | st.sampled_from(["Motor", "wird", "kein", "ohne", "8,5 mm"])


@given(st.lists(words, min_size=1, max_size=12).map(" ".join))
def test_a_quote_supports_itself(text):
    marks = supported_sentences(text, [Source(text, "", "", (Span(0, len(text)),))])
    filled = {"the", "is", "not", "at", "wird", "kein", "ohne"}
    for mark in marks:
        if set(text[mark.start : mark.end].split()) - filled:
            assert mark.supported


@given(st.text(max_size=100), st.text(min_size=1, max_size=100), st.text(max_size=40))
def test_any_texts_can_be_compared_and_marks_lie_in_order(answer, text, question):
    marks = supported_sentences(answer, [Source(text, "", "", (Span(0, len(text)),))], question)
    places = [place for mark in marks for place in (mark.start, mark.end)]
    assert places == sorted(places)
    assert all(0 <= place <= len(answer) for place in places)
