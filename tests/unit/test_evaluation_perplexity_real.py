"""Perplexity of a real small model, against its own probabilities one token at a time."""

import math

import pytest

from judged_arms import CASES, CONTRACT
from sfta.evaluation.arms import arm_of
from sfta.evaluation.perplexity import arm_surprise, text_surprise
from sfta_edge.engine import Engine
from sfta_edge.scoring import log_softmax
from sfta_edge.settings import AnswerSettings


@pytest.fixture(scope="module")
def engine(packaged):
    pytest.importorskip("llama_cpp")
    # One thread: two that share a busy machine wait for each other most of the time.
    with Engine(packaged, context_tokens=512, threads=1) as loaded:
        yield loaded


def losses(engine, prompt, ids):
    return [
        -float(log_softmax(engine.logits([*prompt, ids[:at]] if at else prompt))[token])
        for at, token in enumerate(ids)
    ]


def test_the_perplexity_of_a_text_is_that_of_its_tokens_one_by_one(engine):
    text = "The oil is changed every 2000 hours."
    found = text_surprise(engine, CONTRACT, [text])
    prefix, ids = CONTRACT.prompt_ids([], "?", engine.tokenize)[0], engine.tokenize(text)
    wanted = math.exp(sum(losses(engine, [prefix], ids)) / len(ids))
    assert found["tokens"] == len(ids)
    assert found["perplexity"] == pytest.approx(wanted, rel=0.05)


def test_the_loss_of_an_answer_is_that_behind_the_prompt_of_its_arm(engine):
    case = CASES[0]
    chosen, settings = frozenset({case.question.id}), AnswerSettings(max_tokens=16)
    rows = {
        name: arm_surprise(engine, CONTRACT, settings, arm_of(name), [case], chosen).table[0]
        for name in ("raft_closed", "raft_oracle")
    }
    prompt = CONTRACT.prompt_ids(case.oracle_chunks, case.question.question, engine.tokenize)
    completion = CONTRACT.completion([], case.question.answers[0])
    ids = CONTRACT.completion_ids(completion, engine.tokenize)
    kept, loss, tokens, size, answer_loss, answer_tokens = rows["raft_oracle"]
    assert (kept, tokens, size) == (1.0, len(ids), len(completion))
    assert loss == pytest.approx(sum(losses(engine, prompt, ids)), rel=0.05)
    assert 0 < answer_tokens < tokens
    assert 0 < answer_loss < loss
    # "0.5 bar" stands in the oracle chunk and nowhere in the question.
    assert answer_loss < rows["raft_closed"][4]


def test_a_sentence_surprises_less_than_its_words_out_of_order(engine):
    plain, mixed = (
        text_surprise(engine, CONTRACT, [text])["perplexity"]
        for text in (
            "The oil is changed every year by a technician.",
            "year oil by changed the technician every is a.",
        )
    )
    assert plain < mixed
