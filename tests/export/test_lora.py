"""An adapter is read as PEFT means it; what is not plain LoRA is refused by name."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_export.lora import read_adapter

MODULE = "model.layers.0.self_attn.q_proj"
KEY = f"base_model.model.{MODULE}"


@pytest.fixture
def adapter(tmp_path):
    """Writes an adapter with one update of rank 4 on a weight of shape (6, 8)."""

    def write(tensors=None, **changes):
        settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"} | changes
        (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
        parts = {
            f"{KEY}.lora_A.weight": torch.ones(4, 8),
            f"{KEY}.lora_B.weight": torch.ones(6, 4),
        }
        save_file(parts if tensors is None else tensors, tmp_path / "adapter_model.safetensors")
        return tmp_path

    return write


def scale_of(folder):
    return read_adapter(folder).updates[f"{MODULE}.weight"].scale


def test_an_update_names_the_weight_it_changes_and_its_shape(adapter):
    (update,) = read_adapter(adapter()).updates.values()
    assert update.weight == f"{MODULE}.weight"
    assert update.shape == (6, 8)
    assert not update.transposed


def test_the_scale_is_alpha_over_rank(adapter):
    assert scale_of(adapter()) == 8 / 4


def test_rank_stabilized_lora_divides_by_the_root_of_the_rank(adapter):
    assert scale_of(adapter(use_rslora=True)) == 8 / math.sqrt(4)


@pytest.mark.parametrize(
    ("pattern", "scale"),
    [
        ({"q_proj": 2}, 0.5),
        ({"layers.0.self_attn.q_proj": 2}, 0.5),
        ({"k_proj": 2}, 2.0),
        ({"proj": 2}, 2.0),  # a key names whole steps of the path
        ({r"layers\.\d+\.self_attn\..*": 2}, 0.5),
        ({"q_proj": 2, "self_attn.q_proj": 16}, 0.5),  # the first match wins
    ],
)
def test_the_alpha_of_a_module_follows_the_pattern(adapter, pattern, scale):
    assert scale_of(adapter(alpha_pattern=pattern)) == scale


def test_the_rank_of_a_module_follows_the_pattern(adapter):
    assert scale_of(adapter(r=16, rank_pattern={"q_proj": 4})) == 2.0


def test_a_transposed_layer_has_the_transposed_shape(adapter):
    (update,) = read_adapter(adapter(fan_in_fan_out=True)).updates.values()
    assert update.shape == (8, 6)


def test_the_name_of_the_adapter_inside_the_key_does_not_matter(adapter):
    folder = adapter()
    named = load_file(folder / "adapter_model.safetensors")
    named = {key.replace(".weight", ".default.weight"): value for key, value in named.items()}
    assert set(read_adapter(adapter(named)).updates) == {f"{MODULE}.weight"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("use_qalora", True),
        ("lora_bias", True),
        ("target_parameters", ["mlp.experts"]),
        ("trainable_token_indices", [1]),
        ("layer_replication", [[0, 1]]),
        ("alora_invocation_tokens", [1, 2]),
        ("bias", "all"),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "loftq"),
    ],
)
def test_what_is_not_plain_lora_is_refused_by_name(adapter, setting, value):
    with pytest.raises(ConfigError, match=setting) as caught:
        read_adapter(adapter(**{setting: value}))
    assert caught.value.hint


@pytest.mark.parametrize("begin", [True, False, "gaussian"])
def test_ways_to_begin_that_leave_the_base_alone_are_accepted(adapter, begin):
    assert read_adapter(adapter(init_lora_weights=begin)).updates


@pytest.mark.parametrize("kind", ["IA3", "LOHA", None])
def test_another_kind_of_adapter_is_refused(adapter, kind):
    with pytest.raises(ConfigError, match=f"type {kind}"):
        read_adapter(adapter(peft_type=kind))


def test_a_folder_without_settings_is_no_adapter(adapter):
    folder = adapter()
    (folder / "adapter_config.json").unlink()
    with pytest.raises(ConfigError, match="no adapter"):
        read_adapter(folder)


@pytest.mark.parametrize("changes", [{"r": None}, {"r": "four"}])
def test_settings_without_a_rank_are_refused(adapter, changes):
    with pytest.raises(ConfigError, match="rank"):
        read_adapter(adapter(**changes))


def test_dora_has_a_magnitude_for_each_row(adapter):
    parts = {f"{KEY}.lora_A.weight": torch.ones(4, 8), f"{KEY}.lora_B.weight": torch.ones(6, 4)}
    magnitude = f"{KEY}.lora_magnitude_vector"
    folder = adapter(parts | {magnitude: torch.ones(6)}, use_dora=True)
    (update,) = read_adapter(folder).updates.values()
    assert update.magnitude.shape == (6,)
    with pytest.raises(IntegrityError, match="whole update"):
        read_adapter(adapter(parts, use_dora=True))
    with pytest.raises(IntegrityError, match="magnitudes"):
        read_adapter(adapter(parts | {magnitude: torch.ones(5)}, use_dora=True))


@pytest.mark.parametrize("half", ["A", "B"])
def test_half_of_an_update_is_refused(adapter, half):
    shape = (4, 8) if half == "A" else (6, 4)
    tensors = {f"{KEY}.lora_{half}.weight": torch.ones(shape)}
    with pytest.raises(IntegrityError, match="whole update"):
        read_adapter(adapter(tensors))


@pytest.mark.parametrize(
    ("a", "b"), [((3, 8), (6, 3)), ((4, 8), (6, 3)), ((4, 8), (4,)), ((4, 8, 1), (6, 4))]
)
def test_shapes_that_make_no_update_of_the_rank_are_refused(adapter, a, b):
    tensors = {
        f"{KEY}.lora_A.weight": torch.ones(a),
        f"{KEY}.lora_B.weight": torch.ones(b),
    }
    with pytest.raises(IntegrityError, match="rank of 4"):
        read_adapter(adapter(tensors))


@pytest.mark.parametrize(
    "name",
    [
        f"{KEY}.lora_embedding_A",
        "base_model.model.model.norm.weight",
        f"{KEY}.bias",
    ],
)
def test_a_tensor_that_is_no_update_is_refused_by_name(adapter, name):
    with pytest.raises(ConfigError, match="no LoRA update"):
        read_adapter(adapter({name: torch.ones(1)}))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lm_head.weight", {}),
        ("model.embed_tokens.weight", {}),
        ("model.norm.weight", {"modules_to_save": ["norm"]}),
        ("score.weight", {"modules_to_save": ["score"]}),
    ],
)
def test_a_weight_that_was_trained_as_a_whole_replaces_that_of_the_base(
    adapter, name, settings
):
    found = read_adapter(adapter({f"base_model.model.{name}": torch.ones(3, 2)}, **settings))
    assert found.replaced[name].shape == (3, 2)
    assert found.updates == {}
