"""Comparisons, yes or no, false premises, two chunks: each with its quotes and a true answer."""

from collections import Counter

import pytest

from sfta.raft.config import ExtractiveTeacher
from sfta.raft.corpus import CorpusChunk
from sfta.raft.filters import check_each, supported
from sfta.raft.questions import extractive_candidates
from sfta.raft.row_config import FilterConfig

TEXTS = [
    ("d1", "1 Torques", "Table 1: Torques\n\n| Connection | Torque |\n|---|---|\n"
     "| Discharge flange | 125 N·m |\n| Frame anchors | 90 N·m |\n| Motor feet | 90 N·m |"),
    ("d1", "2 Fuses", "Table 2: Fuses\n\n| Fuse | Rating | Feeds |\n|---|---|---|\n"
     "| F10 | 2 A | the display |\n| F11 | 4 A | the valves |\n| F12 | 900 mA | the module |"),
    ("d1", "3 Valve", "The safety valve SV-1 opens at 3.7 bar."),
    ("d1", "4 Mass", "The safety valve SV-1 has a mass of 2 kg."),
    ("d2", "1 Care", "The safety valve SV-1 is tested every 500 hours."),
    ("d2", "2 More", "Table 1: More\n\n| Connection | Torque |\n|---|---|\n| Pump foot | 70 N·m |"),
]  # fmt: skip
CHUNKS = [
    CorpusChunk(f"c{n}", document, document, 1, n * 900, n * 900 + len(text), heading, text, n)
    for n, (document, heading, text) in enumerate(TEXTS)
]
BY_ID = {chunk.id: chunk for chunk in CHUNKS}
KINDS = ["comparison", "yes_no", "false_premise", "multi_chunk"]
NUMBERS = {"Discharge flange": 125, "Frame anchors": 90, "Motor feet": 90, "Pump foot": 70,
           "F10": 2, "F11": 4}  # fmt: skip


@pytest.fixture(scope="module")
def made():
    found, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(further_kinds=KINDS), 7)
    return found


def of(made, *kinds):
    return [c for c in made if c.kind in kinds]


def test_nothing_further_is_asked_by_default(made):
    plain, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(), 7)
    assert plain == made[: len(plain)]
    assert {c.form for c in plain} == {"span"}
    assert all(not c.more for c in plain)


def test_every_kind_is_made_and_passes_the_filters(made):
    counts = Counter(c.kind for c in made)
    kinds = ("comparison", "yes_no", "false_premise", "two_chunks", "two_documents")
    assert all(counts[kind] for kind in kinds)
    kept, lost = check_each(of(made, *kinds), BY_ID, FilterConfig())
    assert len(kept) > 3 * len(lost)
    assert all(supported(c) for c in of(made, *kinds))
    assert {r.reason for r in lost} <= {"answer in question"}


def test_the_one_that_wins_a_comparison_is_the_answer(made):
    asked = [c for c in made if c.form == "choice"]
    assert asked
    for candidate in asked:
        named = [n for n in NUMBERS if n.casefold() in candidate.question.casefold()]
        wins = max if "higher" in candidate.question else min
        assert candidate.answer == wins(named, key=NUMBERS.__getitem__)
        assert len(candidate.supports) == 2


def test_equal_values_and_other_units_are_not_compared(made):
    for candidate in of(made, "comparison"):
        asked = candidate.question.casefold()
        assert not ("frame anchors" in asked and "motor feet" in asked)
        assert "F12" not in candidate.question


def test_yes_and_no_say_what_the_table_says(made):
    asked = of(made, "yes_no")
    assert {c.answer for c in asked} == {"Yes", "No"}
    for candidate in asked:
        assert (candidate.evidence in candidate.question) is (candidate.answer == "Yes")
        assert candidate.evidence in candidate.quote


def test_a_false_premise_is_corrected_with_the_right_value(made):
    asked = of(made, "false_premise")
    for candidate in asked:
        right, _, wrong = candidate.answer.partition(", not ")
        assert right in candidate.quote
        assert wrong in candidate.question
        assert wrong not in candidate.quote
    assert all("N·m" in c.answer for c in asked if "torque" in c.question)


def test_two_chunks_lie_in_one_document_or_in_two_as_their_kind_says(made):
    for kind, documents in (("two_chunks", 1), ("two_documents", 2)):
        for candidate in of(made, kind):
            assert len(candidate.oracle_ids) == 2
            assert len({BY_ID[c].document_id for c in candidate.oracle_ids}) == documents


def test_facts_about_one_code_are_asked_for_together(made):
    joined = [c for c in of(made, "two_documents") if c.form == "list"]
    assert joined
    assert all(c.question.count("SV-1") == 2 and c.question.count("?") == 1 for c in joined)
    assert any(set(c.answer.split("; ")) == {"3.7 bar", "every 500 hours"} for c in joined)


def test_the_same_seed_makes_the_same_questions(made):
    again, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(further_kinds=KINDS), 7)
    assert again == made
