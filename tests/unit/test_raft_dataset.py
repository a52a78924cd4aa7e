"""From candidates to rows: shares, pairs, completions, and every record accounted for."""

import json
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.config import build
from sfta.raft.candidate import Candidate, Funnel
from sfta.raft.card import CardFacts, data_card
from sfta.raft.config import (
    ContextConfig,
    ExtractiveTeacher,
    FilterConfig,
    GenerateConfig,
    PromptConfig,
    SplitConfig,
)
from sfta.raft.contexts import holds_answer
from sfta.raft.corpus import CorpusChunk, overlap, words
from sfta.raft.dataset import Setting, build_rows
from sfta.raft.leakage import leakage
from sfta.raft.plan import make_plan
from sfta.raft.questions import extractive_candidates
from sfta.raft.rows import rejected_row, row_id
from sfta.raft.splits import assign_splits
from sfta_edge.citation import find_quote, parse_answer
from sfta_edge.errors import ConfigError

PARTS = ("pump", "valve", "cooler", "motor", "filter", "drain", "switch", "relay", "gauge", "fan",
         "belt", "tank")  # fmt: skip


def text_of(number):
    part = PARTS[number % len(PARTS)]
    return (
        f"The main {part} MP-{number} opens at {number + 2}.5 bar. The main {part} MP-{number} "
        f"is cleaned every {number + 1}00 hours. Tighten the cover of the {part} MP-{number} to "
        f"{number + 20} N·m. The main {part} MP-{number} hangs under the roof number {number}."
    )


CHUNKS = [
    CorpusChunk(f"c{n:02d}", f"d{n % 3}", f"Manual {n % 3}", n + 1, n * 900,
                n * 900 + len(text_of(n)), f"{n} Part {n}", text_of(n), n)
    for n in range(24)
]  # fmt: skip
BY_ID = {chunk.id: chunk for chunk in CHUNKS}


def search(questions, top_k):
    """A retriever that counts shared words."""

    def score(question, chunk):
        return len(set(question.casefold().split()) & set(chunk.text.casefold().split()))

    return [
        [c.id for c in sorted(CHUNKS, key=lambda c: (-score(q, c), c.id))][:top_k]
        for q in questions
    ]


def made(**settings):
    config = GenerateConfig(**{
        "split": SplitConfig(group_by="page"),
        "teacher": ExtractiveTeacher(max_uses_per_template=1000),
        "filters": FilterConfig(round_trip="count"), **settings,
    })  # fmt: skip
    setting = Setting(
        BY_ID, assign_splits(CHUNKS, config.split, 7), config, PromptConfig(), 4, 7
    )
    funnel = Funnel()
    candidates, _ = extractive_candidates(CHUNKS, config.teacher, 7)
    return build_rows(candidates, setting, search, funnel), funnel, candidates


@pytest.fixture(scope="module")
def rows():
    return made(max_rows=120)[0]


def test_there_are_as_many_rows_as_asked_for_and_a_quarter_refuses(rows):
    refused = [row for row in rows if not row["quotes"]]
    assert len(rows) == 120
    assert len(refused) == 30
    assert {row["completion"] for row in refused} == {PromptConfig().refusal}


def test_a_completion_parses_back_into_its_quotes_and_answer(rows):
    prompt = PromptConfig()
    for row in rows:
        parsed = parse_answer(
            row["completion"], answer_marker=prompt.answer_marker, refusal=prompt.refusal
        )
        assert parsed.well_formed
        assert parsed.refused is (not row["quotes"])
        assert parsed.answer == row["answer"]
        for quote, held in zip(parsed.quotes, row["quotes"], strict=True):
            assert quote.text == held["text"]
            assert row["context"][quote.number - 1]["chunk_id"] == held["chunk_id"]


