"""Several adapters, resized vocabularies and tied heads, each as PEFT itself would compute it."""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.merge import merge
from sfta_export.merge_plan import Part, plan_merge
from tests.export.test_merge import peft_result, write_adapter, write_base

EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base"), torch.float32)


@pytest.fixture(scope="module")
def one(base, tmp_path_factory):
    return write_adapter(tmp_path_factory.mktemp("one"), base)


@pytest.fixture(scope="module")
def two(base, tmp_path_factory):
    folder = write_adapter(tmp_path_factory.mktemp("two"), base, r=2, target_modules=["q_proj"])
    return scaled(folder, -1.7)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def scaled(folder, factor):
    from safetensors.torch import save_file

    path = folder / "adapter_model.safetensors"
    save_file(
        {n: v * (factor if "lora_B" in n else 1) for n, v in load_file(path).items()}, path
    )
    return folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_changes_of_several_adapters_are_added_with_their_weights(base, one, two, out):
    merge(base, [Part(one, 0.5), Part(two, 2.0)], out)
    before = weights(base)
    first, second = (peft_result(base, a, torch.float32) for a in (one, two))
    for name, found in weights(out).items():
        exact = before[name] + 0.5 * (first[name] - before[name])
        exact = exact + 2.0 * (second[name] - before[name])
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-5)


def test_the_result_is_that_of_pefts_own_weighted_sum(base, one, two, out):
    """PEFT can add adapters of one rank pattern only by concatenation; it is the same sum."""
    merge(base, [Part(one, 0.5), Part(two, 2.0)], out)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    wrapped = PeftModel.from_pretrained(model, one, adapter_name="one")
    wrapped.load_adapter(two, adapter_name="two")
    for module in wrapped.modules():
        if isinstance(module, LoraLayer):
            for adapter, share in (("one", 0.5), ("two", 2.0)):
                if adapter in module.scaling:
                    module.scaling[adapter] *= share
    merged = wrapped.merge_and_unload(adapter_names=["one", "two"]).state_dict()
    for name, found in weights(out).items():
        torch.testing.assert_close(found, merged[name], rtol=0, atol=1e-5)


def test_a_chain_of_plain_adapters_is_their_sum(base, one, two, out, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    merge(base, [Part(one), Part(two)], out, chained=True)
    merge(base, [Part(one), Part(two)], other)
    for name, found in weights(out).items():
        torch.testing.assert_close(found, weights(other)[name], rtol=0, atol=1e-5)


def test_a_chain_is_one_merge_after_the_other(base, two, out, tmp_path):
    """With weight decomposition the order is part of the result."""
    dora = write_adapter(tmp_path / "dora", base, use_dora=True)
    steps = [tmp_path / "first", tmp_path / "second"]
    for folder in steps:
        folder.mkdir()
    merge(base, two, steps[0])
    merge(steps[0], dora, steps[1])
    merge(base, [Part(two), Part(dora)], out, chained=True)
    for name, found in weights(out).items():
        torch.testing.assert_close(found, weights(steps[1])[name], rtol=0, atol=1e-5)


def test_a_weight_of_nothing_changes_nothing(base, one, out):
    merge(base, [Part(one, 0.0)], out)
    before = weights(base)
    assert all(torch.equal(before[name], found) for name, found in weights(out).items())


def test_each_of_several_adapters_has_to_fit(base, one, tmp_path):
    other = write_adapter(tmp_path / "adapter", write_base(tmp_path / "base", tied=False))
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(IntegrityError, match="rank of 3"):
        plan_merge(base, [Part(one), Part(other)])


def head_adapter(base, folder):
    return write_adapter(folder, base, target_modules=["q_proj", "lm_head"])


@pytest.mark.filterwarnings(
    "ignore:Model has `tie_word_embeddings", "ignore:Setting `save_embedding"
)
def test_a_tied_head_that_has_learnt_gets_weights_of_its_own(base, out, tmp_path):
    adapter = head_adapter(base, tmp_path / "adapter")
    merge(base, adapter, out)
    found, before = weights(out), weights(base)
    assert torch.equal(found[EMBEDDING], before[EMBEDDING])
    assert not torch.equal(found["lm_head.weight"], before[EMBEDDING])
    assert json.loads((out / "config.json").read_text())["tie_word_embeddings"] is False
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        both = PeftModel.from_pretrained(plain, adapter)(input_ids=ids).logits
        one = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)(ids).logits
    torch.testing.assert_close(one, both, rtol=1e-3, atol=1e-3)


