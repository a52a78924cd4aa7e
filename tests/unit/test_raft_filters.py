"""What is turned away, and that nothing is turned away without its reason."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.candidate import EXAMPLES_PER_REASON, Candidate, Funnel, Rejected
from sfta.raft.config import FilterConfig
from sfta.raft.corpus import CorpusChunk, key_terms, overlap, singular, words
from sfta.raft.filters import (
    check_each,
    drop_ambiguous,
    drop_duplicates,
    leaks,
    round_trip,
    why_unusable,
)
from sfta.raft.selection import choose_evenly
from sfta.raft.wording import reworded
from sfta_edge.manifest import canonical_json

TEXT = "The safety valve SV-1 opens at 3.7 bar. The motor turns at 1,485 rpm."
CHUNK = CorpusChunk("c", "d", "Manual", 1, 0, len(TEXT), "2 Valves", TEXT)
CONFIG = FilterConfig()
GOOD = Candidate(
    question="At what pressure does the safety valve SV-1 open?",
    kind="value",
    chunk_id="c",
    quote="The safety valve SV-1 opens at 3.7 bar.",
    answer="3.7 bar",
    template="wh/0",
    fact="f1",
    teacher="extractive",
)


def test_a_good_candidate_passes():
    assert why_unusable(GOOD, {"c": CHUNK}, CONFIG) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"question": "Pressure?"}, "question length"),
        ({"question": "word " * 40}, "question length"),
        ({"question": "At what pressure does it open?", "template": ""}, "not self-contained"),
        ({"quote": "The safety valve SV-1 opens at 4.7 bar."}, "quote not in chunk"),
        ({"chunk_id": "other"}, "quote not in chunk"),
        ({"quote": "word " * 70}, "quote length"),
        ({"answer": "4 bar"}, "answer not in quote"),
        ({"answer": "1,485 rpm"}, "answer not in quote"),
        ({"answer": "opens\nat"}, "answer not in quote"),
        ({"answer": "3.7 Bar"}, "answer not in quote"),
        ({"quote": "The safety valve sv-1 opens at 3.7 bar."}, "quote not in chunk"),
        ({"answer": "word " * 30}, "answer length"),
        ({"question": "Does the valve open at 3.7 bar or not?"}, "answer in question"),
    ],
)
def test_a_bad_candidate_is_turned_away_with_its_reason(change, reason):
    assert why_unusable(replace(GOOD, **change), {"c": CHUNK}, CONFIG) == reason


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "the safety valve SV-1 opens at 3.7 bar."},
        {"answer": "Opens at 3.7 bar"},
        {"answer": "Bar", "question": "Which unit does the safety valve SV-1 have?"},
    ],
)
def test_the_case_of_a_sentence_s_start_turns_nothing_away(change):
    assert why_unusable(replace(GOOD, **change), {"c": CHUNK}, CONFIG) == ""


def test_a_pronoun_in_a_rule_made_wording_is_no_reason():
    spoken = replace(GOOD, question="SV-1: what does it do at which pressure?")
    assert why_unusable(spoken, {"c": CHUNK}, CONFIG) == ""


def test_an_unanswerable_question_needs_neither_quote_nor_answer():
    asked = replace(GOOD, quote="", answer="")
    assert not asked.answerable
    assert why_unusable(asked, {"c": CHUNK}, CONFIG) == ""


def test_kept_and_lost_are_all_there_is():
    bad = replace(GOOD, answer="4 bar")
    kept, lost = check_each([GOOD, bad], {"c": CHUNK}, CONFIG)
    assert (kept, lost) == ([GOOD], [Rejected(bad, "answer not in quote")])


@pytest.mark.parametrize(
    ("question", "answer", "leaking"),
    [
        ("Is it 3.7 bar?", "3.7 bar", True),
        ("Is it 13.7 bar?", "3.7 bar", False),
        ("What does a broken lever at the blow-off valve mean?",
         "a broken lever at the blow-off valve", True),
        ("What stops the motor?", "the trip E-104", False),
        ("Who opens the valve?", "the valve owner", False),
    ],
)  # fmt: skip
def test_a_question_that_gives_its_answer_away_is_told(question, answer, leaking):
    assert leaks(question, answer) is leaking


def test_one_question_with_two_answers_goes_altogether():
    other = replace(GOOD, answer="1,485 rpm", question=GOOD.question.upper())
    single = replace(GOOD, question="How fast does the motor turn?")
    kept, lost = drop_ambiguous([GOOD, other, single])
    assert kept == [single]
    assert [item.reason for item in lost] == ["ambiguous question"] * 2


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("At what pressure does the safety valve SV-1 open", "duplicate question"),
        (
            "at what pressure does the safety valve SV-1 open, please?",
            "near duplicate question",
        ),
    ],
)
def test_a_repeated_question_is_dropped_but_another_wording_is_not(question, reason):
    repeated = replace(GOOD, question=question)
    reworded_question = replace(GOOD, question="SV-1 opening pressure in bar")
    kept, lost = drop_duplicates([GOOD, repeated, reworded_question], CONFIG)
    assert kept == [GOOD, reworded_question]
    assert lost == [Rejected(repeated, reason)]


def test_near_duplicates_with_other_answers_both_stay():
    first = replace(GOOD, question="What is the torque of the cover bolts of the LP airend?")
    second = replace(
        GOOD, question="What is the torque of the cover bolts of the HP airend?", answer="rpm"
    )
    assert drop_duplicates([first, second], CONFIG)[0] == [first, second]


@pytest.mark.parametrize(
    ("mode", "rank", "kept", "misses"),
    [
        ("require", 1, 1, 0),
        ("require", 12, 1, 0),
        ("require", 13, 0, 1),
        ("require", None, 0, 1),
        ("count", None, 1, 1),
        ("off", None, 1, 0),
    ],
)
def test_the_round_trip_keeps_what_the_retriever_finds(mode, rank, kept, misses):
    config = FilterConfig(round_trip=mode, round_trip_top=12)
    (passed, lost), missed = round_trip([GOOD], lambda _: rank, config)
    assert (len(passed), missed) == (kept, misses)
    assert len(passed) + len(lost) == 1


def test_the_round_trip_asks_nothing_of_unanswerable_questions():
    asked = replace(GOOD, quote="", answer="")
    (passed, _), missed = round_trip([asked], lambda _: None, CONFIG)
    assert (passed, missed) == ([asked], 0)


def test_the_funnel_counts_everything_and_shows_a_few_examples():
    funnel = Funnel(entered=9)
    lost = [Rejected(replace(GOOD, question=f"Question {n}?"), "too odd") for n in range(8)]
    assert funnel.passed("first", [GOOD], lost) == [GOOD]
    report = funnel.to_json()
    assert report["rejected"] == {"too odd": 8}
    assert report["left_after"] == [{"step": "first", "candidates": 1}]
    assert len(report["examples"]["too odd"]) == EXAMPLES_PER_REASON
    json.loads(canonical_json(report))


def many(count=60):
    return [
        replace(GOOD, question=f"Question number {n}?", kind=f"k{n % 3}", chunk_id=f"c{n % 10}",
                template=f"t{n % 5}", fact=f"f{n // 2}", answer=f"a{n}")
        for n in range(count)
    ]  # fmt: skip


def choose(candidates, count, limit=100, seed=1):
    return choose_evenly(candidates, count, max_uses_per_template=limit,
                         group_of=lambda c: c.chunk_id, seed=seed)  # fmt: skip


def test_no_kind_and_no_chunk_crowds_the_others_out():
    uneven = [replace(c, kind="rare" if n < 6 else "common") for n, c in enumerate(many())]
    chosen, _ = choose(uneven, 20)
    kinds = [c.kind for c in chosen]
    assert kinds.count("rare") >= 3
    assert {c.chunk_id for c in chosen} == {c.chunk_id for c in uneven}


def test_every_fact_is_asked_once_before_one_is_asked_twice():
    chosen, _ = choose(many(), 30)
    assert len({c.fact for c in chosen}) == 30


@pytest.mark.parametrize("limit", [1, 4])
def test_a_wording_is_used_no_more_often_than_allowed(limit):
    chosen, lost = choose(many(), None, limit)
    for template in {c.template for c in chosen}:
        assert sum(c.template == template for c in chosen) == limit
    assert {item.reason for item in lost} == {"wording used up"}
    assert len(chosen) + len(lost) == 60


def test_what_is_not_chosen_has_a_reason():
    chosen, lost = choose(many(), 10)
    assert len(chosen) == 10
    assert {item.reason for item in lost} == {"not needed"}
    assert {c.id for c in chosen} | {i.candidate.id for i in lost} == {c.id for c in many()}


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    mixed = many()
    random.Random(5).shuffle(mixed)
    assert [c.id for c in choose(many(), 20)[0]] == [c.id for c in choose(mixed, 20)[0]]
    assert choose(many(), 20, seed=2)[0] != choose(many(), 20)[0]


@given(st.lists(st.sampled_from(["The pump", "the pumps!", "PUMP 7.5", "E-104"]), max_size=5))
def test_overlap_is_symmetric_and_one_for_equal_bags(texts):
    left, right = words(" ".join(texts)), words(" ".join(texts[:2]))
    assert overlap(left, right) == overlap(right, left)
    assert overlap(left, left) == (1.0 if left else 0.0)


def test_forms_of_a_word_share_a_stem_and_codes_do_not_change():
    assert set(key_terms("tightening tightened tighten")) == {"tighten"}
    assert key_terms("the E-104 of a 7.5 bar") == ["e-104", "7.5", "bar"]
    assert [singular(n) for n in ("bolts", "bodies", "boxes", "bus", "gas")] == [
        "bolt", "body", "box", "bus", "gas"]  # fmt: skip


def test_a_share_of_the_questions_is_reworded_and_the_rest_stay():
    question = "How often must I have the filter FX-3 replaced?"
    changed = [
        reworded(question, random.Random(n), share=0.5, aliases={}) != question
        for n in range(200)
    ]
    assert 60 < sum(changed) < 140
    assert reworded(question, random.Random(1), share=0.0, aliases={}) == question


def test_rewording_leaves_quoted_names_alone_and_uses_the_aliases():
    question = 'What is replaced in "Bolts replaced" of the package?'
    for n in range(50):
        text = reworded(
            question, random.Random(n), share=1.0, aliases={"the package": ["the CX-220"]}
        )
        assert '"Bolts replaced"' in text
        assert text.endswith(("of the package?", "of the CX-220?"))
