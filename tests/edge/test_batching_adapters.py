"""Adapters beside the model: each request says which, and none hears of another's."""

import pytest

from batched_engines import ROUNDING, together
from engine_prompts import chat
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.context import Context, Entry, Shape
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import Limits, drain

pytest.importorskip("gguf")
lora_files = pytest.importorskip("lora_files")
NAMES = [None, "one", "two"]


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {
        name: lora_files.write_lora(folder / f"{name}.gguf", seed=seed)
        for seed, name in enumerate(["one", "two"], 1)
    }


@pytest.fixture(name="many", scope="module")
def _many(smollm2_gguf, files):
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1, adapters=files) as loaded:
        yield loaded


def written(many, prompt, adapter, tokens=8):
    return drain(many.stream(prompt, Limits(tokens, adapter=adapter)))


def margin(many, prompt, tokens, adapter):
    """By how much an adapter, reading a text again, likes another token better than one of it."""
    ids = [*(token for segment in prompt for token in segment), *tokens]
    context = Context(many.model, Shape(256, 128, 1, 1, outputs=128))
    try:
        context.use_adapter(many._adapters.get(adapter))
        context.decode([Entry(token, at, 0, wanted=True) for at, token in enumerate(ids)])
        first = len(ids) - len(tokens)
        rows = [context.logits(first + at - 1) for at in range(len(tokens))]
        return max(float(r.max() - r[token]) for r, token in zip(rows, tokens, strict=True))
    finally:
        context.close()


def test_the_same_prompt_gets_each_adapters_own_answer(many, engine):
    asked = chat(engine, "Name three metals.")
    texts = {name: written(many, asked, name).text for name in NAMES}
    assert len(set(texts.values())) == 3
    assert texts[None] == engine.generate(asked, max_tokens=8).text


def test_adapters_at_once_write_what_each_writes_alone(many, engine):
    asked = [chat(engine, f"Name {n} metals and their use.") for n in (2, 3)]
    wishes = [(prompt, name) for prompt in asked for name in NAMES]
    found = together([lambda w=w: written(many, *w).token_ids for w in wishes])
    foreign = []
    for (prompt, name), tokens in zip(wishes, found, strict=True):
        assert margin(many, prompt, tokens, name) < ROUNDING
        others = [margin(many, prompt, tokens, other) for other in NAMES if other != name]
        foreign.append(max(others))
    assert min(foreign) > ROUNDING, "another adapter's text would have been noticed"


def test_texts_of_different_adapters_are_never_in_one_batch(many, engine, monkeypatch):
    used, wrong = many._computation._adapter, []
    use, decode = Context.use_adapter, Context.decode

    def noting(context, adapter):
        nonlocal used
        used = next((n for n, handle in many._adapters.items() if handle is adapter), None)
        use(context, adapter)

    def checking(context, entries):
        adapters = {slot.sequence: slot.adapter for slot in many._computation.memory}
        wrong.append({adapters[entry.sequence] for entry in entries} != {used})
        decode(context, entries)

    monkeypatch.setattr(Context, "use_adapter", noting)
    monkeypatch.setattr(Context, "decode", checking)
    asked = chat(engine, "Write about pumps.")
    together([lambda n=n: written(many, asked, n, 12) for n in NAMES * 2])
    assert wrong
    assert not any(wrong)


def test_nothing_that_one_adapter_read_is_reused_by_another(many, engine):
    asked = chat(engine, "A prompt of its own: what is a gasket?", "You know gaskets.")
    assert written(many, asked, "one", 2).reused_tokens == 0
    assert written(many, asked, "two", 2).reused_tokens == 0
    assert written(many, asked, "one", 2).reused_tokens == sum(map(len, asked[:-1]))


def test_scores_are_those_of_the_adapter(many, engine):
    prompt, options = chat(engine, "Name a colour."), [engine.tokenize("Red is a colour.")]
    found = {
        name: many.score(prompt, options, Limits(1, adapter=name)).options for name in NAMES
    }
    assert len(set(found.values())) == 3
    assert found[None][0] == pytest.approx(
        engine.score(prompt, options, Limits(1)).options[0], abs=ROUNDING
    )


def test_an_unknown_adapter_is_refused_with_those_that_are_there(many):
    with pytest.raises(ConfigError, match="no adapter 'three'") as caught:
        written(many, [1, 2], "three")
    assert "one, two" in caught.value.hint


def test_an_adapter_that_is_not_there_is_refused_at_the_start(smollm2_gguf, tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        BatchEngine(smollm2_gguf, threads=1, adapters={"a": tmp_path / "none.gguf"})


def test_a_damaged_adapter_is_refused_at_the_start(smollm2_gguf, files, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(files["one"].read_bytes()[:20_000])
    with pytest.raises(IntegrityError, match="cannot be loaded"):
        BatchEngine(smollm2_gguf, threads=1, adapters={"a": damaged})


def test_an_adapter_for_another_model_is_refused_at_the_start(smollm2_gguf, tmp_path):
    other = lora_files.write_lora(tmp_path / "other.gguf", seed=1, architecture="qwen2")
    with pytest.raises(IntegrityError, match="cannot be loaded") as caught:
        BatchEngine(smollm2_gguf, threads=1, adapters={"a": other})
    assert "SmolLM2" in caught.value.hint


def test_the_state_of_a_prefix_belongs_to_its_adapter(smollm2_gguf, engine, files, tmp_path):
    asked = chat(engine, "What is oil?", "You answer questions about compressors, and briefly.")
    for name, restored in (("one", False), ("two", False), ("one", True), (None, False)):
        with BatchEngine(
            smollm2_gguf, context_tokens=256, threads=1, adapters=files, cache=tmp_path / "c"
        ) as started:
            written(started, asked, name, 1)
            assert (started.counters().restored_tokens > 0) is restored
