"""Wordings of questions: verbatim answers, no open fields, names for things."""

import pytest

from asked_facts import (
    CODES,
    FUSES,
    LIMITS,
    PARTS,
    PROCEDURE,
    SCHEDULE,
    SETTINGS,
    SIGNS,
    STATES,
    TORQUES,
    chunk,
)
from sfta.raft.corpus import Phrasebook
from sfta.raft.extraction.facts import anchored, names_its_things
from sfta.raft.extraction.phrasings import BANKS, tidy, wordings
from sfta.raft.extraction.quantities import EVERY, find_quantities
from sfta.raft.extraction.rules import corpus_facts
from sfta_edge.citation import find_quote

REASON = "The safety valve SV-1 opens at 3.7 bar, because it protects the cooler."
PARTS_OF_ALL = [
    CODES,
    PARTS,
    LIMITS,
    SETTINGS,
    SCHEDULE,
    TORQUES,
    FUSES,
    STATES,
    SIGNS,
    PROCEDURE,
]
EVERYTHING = "\n\n".join([*PARTS_OF_ALL, REASON, "If the dryer leaks, leave the room."])


def test_every_answer_is_a_verbatim_part_of_its_quote_and_the_quote_of_its_chunk():
    facts = corpus_facts([chunk(EVERYTHING)])
    assert len(facts) > 30
    for fact in facts:
        assert find_quote(fact.quote, fact.chunk.text), fact
        assert find_quote(fact.answer, fact.quote), fact


def test_no_wording_is_left_with_an_open_field_or_a_doubled_space():
    for fact in corpus_facts([chunk(EVERYTHING)]):
        for template, question, weight in wordings(fact):
            assert template.startswith(fact.kind)
            assert weight >= 1
            assert "{" not in question
            assert "  " not in question
            assert not question.startswith(" ")


def test_one_fact_has_several_wordings():
    (fact,) = [f for f in corpus_facts([chunk(CODES)]) if f.answer == "Phase order is wrong"]
    assert len(wordings(fact)) >= 8


def test_the_banks_offer_several_styles():
    for name, bank in BANKS.items():
        assert len(set(bank)) >= 4, name


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("What is it ?", "What is it?"),
        ("a  b", "a b"),
        ("What is the oil.?", "What is the oil?"),
    ],
)
def test_a_question_is_tidied(raw, clean):
    assert tidy(raw) == clean


@pytest.mark.parametrize(
    ("question", "complete"),
    [
        ("What is the torque of the cover bolts?", True),
        ("What is its torque?", False),
        ("What does this value mean?", False),
        ("What does figure 3 show?", False),
        ("What is described in section 4.2?", False),
        ("When does the intake valve close after it has opened?", True),
        ("What happens if they differ?", False),
        ("At what pressure above 2 bar does the valve open?", True),
        ("Which of the two is larger?", False),
        ("By how much do the voltages differ from one another?", True),
    ],
)
def test_a_question_must_name_its_things(question, complete):
    assert names_its_things(question) is complete


VALVES = ("The check valve leaks. The check valve closes. The intake valve opens. "
          "The intake valve shuts. The controller waits. The controller counts. "
          "The controller stops. The controller shows a code.")  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "heading", "expected"),
    [
        ("the controller", "1 General", "the controller"),
        ("the check valve", "1 General", "the check valve"),
        ("the valve", "1 General", None),
        ("the valve", "3.3 Check valve CV-1", "the check valve CV-1"),
        ("the plate", "3.3 Check valve CV-1", "the plate of the check valve CV-1"),
        ("it", "3.3 Check valve CV-1", None),
        ("this valve", "3.3 Check valve CV-1", None),
        ("the normal value", "3.3 Check valve CV-1", None),
        ("the owner", "1 General", "the owner"),
        ("E-104", "1 General", "E-104"),
    ],
)
def test_a_bare_noun_needs_a_name_where_the_corpus_has_several(phrase, heading, expected):
    source = chunk(VALVES, heading=heading)
    assert anchored(phrase, source, Phrasebook([source])) == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("at 7.5 bar", [("7.5 bar", "pressure")]),
        ("at least 1,200 mm wide", [("at least 1,200 mm", "length")]),
        ("between 3 °C and 43 °C", [("between 3 °C and 43 °C", "temperature")]),
        ("2.2 to 3.0 bar", [("2.2 to 3.0 bar", "pressure")]),
        ("37.4 m³/min at 7.0 bar and 35.2 m³/min at 8.6 bar",
         [("37.4 m³/min", "flow"), ("7.0 bar", "pressure"), ("35.2 m³/min", "flow"),
          ("8.6 bar", "pressure")]),
        ("for half an hour", [("half an hour", "time")]),
        ("by 10 K", [("10 K", "temperature difference")]),
        ("E-104 and FX-3 and section 4.2", []),
        ("49 N·m", [("49 N·m", "torque")]),
        ("a speed of 19,200 baud", [("19,200 baud", "speed")]),
    ],
)  # fmt: skip
def test_values_are_found_with_what_they_measure(text, values):
    assert [(q.text, q.kind) for q in find_quantities(text)] == values


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("every 4,000 hours", "every 4,000 hours"),
        ("once per year with a pump", "once per year"),
        ("every six months by hand", "every six months"),
        ("once in a while", None),
        ("every valve", None),
    ],
)
def test_intervals_are_found(text, interval):
    match = EVERY.search(text)
    assert (match.group() if match else None) == interval
