"""Many prompts at once get what each gets alone, in their order."""

import threading
from types import SimpleNamespace

import pytest

from engine_prompts import STORY, chat
from sfta_edge import engine as engine_module
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.generation import ContextOverflowError
from sfta_edge.parallel import with_memory_for


def test_threads_that_share_an_engine_get_their_own_answers(engine):
    questions = [f"Count from {n} to {n + 3}." for n in range(1, 5)]
    expected = [engine.generate(chat(engine, q), max_tokens=5).token_ids for q in questions]
    found = [None] * len(questions)

    def ask(index):
        found[index] = engine.generate(chat(engine, questions[index]), max_tokens=5).token_ids

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_many_at_once_give_what_each_gives_alone(engine):
    asked = [chat(engine, f"Name {n} metals and their use.") for n in range(2, 6)]
    alone = [engine.generate(prompt, max_tokens=8) for prompt in asked]
    done = []
    together = engine.generate_many(
        asked, max_tokens=8, parallel=3, on_done=lambda: done.append(1)
    )
    same = sum(a.token_ids == b.token_ids for a, b in zip(alone, together, strict=True))
    # Batches of another shape add in another order: a near tie may fall the other way.
    assert same >= len(asked) - 1
    assert [g.prompt_tokens for g in together] == [g.prompt_tokens for g in alone]
    assert len(done) == len(asked)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_are_dealt_out_to_runs_of_one_thread_each(smollm2_gguf, monkeypatch, threads):
    sizes = []

    class Watched(engine_module.ParallelRun):
        def __init__(self, model, prompts, limits, size):
            sizes.append((len(prompts), *size))
            super().__init__(model, prompts, limits, size)

    monkeypatch.setattr(engine_module, "ParallelRun", Watched)
    done = []
    # Threads of one computation wait by spinning: on few cores that takes minutes.
    with Engine(smollm2_gguf, context_tokens=256, threads=1) as single:
        asked = [chat(single, f"Count to {n}.") for n in range(2, 7)]
        alone = [single.generate(prompt, max_tokens=4) for prompt in asked]
    with Engine(smollm2_gguf, context_tokens=256, threads=threads) as several:
        together = several.generate_many(
            asked, max_tokens=4, parallel=6, on_done=lambda: done.append(1)
        )
    same = sum(a.token_ids == b.token_ids for a, b in zip(alone, together, strict=True))
    assert same >= len(asked) - 1
    assert [g.prompt_tokens for g in together] == [g.prompt_tokens for g in alone]
    assert len(done) == len(asked)
    expected = {1: [(5, 6, 1)], 2: [(2, 3, 1), (3, 3, 1)], 3: [(1, 2, 1), (2, 2, 1), (2, 2, 1)]}
    assert sorted(sizes) == expected[threads]


def test_a_single_prompt_of_many_has_all_threads(smollm2_gguf, monkeypatch):
    sizes = []

    class Watched(engine_module.ParallelRun):
        def __init__(self, model, prompts, limits, size):
            sizes.append(size)
            super().__init__(model, prompts, limits, size)

    monkeypatch.setattr(engine_module, "ParallelRun", Watched)
    with Engine(smollm2_gguf, context_tokens=256, threads=2) as several:
        several.generate_many([chat(several, "Say yes.")], max_tokens=1)
    assert sizes == [(32, 2)]


@pytest.mark.parametrize(
    ("token_bytes", "tokens", "at_once"),
    [(23_040, 512, 32), (23_040, 2000, 22), (114_688, 1024, 9), (500_000, 4096, 8), (0, 1, 32)],
)
def test_no_more_are_at_work_than_a_gibibyte_holds_but_eight(token_bytes, tokens, at_once):
    model = SimpleNamespace(token_bytes=token_bytes)
    assert with_memory_for(model, 32, tokens) == at_once
    assert with_memory_for(model, 3, tokens) == 3


def test_many_keep_the_order_with_answers_of_different_length(engine):
    asked = [chat(engine, "Say yes."), chat(engine, STORY), chat(engine, "Say no.")]
    together = engine.generate_many(asked, max_tokens=8, parallel=2)
    alone = [engine.generate(prompt, max_tokens=8) for prompt in asked]
    assert [g.finish_reason for g in together] == [g.finish_reason for g in alone]
    assert together[1].finish_reason == "length"


def test_many_score_the_first_token_like_one(engine):
    asked = chat(engine, "Say yes.")
    token = engine.tokenize("no")[0]
    one = engine.generate(asked, max_tokens=1, first_token_bias={token: 0.0})
    (many,) = engine.generate_many([asked], max_tokens=1, first_token_bias={token: 0.0})
    assert many.first_token_scores[token] == pytest.approx(
        one.first_token_scores[token], rel=0.05
    )


def test_many_refuse_all_if_one_does_not_fit(engine):
    with pytest.raises(ContextOverflowError):
        engine.generate_many([[1, 2], [1] * 250], max_tokens=10)


def test_many_of_nothing_is_nothing(engine):
    assert engine.generate_many([], max_tokens=10) == []


def test_many_refuse_no_lanes(engine):
    with pytest.raises(ConfigError, match="parallel"):
        engine.generate_many([[1]], max_tokens=1, parallel=0)


def test_lanes_answer_as_the_engine_does_and_leave_its_model_open(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=256, threads=2) as wide:
        prompt = wide.tokenize("The capital of France is")
        with wide.lanes() as lanes:
            assert [lane.threads for lane in lanes] == [1, 1]
            alone = [lane.generate(prompt, max_tokens=4).text for lane in lanes]
        assert alone == [wide.generate(prompt, max_tokens=4).text] * 2
        with pytest.raises(ConfigError, match="closed"):
            lanes[0].generate(prompt, max_tokens=4)
