"""Two test sets: unseen documents, and unseen questions on documents that were learned."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_rows import CHUNKS, made
from sfta.raft.candidate import Candidate, Support
from sfta.raft.config import GenerateConfig, PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.dataset import Setting
from sfta.raft.leakage import leakage
from sfta.raft.row_config import SplitConfig
from sfta.raft.splits import Seen, assign_splits, document_families

SPLIT = SplitConfig(group_by="page", seen_test=0.3, shares=[0.6, 0.2, 0.2])


@pytest.fixture(scope="module")
def rows():
    return made(split=SPLIT)[0]


def test_both_test_sets_are_there_and_named(rows):
    sets = {row.get("test_set") for row in rows if row["split"] == "test"}
    assert sets == {"seen_documents", "unseen_documents"}
    assert all("test_set" not in row for row in rows if row["split"] != "test")


def test_a_quote_of_the_seen_test_set_is_never_learned(rows):
    splits = defaultdict(set)
    for row in rows:
        for quote in row["quotes"]:
            splits[quote["text"]].add(row["split"])
    assert all(len(found) == 1 for found in splits.values())


def test_seen_documents_are_learned_and_unseen_ones_are_not(rows):
    learned = {q["chunk_id"] for r in rows if r["split"] == "train" for q in r["quotes"]}
    for row in rows:
        if row["split"] != "test" or not row["quotes"]:
            continue
        chunks = {quote["chunk_id"] for quote in row["quotes"]}
        if row["test_set"] == "unseen_documents":
            assert not chunks & learned
    seen = {q["chunk_id"] for r in rows if r.get("test_set") == "seen_documents"
            for q in r["quotes"]}  # fmt: skip
    assert len(seen & learned) > len(seen) / 2


def test_leakage_is_told_for_each_test_set(rows):
    documents = {chunk.id: chunk.document_id for chunk in CHUNKS}
    found = leakage(rows, 0.85, documents)
    both = found["by_test_set"]
    assert set(both) == {"seen_documents", "unseen_documents"}
    assert both["unseen_documents"]["same_chunk"] == 0
    assert both["seen_documents"]["same_chunk"] > 0
    assert both["seen_documents"]["same_quote"] == both["unseen_documents"]["same_quote"] == 0
    assert both["seen_documents"]["same_document"] > 0


def test_without_a_share_there_is_one_test_set_and_no_further_field():
    found, _, _ = made(max_rows=40)
    assert all("test_set" not in row for row in found)
    assert "by_test_set" not in leakage(found, 0.85)


@given(st.text(max_size=30), st.integers(0, 99))
def test_only_train_gives_to_the_seen_test_set(text, seed):
    seen = Seen(0.5, seed)
    assert seen.split("validation", text) == "validation"
    assert seen.split("test", text) == "test"
    assert seen.split("train", text) == seen.split("train", f"  {text.strip()} ".strip())
    assert Seen(0.0, seed).split("train", text) == "train"


def test_a_question_over_two_splits_has_none():
    splits = {"a": "train", "b": "test", "c": "train"}
    setting = Setting({}, splits, GenerateConfig(), PromptConfig(), 4, 7)
    asked = Candidate("Which?", "comparison", "a", "A.", "A", more=(Support("b", "B.", "B"),))
    assert setting.split_of(asked) == ""
    within = Candidate("Which?", "comparison", "a", "A.", "A", more=(Support("c", "C.", "C"),))
    assert setting.split_of(within) == "train"


def edition(document, texts):
    return [
        CorpusChunk(
            f"{document}{n}", document, document, n + 1, 0, len(text), "1 Work", text, n
        )
        for n, text in enumerate(texts)
    ]


TEXTS = [
    f"Step {n}: the fitter loosens clamp {n * 3} of the housing, lifts the cover by {n} mm and "
    f"checks seal {n + 40} for wear before the drain plug number {n} is closed again."
    for n in range(12)
]


def test_two_editions_of_a_manual_are_never_divided():
    # Every chunk differs a little, so no pair of chunks is near enough by itself.
    second = [text.replace("fitter", "mechanic").replace("wear", "damage") for text in TEXTS]
    others = [
        edition(
            f"o{n}",
            [f"{word} {n} {n + i} " * 9 for i, word in enumerate(("alpha", "beta", "gamma"))],
        )
        for n in range(6)
    ]
    chunks = [*edition("v1", TEXTS), *edition("v2", second), *(c for o in others for c in o)]
    config = SplitConfig(shares=[0.4, 0.3, 0.3], similar_documents=0.3)
    for seed in range(12):
        splits = assign_splits(chunks, config, seed)
        assert len({splits[c.id] for c in chunks if c.document_id in ("v1", "v2")}) == 1
    (family,) = document_families([*edition("v1", TEXTS), *edition("v2", second)], 0.3)
    assert len(family) == 24


def test_other_documents_are_no_family():
    other = edition("x", ["Quite another text about birds and the sea, at great length."] * 3)
    assert document_families([*edition("v1", TEXTS), *other], 0.3) == []
    assert document_families([*edition("v1", TEXTS), *edition("v2", TEXTS)], 1.0) == []
