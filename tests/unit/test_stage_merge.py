"""Stage merge: adapter and base become a model; its key follows the base's content."""

import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Runtime, key_of, run_stage
from sfta.recipe import Recipe
from sfta.stages.merge import STAGE
from sfta_edge.errors import IntegrityError


def write_base(folder, *, seed=0, hidden=32):
    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=64,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def base(tmp_path):
    return write_base(tmp_path / "base")


@pytest.fixture
def adapter(base, tmp_path):
    """The artifact that the train stage makes, with what else it holds."""
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    wrapped = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    for name, value in wrapped.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    with writing(tmp_path / "runs" / "train" / "x", "adapter", {}) as out:
        wrapped.save_pretrained(out)
        (out / "prompt.json").write_text('{"the": "contract"}')
        (out / "history.jsonl").write_text("{}\n")
        (out / "settings.json").write_text("{}")
    return Artifact.open(tmp_path / "runs" / "train" / "x")


@pytest.fixture
def recipe(base):
    def build(folder=base):
        data = {"name": "demo", "ingest": {"sources": ["."]}, "model": {"base": str(folder)}}
        return Recipe.model_validate(data)

    return build


@pytest.fixture
def runtime(tmp_path):
    return Runtime(runs=tmp_path / "runs", cache=tmp_path / "cache")


@pytest.fixture
def outcome(recipe, adapter, runtime):
    return run_stage(STAGE, recipe(), {"adapter": adapter}, runtime)


def test_the_model_is_a_loadable_folder_with_tokenizer_and_contract(outcome):
    names = sorted(entry.path for entry in outcome.artifact.manifest.files)
    assert names == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "prompt.json",
        "tokenizer.json",
    ]
    assert outcome.artifact.kind == "model"
    assert LlamaForCausalLM.from_pretrained(outcome.artifact.path).dtype == torch.float16


def test_the_contract_is_that_of_the_adapter(outcome, adapter):
    kept = outcome.artifact.file("prompt.json").read_bytes()
    assert kept == adapter.file("prompt.json").read_bytes()


def test_the_figures_say_what_was_changed(outcome, base):
    metrics = outcome.artifact.metrics
    assert metrics["changed"] == 7
    assert metrics["tensors"] == len(load_file(base / "model.safetensors"))
    assert 0 < metrics["relative_change"] < 10
    assert metrics["size"] == outcome.artifact.file("model.safetensors").stat().st_size


def test_a_second_run_reuses_the_model(outcome, recipe, adapter, runtime):
    assert run_stage(STAGE, recipe(), {"adapter": adapter}, runtime).reused


def test_the_same_base_elsewhere_gives_the_same_model(outcome, recipe, adapter, tmp_path, base):
    copy = shutil.copytree(base, tmp_path / "copy")
    other = Runtime(runs=tmp_path / "other", cache=tmp_path / "cache")
    again = run_stage(STAGE, recipe(copy), {"adapter": adapter}, other)
    assert again.artifact.digest == outcome.artifact.digest


def test_another_content_of_the_base_is_another_key(recipe, adapter, runtime, base):
    before = key_of(STAGE, recipe(), {"adapter": adapter}, runtime)
    write_base(base, seed=5)
    assert key_of(STAGE, recipe(), {"adapter": adapter}, runtime) != before


def test_an_adapter_of_another_base_makes_no_artifact(recipe, adapter, runtime, tmp_path):
    other = write_base(tmp_path / "other", hidden=64)
    with pytest.raises(IntegrityError, match="not trained on this base"):
        run_stage(STAGE, recipe(other), {"adapter": adapter}, runtime)
    assert list((runtime.runs / "merge").iterdir()) == []


def further(recipe, *adapters, **settings):
    """The recipe with more adapters to merge."""
    data = recipe().model_dump()
    data["merge"] |= {"adapters": list(adapters), **settings}
    return Recipe.model_validate(data)


def test_further_adapters_are_merged_with_their_weights(recipe, adapter, runtime, outcome):
    """The same adapter once more by half is one and a half of it."""
    more = further(recipe, {"path": str(adapter.path), "weight": 0.5})
    again = run_stage(STAGE, more, {"adapter": adapter}, runtime).artifact
    alone = run_stage(
        STAGE, further(recipe, weight=1.5), {"adapter": adapter}, runtime
    ).artifact
    one, two = (load_file(a.file("model.safetensors")) for a in (again, alone))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=2e-3)
    assert again.metrics["relative_change"] == pytest.approx(
        1.5 * outcome.artifact.metrics["relative_change"], rel=0.01
    )


def test_the_content_of_a_further_adapter_is_part_of_the_key(
    recipe, adapter, runtime, tmp_path
):
    copy = shutil.copytree(adapter.path, tmp_path / "copy")
    more = further(recipe, {"path": str(copy)})
    before = key_of(STAGE, more, {"adapter": adapter}, runtime)
    config = copy / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 8', '"lora_alpha": 9'))
    assert key_of(STAGE, more, {"adapter": adapter}, runtime) != before


def test_a_further_adapter_of_another_base_is_said_before_anything_is_trained(
    recipe, adapter, runtime, tmp_path
):
    more = further(recipe, {"path": str(adapter.path)})
    assert list(STAGE.check(more, runtime)) == []
    other = write_base(tmp_path / "other", hidden=64)
    wrong = more.model_copy(
        update={"model": more.model.model_copy(update={"base": str(other)})}
    )
    (problem,) = STAGE.check(wrong, runtime)
    assert problem.startswith("merge.adapters: the adapter was not trained on this base")
    (absent,) = STAGE.check(further(recipe, {"path": str(tmp_path / "gone")}), runtime)
    assert "no adapter" in absent


@pytest.mark.parametrize("settings", [{"weight": 0.5}, {"adapters": [{"path": "x"}]}])
def test_a_full_training_has_no_adapter_to_weigh(recipe, settings):
    data = recipe().model_dump()
    data["merge"] |= settings
    data["train"]["method"] = "full"
    with pytest.raises(ValueError, match="need an adapter"):
        Recipe.model_validate(data)


def test_an_adapter_with_weight_decomposition_is_no_file_of_its_own(recipe):
    data = recipe().model_dump()
    data["export"]["adapter"] = True
    data["train"]["lora"]["dora"] = True
    with pytest.raises(ValueError, match=r"export\.adapter needs"):
        Recipe.model_validate(data)
