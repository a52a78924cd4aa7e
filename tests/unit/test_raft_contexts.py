"""The chunks beside a question: never the answer where it must not be, always as many."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.candidate import Candidate
from sfta.raft.config import ContextConfig, SplitConfig
from sfta.raft.contexts import choose_context, holds_answer, speaks_of
from sfta.raft.corpus import CorpusChunk
from sfta.raft.leakage import leakage
from sfta.raft.splits import SPLITS, assign_splits, group_of
from sfta_edge.errors import ConfigError


def chunk(number, text=None, *, document=None, page=None, heading=None):
    text = text or f"The part number {number} lies in box {number * 7} of shelf {number * 13}."
    return CorpusChunk(f"c{number:02d}", document or f"d{number % 3}", "Manual",
                       page or number, 0, len(text), heading or f"{number} Part", text,
                       number)  # fmt: skip


CHUNKS = {c.id: c for c in (chunk(n) for n in range(20))}
ASKED = Candidate(
    question="In which box lies part number 4?",
    kind="place",
    chunk_id="c04",
    quote="The part number 4 lies in box 28 of shelf 52.",
    answer="box 28",
    template="wh/0",
)
HITS = [f"c{n:02d}" for n in (4, 7, 1, 9, 2, 3, 15)]


def choose(
    candidate=ASKED, *, present=True, chunks=CHUNKS, hits=HITS, top_k=4, seed=1, **config
):
    return choose_context(
        candidate, hits, chunks, ContextConfig(**config),
        oracle_present=present, top_k=top_k, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("top_k", [1, 4, 7])
def test_a_context_has_top_k_chunks_with_and_without_oracle(present, top_k):
    context = choose(present=present, top_k=top_k)
    assert len(set(context.chunk_ids)) == top_k
    assert ("c04" in context.chunk_ids) is present
    assert context.oracle == ("c04" if present else None)
    assert context.sources.count("oracle") == present


def test_the_retrievers_best_are_taken_first():
    context = choose(hard=1, same_document=0, random=0, order="retriever")
    assert context.chunk_ids == ("c04", "c07", "c01", "c09")


def test_an_oracle_the_retriever_missed_is_put_in_anywhere():
    hits = [h for h in HITS if h != "c04"]
    places = {
        choose(hits=hits, order="retriever", seed=n).chunk_ids.index("c04") for n in range(40)
    }
    assert places == {0, 1, 2, 3}


@pytest.mark.parametrize("order", ["mixed", "shuffled"])
def test_the_oracles_place_gives_nothing_away(order):
    places = Counter(choose(order=order, seed=n).chunk_ids.index("c04") for n in range(200))
    assert set(places) == {0, 1, 2, 3}
    assert min(places.values()) >= 15


def test_distractors_come_from_the_pools_that_weigh():
    near = choose(hard=0, same_document=1, random=0)
    documents = {CHUNKS[c].document_id for c in near.chunk_ids}
    assert documents == {"d1"}
    assert set(near.sources) == {"oracle", "same_document"}
    far = [choose(hard=0, same_document=0, random=1, seed=n) for n in range(8)]
    assert len({c for context in far for c in context.chunk_ids}) > 8


def test_an_exhausted_pool_is_filled_from_the_others():
    context = choose(hits=[], hard=1, same_document=0, random=0)
    assert len(context.chunk_ids) == 4


def test_a_corpus_that_is_too_small_is_reported():
    few = {c: CHUNKS[c] for c in ("c04", "c05")}
    with pytest.raises(ConfigError, match="too few chunks"):
        choose(chunks=few)


def test_a_chunk_with_the_same_quote_is_no_distractor():
    twin = replace(CHUNKS["c04"], id="c99", start=50)
    chunks = {**CHUNKS, "c99": twin}
    for present in (True, False):
        assert (
            "c99" not in choose(chunks=chunks, hits=["c99", *HITS], present=present).chunk_ids
        )


def test_a_chunk_that_answers_in_capitals_is_no_distractor():
    loud = chunk(51, "PART NUMBER 4 LIES IN BOX 28.")
    assert holds_answer(loud, ASKED)
    chunks = {**CHUNKS, loud.id: loud}
    assert loud.id not in choose(chunks=chunks, hits=[loud.id, *HITS]).chunk_ids


def test_a_chunk_that_answers_in_other_words_is_no_distractor():
    other = chunk(50, "You find part number 4 in box 28.")
    chunks = {**CHUNKS, other.id: other}
    assert holds_answer(other, ASKED)
    assert other.id not in choose(chunks=chunks, hits=[other.id, *HITS]).chunk_ids


def test_a_chunk_with_the_answers_words_about_something_else_may_distract():
    other = chunk(51, "The gloves are kept in box 28.")
    assert not holds_answer(other, ASKED)


def test_two_chunks_of_one_text_do_not_stand_together():
    repeated = {n: replace(CHUNKS["c07"], id=n) for n in ("c70", "c71")}
    context = choose(chunks={**CHUNKS, **repeated}, hits=["c07", "c70", "c71", *HITS])
    assert sum(c in ("c07", "c70", "c71") for c in context.chunk_ids) == 1


def test_a_refusal_has_no_chunk_that_speaks_of_all_that_was_asked():
    other = chunk(52, "Part number 4 lies in which box is written on its label.")
    chunks = {**CHUNKS, other.id: other}
    assert speaks_of(other, ASKED)
    hits = [other.id, *HITS]
    assert other.id not in choose(chunks=chunks, hits=hits, present=False).chunk_ids


def test_a_models_unanswerable_question_is_guarded_too_and_a_rules_near_miss_is_not():
    other = chunk(53, "Part number 4 lies in a box that is described.")
    asked = replace(ASKED, quote="", answer="", template="")
    assert speaks_of(other, asked)
    assert not speaks_of(other, replace(asked, template="value/1"))


@given(
    st.integers(0, 10_000), st.sampled_from(["mixed", "shuffled", "retriever"]), st.booleans()
)
def test_a_context_is_a_function_of_its_inputs_and_holds_the_answer_once_at_most(
    seed, order, present
):
    context = choose(seed=seed, order=order, present=present)
    assert context == choose(seed=seed, order=order, present=present)
    holders = [c for c in context.chunk_ids if holds_answer(CHUNKS[c], ASKED)]
    assert holders == (["c04"] if present else [])


MANY = [
    chunk(n, document=f"d{n % 4}", page=n // 4 + 1, heading=f"{n % 8} Part > {n}")
    for n in range(64)
]


@pytest.mark.parametrize(
    ("group_by", "groups"), [("document", 4), ("section", 8), ("page", 64)]
)
def test_groups_are_never_divided(group_by, groups):
    config = SplitConfig(group_by=group_by, near_duplicate=1.0)
    splits = assign_splits(MANY, config, 7)
    held = {}
    for item in MANY:
        held.setdefault(group_of(item, config), set()).add(splits[item.id])
    assert len(held) == groups
    assert all(len(found) == 1 for found in held.values())


def test_the_shares_are_met_as_closely_as_the_groups_allow():
    config = SplitConfig(group_by="page", shares=[0.75, 0.125, 0.125], near_duplicate=1.0)
    counts = Counter(assign_splits(MANY, config, 7).values())
    assert counts == {"train": 48, "validation": 8, "test": 8}


def test_the_assignment_depends_on_the_seed_alone():
    config = SplitConfig(group_by="page", near_duplicate=1.0)
    first = assign_splits(MANY, config, 7)
    assert first == assign_splits(list(reversed(MANY)), config, 7)
    assert first != assign_splits(MANY, config, 8)


def test_groups_with_nearly_equal_chunks_go_together():
    long = "the quick pump lifts warm oil from the deep sump to the high tank every day " * 3
    twins = [
        chunk(90, long + "one", document="dx"),
        chunk(91, long + "two", document="dy"),
        *MANY,
    ]
    config = SplitConfig(group_by="document", near_duplicate=0.8)
    for seed in range(10):
        splits = assign_splits(twins, config, seed)
        assert splits["c90"] == splits["c91"]


def row(split, question, quote):
    quotes = [{"text": quote, "chunk_id": f"of {quote}"}] if quote else []
    return {"split": split, "question": question, "answer": quote[-5:], "quotes": quotes}


def test_leakage_counts_held_out_rows_whose_question_or_quote_is_in_train():
    rows = [
        row("train", "What is the mass of the pump?", "It weighs 3 kg."),
        row("test", "What is the mass of the pump", "Another quote."),
        row("test", "How heavy?", "It weighs 3 kg."),
        row("validation", "Which colour has the tank?", ""),
        row("validation", "What turns?", "The motor turns."),
    ]
    assert leakage(rows, 0.85, {f"of {q}": "d" for q in ("It weighs 3 kg.", "Another quote.")}) == {
        "held_out": 4, "same_question": 1, "same_quote": 1, "same_answer": 1, "same_chunk": 1,
        "same_document": 2, "share": 0.5,
    }  # fmt: skip


def test_nothing_held_out_leaks_nothing():
    assert leakage([row("train", "a b c", "d")], 0.85)["share"] == 0.0
    assert SPLITS == ("train", "validation", "test")