def grown_adapter(base, folder, rows=70, tokenizer="{}"):
    """An adapter trained after tokens were added; embedding and head are saved along."""
    torch.manual_seed(4)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.resize_token_embeddings(rows)
    wrapped = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"])
    )
    wrapped.save_pretrained(folder, save_embedding_layers=True)
    if tokenizer:
        (folder / "tokenizer.json").write_text(tokenizer)
        (folder / "tokenizer_config.json").write_text('{"added": true}')
    return folder, model


@pytest.mark.parametrize("tied", [True, False])
def test_a_vocabulary_that_has_grown_grows_the_model(out, tmp_path, tied):
    base = write_base(tmp_path / "base", torch.float32, tied=tied)
    adapter, model = grown_adapter(base, tmp_path / "adapter", tokenizer='{"grown": 1}')
    merge(base, adapter, out)
    loaded = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    assert loaded.config.vocab_size == 70
    assert loaded.get_input_embeddings().weight.shape == (70, 32)
    torch.testing.assert_close(
        loaded.get_input_embeddings().weight, model.get_input_embeddings().weight
    )
    assert (out / "tokenizer.json").read_text() == '{"grown": 1}'
    assert (out / "chat_template.jinja").exists() is False  # the adapter's tokenizer has none
    assert loaded.generate(torch.tensor([[69]]), max_new_tokens=2).shape[1] >= 2


def test_a_grown_vocabulary_without_its_tokenizer_is_refused(base, tmp_path):
    adapter, _ = grown_adapter(base, tmp_path / "adapter", tokenizer="")
    with pytest.raises(
        ConfigError, match=r"resized to 70, and .* holds no tokenizer"
    ) as caught:
        plan_merge(base, [Part(adapter)])
    assert "beside the adapter" in caught.value.hint


def test_half_a_grown_vocabulary_is_refused(tmp_path):
    from safetensors.torch import save_file

    base = write_base(tmp_path / "base", tied=False)
    adapter, _ = grown_adapter(base, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    save_file({n: v for n, v in load_file(path).items() if "lm_head" not in n}, path)
    with pytest.raises(ConfigError, match="not everywhere"):
        plan_merge(base, [Part(adapter)])


def test_an_embedding_trained_as_a_whole_replaces_the_base_one(base, out, tmp_path):
    torch.manual_seed(6)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    wrapped = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM", r=4, target_modules=["q_proj"],
            modules_to_save=["embed_tokens"], ensure_weight_tying=True,
        ),
    )  # fmt: skip
    for name, value in wrapped.named_parameters():
        if "modules_to_save" in name:
            torch.nn.init.normal_(value)
    adapter = tmp_path / "adapter"
    wrapped.save_pretrained(adapter)
    merged = merge(base, adapter, out)
    exact = peft_result(base, adapter, torch.float32)
    torch.testing.assert_close(weights(out)[EMBEDDING], exact[EMBEDDING])
    assert merged.changed == 3


def test_a_part_of_a_grown_vocabulary_cannot_be_taken(base, out, tmp_path):
    adapter, _ = grown_adapter(base, tmp_path / "adapter")
    with pytest.raises(ConfigError, match="only be merged as a whole"):
        merge(base, [Part(adapter, 0.5)], out)


def test_same_inputs_give_the_same_bytes_for_several_adapters(base, one, two, out, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    copies = [Part(shutil.copytree(a, tmp_path / a.name), w) for a, w in ((one, 0.5), (two, 1))]
    merge(base, [Part(one, 0.5), Part(two)], out)
    merge(base, copies, again)
    for path in out.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()
