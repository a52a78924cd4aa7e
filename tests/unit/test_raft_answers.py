"""What the model is taught to say: quotes, reasons or the answer alone; with and without oracle."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_rows import BY_ID, made
from sfta.raft.answers import reworded_answer, sentence_of
from sfta.raft.candidate import Candidate, Support
from sfta.raft.config import ContextConfig, GenerateConfig, PromptConfig
from sfta.raft.contexts import Context, choose_context, holds_answer
from sfta.raft.corpus import CorpusChunk
from sfta.raft.plan import answered_share, make_plan
from sfta.raft.row_config import AnswerConfig, SplitConfig
from sfta.raft.rows import Place, completion_text, make_row
from sfta_edge.citation import parse_answer

PROMPT = PromptConfig()
FIRST, SECOND = "The pump opens at 3 bar.", "The valve opens at 5 bar."
CHUNKS = {
    name: CorpusChunk(name, "d", "Manual", n, 0, len(text), f"{n} Part", text, n)
    for n, (name, text) in enumerate(
        [("a", f"{FIRST} It is red."), ("b", f"Note: {SECOND}"), ("x", "Clean the roof."),
         ("y", f"Again: {SECOND}"), ("z", "Paint the fence.")], 1)
}  # fmt: skip
BOTH = Candidate(
    "Which opens at the higher pressure, the pump or the valve?", "comparison", "a", FIRST,
    "valve", form="choice", evidence="3 bar", more=(Support("b", SECOND, "valve"),),
    reason="5 bar is more than 3 bar.",
)  # fmt: skip


def row(style, candidate=BOTH, context=None):
    context = context or Context(("x", "b", "a"), "a", ("hard", "oracle", "oracle"), ("b",))
    place = Place("train", "d", answer_without_oracle=False, style=style)
    return make_row(candidate, context, CHUNKS, PROMPT, place)


def test_a_question_over_two_chunks_quotes_both():
    made_row = row("quotes")
    assert made_row["completion"] == f'[3] "{FIRST}"\n[2] "{SECOND}"\nAnswer: valve'
    assert [e["role"] for e in made_row["context"]] == ["distractor", "oracle", "oracle"]
    for quote in made_row["quotes"]:
        held = CHUNKS[quote["chunk_id"]].text[quote["start"] : quote["end"]]
        assert held.rstrip(".") == quote["text"].rstrip(".")


def test_a_reason_stands_between_quotes_and_answer():
    assert row("reasons")["completion"].split("\n")[2:] == [
        "5 bar is more than 3 bar.", "Answer: valve"]  # fmt: skip


def test_the_concise_style_keeps_the_quotes_for_checking_only():
    made_row = row("concise")
    assert made_row["completion"] == "Answer: valve"
    assert len(made_row["quotes"]) == 2


@pytest.mark.parametrize("reason", ['[9] "A quote."', "Answer: another", ""])
def test_a_reason_that_reads_as_something_else_is_left_out(reason):
    plain = completion_text([(1, FIRST)], "valve", PROMPT)
    assert completion_text([(1, FIRST)], "valve", PROMPT, reason) == plain


@given(st.text(max_size=60))
def test_no_reason_changes_what_a_completion_says(reason):
    def read(text):
        return parse_answer(text, answer_marker=PROMPT.answer_marker, refusal=PROMPT.refusal)

    plain = completion_text([(1, FIRST)], "valve", PROMPT)
    assert read(completion_text([(1, FIRST)], "valve", PROMPT, reason)) == read(plain)


def test_a_context_holds_all_oracle_chunks_or_none():
    def choose(present):
        return choose_context(
            BOTH, ["b", "y", "x"], CHUNKS, ContextConfig(),
            oracle_present=present, top_k=3 if present else 2, seed=3,
        )  # fmt: skip

    held = choose(True)
    assert set(held.oracles) == {"a", "b"} <= set(held.chunk_ids)
    assert held.sources.count("oracle") == 2
    # The chunk that repeats one of the quotes is no distractor.
    assert set(choose(False).chunk_ids) == {"x", "z"}
    assert holds_answer(CHUNKS["y"], BOTH)


def test_hard_distractors_come_from_the_ranks_asked_for():
    asked = replace(BOTH, form="span", more=(), answer="3 bar", evidence="")
    config = ContextConfig(hard=1, same_document=0, random=0, hard_from=3, hard_to=3)
    hits = ["a", "b", "z", "x"]
    context = choose_context(asked, hits, CHUNKS, config, oracle_present=True, top_k=2, seed=1)
    assert set(context.chunk_ids) == {"a", "z"}


def test_with_the_mixed_policy_some_rows_without_oracle_are_answered():
    config = ContextConfig(oracle_fraction=0.7, without_oracle="mixed", answered_without=0.25)
    rows, funnel, _ = made(max_rows=160, context=config)
    absent = [r for r in rows if not r["oracle_present"] and not r["kind"].startswith("near")]
    answered = [r for r in absent if r["answer"] != PROMPT.refusal]
    assert len(answered) == round(len(absent) / 4) > 5
    assert all(r["quotes"] == [] and r["completion"].startswith("Answer: ") for r in answered)
    refusals = sum(r["completion"] == PROMPT.refusal for r in rows)
    assert abs(refusals / len(rows) - 0.25) < 0.02
    assert set(funnel.notes["distractors"]) <= {"hard", "same_document", "random", "shared"}


def test_the_oracle_stands_at_every_place():
    _, funnel, _ = made(max_rows=160)
    places = Counter(funnel.notes["oracle_places"])
    assert set(places) == {"1", "2", "3", "4"}
    assert sum(places.values()) == funnel.notes["plan"]["with_oracle"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.9), st.integers(0, 300))
def test_the_mixed_policy_lies_between_the_other_two(fraction, share, refusals, questions):
    def planned(policy, answered=0.5):
        context = ContextConfig(oracle_fraction=fraction, without_oracle=policy,
                                answered_without=answered)  # fmt: skip
        return make_plan(GenerateConfig(context=context, refusal_share=refusals), questions, 99)

    assert planned("mixed", 0.0) == planned("refuse")
    assert planned("mixed", 1.0) == planned("answer")
    assert planned("mixed", share).questions <= questions


def test_the_share_answered_without_oracle_is_that_of_the_policy():
    assert answered_share(ContextConfig(without_oracle="refuse", answered_without=0.7)) == 0
    assert answered_share(ContextConfig(without_oracle="mixed", answered_without=0.7)) == 0.7
    assert answered_share(ContextConfig(without_oracle="answer")) == 1


def test_answers_are_reworded_in_train_alone():
    rows, _, _ = made(answer=AnswerConfig(reworded=1.0), split=SplitConfig(group_by="page"))
    quoted = [r for r in rows if r["quotes"]]
    sentences = [r for r in quoted if r["answer"] == r["quotes"][0]["text"]]
    assert sentences
    assert {r["split"] for r in sentences} == {"train"}
    for made_row in sentences:
        assert made_row["answer"].rstrip(".") in BY_ID[made_row["quotes"][0]["chunk_id"]].text


def test_a_paraphrase_of_the_teacher_comes_before_the_sentence():
    asked = Candidate("How?", "value", "a", FIRST, "3 bar", paraphrases=("At three bar",))
    assert reworded_answer(asked, 1.0, 7) == "At three bar"
    assert reworded_answer(asked, 0.0, 7) == ""
    assert sentence_of(replace(asked, quote="Pump | 3 bar")) == ()
    assert sentence_of(replace(asked, answer=FIRST.rstrip("."))) == ()
    assert reworded_answer(BOTH, 1.0, 7) == ""