def test_quotes_carry_their_place_in_the_oracle_chunk(rows):
    for row in rows:
        for quote in row["quotes"]:
            text = BY_ID[quote["chunk_id"]].text
            assert find_quote(quote["text"], text[quote["start"] : quote["end"]])
            roles = {entry["chunk_id"]: entry["role"] for entry in row["context"]}
            assert roles[quote["chunk_id"]] == "oracle"


def test_the_oracle_is_marked_once_or_never_and_no_distractor_holds_the_answer(rows):
    for row in rows:
        roles = [entry["role"] for entry in row["context"]]
        assert len(roles) == 4
        assert roles.count("oracle") == row["oracle_present"]
        if row["quotes"]:
            asked = Candidate(row["question"], row["kind"], row["quotes"][0]["chunk_id"],
                              row["quotes"][0]["text"], row["answer"])  # fmt: skip
            holders = [e["role"] for e in row["context"]
                       if holds_answer(BY_ID[e["chunk_id"]], asked)]  # fmt: skip
            assert holders == ["oracle"]


def test_ids_are_unique_and_come_from_the_content(rows):
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["id"] == row_id(row) for row in rows)
    assert rows == sorted(rows, key=lambda row: row["id"])


def test_half_of_the_rows_without_oracle_repeat_an_answered_question(rows):
    answered = {row["question"] for row in rows if row["quotes"]}
    removed = [r for r in rows if not r["quotes"] and not r["kind"].startswith("near_miss")]
    paired = [row for row in removed if row["question"] in answered]
    assert len(removed) > 8
    assert len(paired) == round(len(removed) / 2)


def test_pairs_stay_in_one_split(rows):
    splits = {}
    for row in rows:
        splits.setdefault(row["question"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())


def test_the_same_inputs_give_the_same_rows(rows):
    assert made(max_rows=120)[0] == rows


def test_every_candidate_ends_as_a_row_or_with_a_reason():
    built, funnel, candidates = made(max_rows=60)
    asked = {(row["question"], row["kind"]) for row in built}
    assert funnel.entered == len(candidates)
    assert len(asked) + len(funnel.rejected) == len(candidates)
    assert all(item.reason for item in funnel.rejected)


def test_without_a_limit_all_usable_questions_become_rows():
    built, funnel, _ = made()
    assert len({row["question"] for row in built if row["quotes"]}) > 150
    assert "not needed" not in {
        item.reason for item in funnel.rejected if item.candidate.answerable
    }


def test_the_papers_policy_answers_without_oracle_and_quotes_nothing():
    built, _, _ = made(max_rows=100, context=ContextConfig(without_oracle="answer"))
    removed = [r for r in built if not r["oracle_present"] and not r["kind"].startswith("near")]
    assert removed
    for row in removed:
        assert row["quotes"] == []
        assert row["completion"] == f"Answer: {row['answer']}"
        assert row["answer"] != PromptConfig().refusal


def test_rows_may_share_contexts_and_stay_true():
    built, funnel, _ = made(max_rows=120, context=ContextConfig(rows_per_context=4))
    contexts = Counter(tuple(e["chunk_id"] for e in row["context"]) for row in built)
    assert len(contexts) < 100
    assert funnel.notes["contexts"] == len(contexts)
    assert len([n for n in contexts.values() if n > 1]) > 10
    assert all(row["oracle_present"] == bool(row["quotes"]) for row in built)


def test_the_funnel_names_wordings_retriever_and_plan():
    _, funnel, _ = made(max_rows=60)
    assert funnel.notes["wordings"]["used"] > 10
    assert funnel.notes["retriever"]["questions"] > 40
    assert funnel.notes["plan"]["with_oracle"] == 45
    assert [name for name, _ in funnel.steps][:4] == [
        "checked alone", "in one split", "unambiguous", "without duplicates"]  # fmt: skip


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


def test_the_card_names_the_files_of_the_splits_that_have_rows(rows):
    _, funnel, _ = made(max_rows=60)
    trained = [row for row in rows if row["split"] == "train"]
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
