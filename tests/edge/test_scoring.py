"""Scores are the model's own log-probabilities, and asking for them leaves nothing behind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError, Limits
from sfta_edge.scoring import SCORED, SIDE_BY_SIDE, grouped, log_softmax


def chat(engine, text):
    return [
        engine.tokenize("<|im_start|>user\n", True),
        engine.tokenize(text),
        engine.tokenize("<|im_end|>\n<|im_start|>assistant\n", True),
    ]


def expected(engine, prompt, option):
    """One logit row at a time, each from a prompt of its own."""
    scores = []
    for at, token in enumerate(option):
        row = engine.logits([*prompt, option[:at]] if at else prompt)
        scores.append(float(log_softmax(row)[token]))
    return scores


def test_each_token_gets_its_log_probability_after_those_before_it(engine):
    prompt = chat(engine, "Name a colour.")
    options = [engine.tokenize(text) for text in ("Red is a colour.", "The", "Blue")]
    scored = engine.score(prompt, options, Limits(1))
    for option, scores in zip(options, scored.options, strict=True):
        assert scores == pytest.approx(expected(engine, prompt, option), abs=0.05)
    assert scored.prompt_tokens == sum(map(len, prompt))
    assert scored.interrupted is None


def test_an_option_longer_than_a_batch_is_scored_to_its_end(engine):
    prompt = chat(engine, "Count.")
    option = engine.tokenize(" one two three" * SCORED)[: SCORED + 5]
    (scores,) = engine.score(prompt, [option], Limits(1)).options
    assert len(scores) == len(option)
    assert scores[-3:] == pytest.approx(expected(engine, prompt, option)[-3:], abs=0.1)


def test_scoring_does_not_change_what_is_written_next(engine):
    prompt = chat(engine, "What is the capital of France? Answer with one word.")
    before = engine.generate(prompt, max_tokens=8)
    engine.score(prompt, [engine.tokenize("Berlin"), engine.tokenize("Rome")], Limits(1))
    assert engine.generate(prompt, max_tokens=8).token_ids == before.token_ids


def test_the_same_options_get_the_same_scores_in_any_order(engine):
    prompt = chat(engine, "Name a colour.")
    options = [engine.tokenize(text) for text in ("Red", "Blue is nice")]
    forward = engine.score(prompt, options, Limits(1)).options
    backward = engine.score(prompt, options[::-1], Limits(1)).options
    assert forward == backward[::-1]


@given(
    options=st.lists(
        st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=30
    ),
    size=st.integers(1, 12),
    texts=st.integers(1, 5),
)
def test_options_are_grouped_completely_within_their_bounds(options, size, texts):
    groups = list(grouped(options, size, texts))
    members = [option for group in groups for option in group.options]
    assert sorted(members) == sorted({tuple(option) for option in options}), "each once"
    for group in groups:
        assert len(group.options) <= texts
        assert len(group.beginnings) <= size or len(group.options) == 1
        for place, option in enumerate(group.options):
            own = {b for b, places in group.beginnings.items() if place in places}
            assert own == {option[:end] for end in range(1, len(option))}


@given(st.permutations([(1, 2, 3), (1, 2, 4), (1,), (5, 6), (5, 6, 7, 8)]))
def test_groups_do_not_depend_on_the_order_of_the_options(options):
    assert list(grouped(options, 4, 2)) == list(grouped(sorted(options), 4, 2))


def test_what_options_begin_with_is_computed_once(engine, monkeypatch):
    prompt = chat(engine, "Name a colour.")
    same = engine.tokenize("The colour of the sky is")
    options = [[*same, *engine.tokenize(f" {colour}")] for colour in ("blue", "red", "grey")]
    computed = []
    decode = type(engine._context).decode

    def counting(context, entries):
        computed.append(len(entries))
        decode(context, entries)

    engine.score(prompt, options, Limits(1))
    monkeypatch.setattr(type(engine._context), "decode", counting)
    scored = engine.score(prompt, options, Limits(1))
    beginnings = {tuple(o[:end]) for o in options for end in range(1, len(o))}
    assert computed[-1] == len(beginnings) < sum(len(o) - 1 for o in options)
    for option, scores in zip(options, scored.options, strict=True):
        assert scores == pytest.approx(expected(engine, prompt, option), abs=0.05)


def test_more_options_than_fit_side_by_side_are_all_scored(engine):
    prompt = chat(engine, "Name a number.")
    options = [
        engine.tokenize(f"It is number {n} of many.") for n in range(SIDE_BY_SIDE * 2 + 3)
    ]
    scored = engine.score(prompt, options, Limits(1)).options
    assert len(scored) == len(options)
    for place in (0, SIDE_BY_SIDE, len(options) - 1):
        assert scored[place] == pytest.approx(
            expected(engine, prompt, options[place]), abs=0.05
        )


def test_options_are_scored_where_the_context_has_just_room_for_the_longest(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=48, threads=1) as narrow:
        prompt = [narrow.tokenize("word " * 30)]
        room = narrow.context_tokens - len(prompt[0])
        options = [[n, *range(100, 99 + room)] for n in range(40, 48)]
        scored = narrow.score(prompt, options, Limits(1))
    assert [len(scores) for scores in scored.options] == [room] * len(options)
    assert scored.interrupted is None


def test_a_passed_deadline_leaves_options_unscored(engine):
    prompt = chat(engine, "Name a colour.")
    scored = engine.score(prompt, [engine.tokenize("Red")], Limits(1, deadline=1e-9))
    assert scored.interrupted == "deadline"
    assert scored.options == ()


def test_an_option_that_does_not_fit_is_refused_before_anything_is_computed(engine):
    with pytest.raises(ContextOverflowError):
        engine.score(chat(engine, "x"), [[1] * engine.context_tokens], Limits(1))


def test_an_empty_option_is_refused(engine):
    with pytest.raises(ConfigError, match="at least one token"):
        engine.score(chat(engine, "x"), [[]], Limits(1))


def test_log_softmax_gives_probabilities_that_add_up_to_one():
    row = np.array([1000.0, 1001.0, -5.0], dtype=np.float32)
    assert np.exp(log_softmax(row)).sum() == pytest.approx(1.0)
