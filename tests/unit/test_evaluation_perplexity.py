"""Perplexity: per token over all tokens, from the arm's own prompt, with nothing dropped unsaid."""

import math
from dataclasses import replace

import pytest

from judged_arms import CASES, CONTRACT, evaluation, good
from sfta.evaluation.arms import arm_of
from sfta.evaluation.perplexity import (
    Surprise,
    arm_surprise,
    measured_questions,
    perplexity_figures,
    text_surprise,
)
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Scored
from sfta_edge.settings import AnswerSettings

SETTINGS = AnswerSettings(max_tokens=40)
MANY = 10_000


class CharacterEngine:
    """A character is a token; it is sure of what stands in its prompt and unsure of the rest."""

    def __init__(self, *, known=0.5, unknown=0.01, context_tokens=4000, recurrent=False):
        self.known, self.unknown = math.log(known), math.log(unknown)
        self.context_tokens, self.recurrent = context_tokens, recurrent
        self.prompts = []

    def tokenize(self, text, special=False):
        return [ord(character) for character in text]

    def score(self, prompt, options, limits):
        if self.recurrent:
            raise ConfigError("m.gguf is a recurrent model: it cannot compare quotes")
        flat = [token for segment in prompt for token in segment]
        if len(flat) + max(map(len, options)) > self.context_tokens:
            raise ContextOverflowError("too long")
        self.prompts.append("".join(map(chr, flat)))
        held = set(flat)
        scores = [
            tuple(self.known if token in held else self.unknown for token in option)
            for option in options
        ]
        return Scored(tuple(scores), len(flat))


def ids(cases=CASES, most=MANY):
    return measured_questions(cases, most, 7)


def surprise(engine, arm="raft_rag", cases=CASES, chosen=None, **settings):
    chosen = ids(cases) if chosen is None else chosen
    how = replace(SETTINGS, **settings)
    return arm_surprise(engine, CONTRACT, how, arm_of(arm), cases, chosen)


def figures(**arms):
    return perplexity_figures(arms, evaluation(good).resampling())


def test_a_model_that_is_equally_sure_of_all_tokens_has_that_perplexity():
    found = figures(raft_rag=surprise(CharacterEngine(known=0.25, unknown=0.25)))
    arm = found["arms"]["raft_rag"]
    assert arm["perplexity"]["value"] == arm["answer_perplexity"]["value"] == pytest.approx(4.0)
    assert arm["perplexity"]["interval"] == pytest.approx([4.0, 4.0])
    assert arm["n"] == 90


def test_long_answers_weigh_by_their_tokens():
    engine, cases = CharacterEngine(), CASES[:2]
    long = replace(cases[1].question, answers=("z" * 30,))
    cases = [cases[0], replace(cases[1], question=long)]
    table = surprise(engine, cases=cases).table
    # Completion and end of turn: "Answer: 0.5 bar</s>" and "Answer: zzz...</s>".
    tokens = [len("Answer: 0.5 bar</s>"), len("Answer: " + "z" * 30 + "</s>")]
    assert table[:, 2].tolist() == tokens
    pooled = math.exp(table[:, 1].sum() / sum(tokens))
    answers = [case.question for case in cases]
    both = perplexity_figures(
        {"raft_rag": Surprise(table)},
        replace(evaluation(good, cases=cases), cases=cases).resampling(),
    )
    assert len(answers) == both["arms"]["raft_rag"]["n"] == 2
    assert both["arms"]["raft_rag"]["perplexity"]["value"] == pytest.approx(pooled, abs=1e-5)


def test_only_what_stands_behind_the_marker_counts_for_the_answer():
    (row,) = surprise(CharacterEngine(), cases=CASES[:1]).table
    assert row[5] == row[2] - len("Answer:")
    assert row[3] == len("Answer: 0.5 bar")


def test_an_answer_that_is_in_the_context_surprises_less_than_without_it():
    closed, read = (surprise(CharacterEngine(), arm) for arm in ("raft_closed", "raft_rag"))
    found = figures(raft_closed=closed, raft_rag=read)["arms"]
    assert (
        found["raft_rag"]["answer_perplexity"]["value"]
        < found["raft_closed"]["answer_perplexity"]["value"]
    )


def test_each_arm_is_scored_behind_the_prompt_it_answers_from():
    engine = CharacterEngine()
    surprise(engine, "raft_closed", CASES[:1])
    surprise(engine, "raft_rag", CASES[:1])
    closed, read = engine.prompts
    assert CASES[0].retrieved[0].text not in closed
    assert CASES[0].retrieved[0].text in read
    assert CASES[0].question.question in closed


def test_the_trained_model_is_compared_with_the_base_model_pairwise():
    sure = surprise(CharacterEngine(known=0.9, unknown=0.9))
    found = figures(base_rag=surprise(CharacterEngine()), raft_rag=sure)
    assert found["difference"]["interval"][1] < 0
    assert figures(raft_rag=sure)["difference"] is None


def test_unanswerable_questions_and_those_not_drawn_are_not_scored():
    engine = CharacterEngine()
    drawn = ids(most=10)
    table = surprise(engine, chosen=drawn).table
    assert len(drawn) == table[:, 0].sum() == len(engine.prompts) == 10
    assert all(case.question.answerable for case in CASES if case.question.id in drawn)
    assert {c.question.kind for c in CASES if c.question.id in drawn} == {"fact", "table"}
    assert ids(most=10) == drawn


def test_an_answer_that_does_not_fit_is_counted_and_the_others_stand():
    long = replace(CASES[0].question, answers=("z" * 4000,))
    cases = [replace(CASES[0], question=long), *CASES[1:3]]
    found = surprise(CharacterEngine(), cases=cases)
    assert found.too_long == 1
    assert found.table[:, 0].tolist() == [0.0, 1.0, 1.0]


def test_a_model_that_cannot_be_asked_says_why_and_stops_nothing():
    found = surprise(CharacterEngine(recurrent=True))
    assert found.table.sum() == 0
    told = figures(base_rag=surprise(CharacterEngine()), raft_rag=found)
    assert "recurrent" in told["arms"]["raft_rag"]["problem"]
    assert told["difference"] is None


def test_with_nothing_measured_there_is_no_number():
    arm = figures(raft_rag=surprise(CharacterEngine(), chosen=frozenset()))["arms"]["raft_rag"]
    assert arm["n"] == 0
    assert arm["perplexity"] == {"value": None, "interval": None}


def test_documents_are_read_at_the_start_of_the_turn_and_too_long_ones_are_counted():
    engine = CharacterEngine(known=0.5, unknown=0.5, context_tokens=100)
    found = text_surprise(engine, CONTRACT, ["The pump runs.", "", "x" * 200])
    assert found["tokens"] == len("The pump runs.")
    assert (found["texts"], found["too_long"]) == (2, 1)
    assert found["perplexity"] == pytest.approx(2.0)
    assert found["bits_per_byte"] == pytest.approx(1.0)
    assert engine.prompts == ["<s>Answer.<u>"]
    assert text_surprise(engine, CONTRACT, [])["perplexity"] is None
