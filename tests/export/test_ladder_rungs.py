"""Adapter on a 4-bit base, merged model and ONNX answer through the code of a device."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec

import pytest

from sfta.adapters.hub import hf_tokenize
from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages import ladder_rungs
from sfta.stages.ladder_rungs import further_rungs
from sfta_edge.answer import answer_from_chunks
from sfta_edge.engine import Engine
from sfta_edge.generation import Limits
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings
from sfta_export import onnx, onnx_parity
from sfta_export.gguf import model_gguf
from sfta_export.merge import merge
from sfta_export.quantized_base import QuantizedBase
from tests.export.test_reference import linear_weights, save_adapter

pytestmark = pytest.mark.tools
WITHOUT_ONNX = any(find_spec(name) is None for name in onnx.PACKAGES)
if WITHOUT_ONNX:
    pytest.skip("needs the extra onnx", allow_module_level=True)
TEXT = "The pump weighs 3 kg. It is oiled every week. It stands behind the door."
CHUNKS = [Chunk("a", "d", "Manual", 1, "Data", TEXT, 0, len(TEXT), "manual.md")]
QUESTION = "How heavy is the pump?"


@pytest.fixture(scope="module")
def job(build_model, contract, tmp_path_factory):
    """A training on a base in 4 bits, merged as trained, with two folders of ONNX."""
    root = tmp_path_factory.mktemp("rungs")
    base = build_model(root / "base", initializer_range=0.1)
    final = root / "train"
    with writing(final, "adapter", {}) as out:
        save_adapter(base, out)
        facts = QuantizedBase(linear_weights(base), 64, double=False, scheme="nf4")
        facts.write(out)
    with writing(root / "merge", "model", {}) as out:
        merge(base, final, out, quantized=facts)
        (out / "prompt.json").write_bytes(contract.to_bytes())
    model = Artifact.open(root / "merge")
    with writing(root / "export-onnx", "onnx", {}) as out:
        for scheme in ("fp32", "int4"):
            onnx.model_onnx(model.path, root / scheme, scheme)
            shutil.move(root / scheme, out / f"model-{scheme}")
        (out / "parity.json").write_text('{"rungs": [{"scheme": "fp32"}, {"scheme": "int4"}]}')
    data = {
        "name": "demo",
        "ingest": {"sources": ["."]},
        "model": {"base": str(base)},
        "ladder": {"onnx": True, "task_rungs": ["onnx", "merged", "adapter"]},
    }
    kinds = {"adapter": "train", "model": "merge", "onnx": "export-onnx"}
    inputs = {kind: Artifact.open(root / name) for kind, name in kinds.items()}
    runtime = Runtime(root / "runs", root / "cache", device="cpu")
    return Job(Recipe.model_validate(data), inputs, root / "out", root / "work", runtime)


@pytest.fixture(scope="module")
def rungs(job):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_parity, "physical_cores", lambda: 1)
        yield {rung.name: rung for rung in further_rungs(job)}


@pytest.fixture(scope="module")
def device(job, cache):
    with Engine(
        model_gguf(job.inputs["model"].path, cache, "F16"), context_tokens=1024, threads=1
    ) as engine:
        yield engine


def scores(engine, contract):
    prompt = contract.prompt_ids(CHUNKS, QUESTION, engine.tokenize)
    options = [engine.tokenize(text) for text in ('[1] "The pump weighs', '[1] "It is', "No")]
    return [
        round(sum(option), 6) for option in engine.score(prompt, options, Limits(9)).options
    ]


NEAR = {"adapter": 0.05, "merged": 0.02, "ONNX fp32": 0.02, "ONNX int4": 3.0}


def test_the_rungs_stand_in_the_order_of_the_ladder(rungs):
    assert list(rungs) == list(NEAR)


@pytest.mark.parametrize("name", NEAR)
def test_a_rung_scores_sentences_as_the_16_bit_file_does(name, rungs, device, contract):
    with rungs[name].open(1024) as engine:
        assert scores(engine, contract) == pytest.approx(
            scores(device, contract), abs=NEAR[name]
        )


@pytest.mark.parametrize("choose", [False, True])
@pytest.mark.parametrize("name", ["adapter", "merged", "ONNX fp32"])
def test_a_rung_writes_what_the_16_bit_file_writes(name, choose, rungs, device, contract):
    settings = AnswerSettings(max_tokens=32, choose_quotes=choose, refusal_threshold=0.99)

    def answer(engine):
        return answer_from_chunks(engine, contract, CHUNKS, QUESTION, settings)

    with rungs[name].open(1024) as engine:
        found = answer(engine)
    expected = answer(device)
    # A random model is near a tie every few tokens.
    assert found.completion[:20] == expected.completion[:20]
    assert found.refusal_score == pytest.approx(expected.refusal_score, abs=0.01)
    assert len(found.citations) == len(expected.citations)


def test_a_rung_reads_text_as_the_16_bit_file_does(rungs, device):
    with rungs["merged"].open(1024) as engine:
        for special in (False, True):
            text = "Zebra <|im_end|> caf\u00e9 e\u0301 12"
            assert engine.tokenize(text, special) == device.tokenize(text, special)


def test_no_rung_has_more_room_than_its_model_was_made_for(rungs):
    with rungs["merged"].open(9999) as engine:
        assert engine.context_tokens == 1024


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        ({"max_position_embeddings": 8192}, 8192),
        ({"max_position_embeddings": 131072, "original_max_position_embeddings": 4096}, 4096),
        ({}, 4096),
    ],
)
def test_a_model_is_read_no_further_than_it_can_be_stepped_back_in(config, longest, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    assert ladder_rungs._longest(tmp_path) == longest


def test_sizes_are_those_on_the_disk(job, rungs):
    model = job.inputs["model"].file("model.safetensors").stat().st_size
    assert rungs["merged"].size == model
    assert rungs["adapter"].size > model
    assert rungs["ONNX int4"].size < rungs["ONNX fp32"].size


def test_a_rung_is_known_by_its_model_and_by_what_runs_it(job, rungs, monkeypatch):
    assert len({rung.identity for rung in rungs.values()}) == 4
    monkeypatch.setattr(ladder_rungs, "torch_device", lambda _wanted: "cuda")
    recipe = job.recipe.model_copy(
        update={"ladder": job.recipe.ladder.model_copy(update={"task_rungs": ["merged"]})}
    )
    (other,) = further_rungs(replace(job, recipe=recipe))
    assert other.identity[0] == rungs["merged"].identity[0]
    assert other.identity[1] != rungs["merged"].identity[1]


def test_an_answer_ends_with_the_turn_and_where_the_model_ends(rungs, contract, tokenizer):
    with rungs["merged"].open(1024) as engine:
        assert {2, 0} <= engine._ends
        assert set(hf_tokenize(tokenizer)(contract.end, True)) <= engine._ends
