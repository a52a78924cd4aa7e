"""Plans, wordings and settings of a dataset, and what its card and leakage report say."""

import json
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from made_rows import CHUNKS, made
from sfta.core.config import build
from sfta.raft.candidate import Candidate
from sfta.raft.card import CardFacts, data_card
from sfta.raft.config import (
    ContextConfig,
    ExtractiveTeacher,
    GenerateConfig,
    PromptConfig,
)
from sfta.raft.corpus import CorpusChunk, overlap, words
from sfta.raft.leakage import leakage
from sfta.raft.plan import make_plan
from sfta.raft.questions import extractive_candidates
from sfta.raft.rows import rejected_row
from sfta_edge.errors import ConfigError


@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.floats(0, 1),
    st.floats(0, 0.9),
    st.floats(0, 1),
    st.sampled_from(["refuse", "answer"]),
    st.one_of(st.none(), st.integers(1, 500)),
)
def test_a_plan_never_asks_for_more_than_there_is(
    answerable, unanswerable, fraction, refusals, paired, policy, most
):
    config = GenerateConfig(
        context=ContextConfig(oracle_fraction=fraction, without_oracle=policy),
        refusal_share=refusals, paired=paired, max_rows=most,
    )  # fmt: skip
    plan = make_plan(config, answerable, unanswerable)
    assert plan.questions <= answerable
    assert 0 <= plan.near_miss <= unanswerable
    assert 0 <= plan.paired <= min(plan.with_oracle, plan.without_oracle)
    total = plan.with_oracle + plan.without_oracle + plan.near_miss
    assert most is None or total <= most


def test_the_oracle_fraction_is_met():
    plan = make_plan(GenerateConfig(max_rows=700), 5000, 5000)
    assert plan.with_oracle == 525
    assert plan.without_oracle == 131
    assert plan.near_miss == 44
    assert plan.paired == round(131 / 2)


def test_wordings_are_spread_over_the_facts():
    candidates, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(phrasings=2), 7)
    uses = Counter(c.template for c in candidates if c.kind == "torque")
    assert sum(uses.values()) == 48
    assert max(uses.values()) <= 5


def test_a_key_of_two_rows_is_ambiguous_and_so_is_a_thing_with_many_tasks():
    table = (
        "| Lamp | Meaning |\n|---|---|\n| Run | It turns |\n| Run | It waits |\n"
        "| Trip | It stands |"
    )
    tasks = " ".join(
        f"The controller {verb} the pump number {n}."
        for n, verb in enumerate(["starts", "stops", "opens", "compares", "counts", "protects"])
    )
    tasks += " The breather BR-8 prevents oil mist at its outlet."
    chunks = [
        CorpusChunk(f"c{n}", "d", "M", n, 0, len(text), f"{n} Part", text, n)
        for n, text in enumerate(
            [table, f"{tasks} The breather BR-8 prevents oil mist at its outlet."]
        )
    ]
    found, lost = extractive_candidates(chunks, ExtractiveTeacher(), 7)
    reasons = {(item.candidate.answer, item.reason) for item in lost}
    assert {("It turns", "ambiguous question"), ("It waits", "ambiguous question")} <= reasons
    assert "It stands" in {c.answer for c in found}
    assert {c.answer for c in found if c.kind == "function"} == {
        "prevents oil mist at its outlet"
    }


def test_more_phrasings_give_more_candidates_of_the_same_facts():
    few, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(phrasings=1), 7)
    more, _ = extractive_candidates(CHUNKS, ExtractiveTeacher(phrasings=4), 7)
    assert {c.fact for c in few} == {c.fact for c in more}
    assert len(more) > 2 * len(few)


def test_a_rejected_candidate_keeps_question_quote_and_reason():
    candidate = Candidate("Why?", "why", "c00", "A quote.", "an answer", "t", "f", "extractive")
    record = rejected_row(candidate, "question length", "train", "g")
    assert record["rejected_because"] == "question length"
    assert record["quotes"][0]["text"] == "A quote."
    assert record["completion"] == ""


def test_the_card_names_the_files_of_the_splits_that_have_rows(made_rows):
    _, funnel, _ = made(max_rows=60)
    trained = [row for row in made_rows if row["split"] == "train"]
    card = data_card(CardFacts("pumps", trained, funnel.to_json(), "Made.", "extractive"))
    header = yaml.safe_load(card.split("---")[1])
    (config,) = header["configs"]
    assert config["data_files"] == [{"split": "train", "path": "train.jsonl"}]
    assert f"| train | {len(trained)} |" in card
    assert "not needed" in card
    assert json.dumps(card)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"split": {"shares": [0.5, 0.2, 0.2]}}, "shares must add up to 1"),
        ({"split": {"shares": [0.0, 0.5, 0.5]}}, "train must be above 0"),
        ({"context": {"hard": 0.0, "same_document": 0.0, "random": 0.0}}, "at least one of"),
        ({"teacher": {"kind": "openai", "base_url": "ftp://x", "model": "m"}}, "base_url"),
        ({"teacher": {"kind": "oracle"}}, "teacher"),
        ({"filters": {"question_word": [1, 2]}}, "did you mean question_words"),
        ({"refusal_share": 1.5}, "refusal_share"),
    ],
)
def test_settings_that_cannot_work_are_named(data, message):
    with pytest.raises(ConfigError, match=message):
        build(GenerateConfig, data, name="recipe")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"question": "Ask:"}, "question must hold"),
        ({"document": "{number} {title}"}, "document must hold the field {text}"),
        ({"document": "{number} {text} {author}"}, "no field {author}"),
        ({"refusal": "Two\nlines"}, "one line"),
        ({"answer_marker": " Answer:"}, "one line"),
    ],
)
def test_a_prompt_that_cannot_work_is_named(data, message):
    with pytest.raises(ConfigError, match=message):
        build(PromptConfig, data, name="recipe")


asked = st.lists(st.sampled_from("abcdefg"), max_size=7).map(" ".join)


@given(st.lists(asked, max_size=6), asked, st.sampled_from([0.0, 0.3, 0.5, 0.85, 1.0]))
def test_leakage_finds_what_comparing_all_with_all_finds(trained, held, threshold):
    rows = [{"split": "train", "question": q, "quotes": []} for q in trained]
    rows.append({"split": "test", "question": held, "quotes": []})
    near = any(overlap(words(held), words(q)) > threshold for q in trained)
    assert leakage(rows, threshold)["same_question"] == near
