"""A GGUF base is dequantized to a plain model that reads and writes the same tokens."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from packaged_base import SMOL
from sfta.adapters import gguf_weights, hub

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
def packaged_base(packaged):
    return hub.resolve_model(SMOL, CACHE)


@pytest.fixture(scope="session")
def tokenizer(packaged_base):
    return hub.load_tokenizer(packaged_base)


@pytest.fixture(scope="session")
def tokenize(tokenizer):
    return hub.hf_tokenize(tokenizer)


@pytest.fixture(scope="session")
def native(packaged):
    """The packaged file as llama.cpp loads it."""
    from sfta_edge.engine import Engine

    with Engine(packaged, context_tokens=256) as engine:
        yield engine


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


def test_the_dequantized_base_is_made_once(packaged_base, packaged, monkeypatch):
    monkeypatch.setattr(gguf_weights, "dequantize", None)
    assert hub.resolve_model(SMOL, CACHE) == packaged_base
    assert hub.resolve_settings(str(packaged), CACHE) == packaged_base


def test_the_base_is_a_plain_16_bit_model(packaged_base):
    config = json.loads((packaged_base / "config.json").read_text("utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["dtype"] == "float16"
    assert config["tie_word_embeddings"] is True
    assert config["rope_parameters"]["rope_theta"] == 100000.0
    assert config["max_position_embeddings"] == 8192
    assert "quantization_config" not in config


def test_the_base_knows_where_generation_ends(packaged_base, tokenizer):
    settings = json.loads((packaged_base / "generation_config.json").read_text("utf-8"))
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
def test_folder_and_file_write_the_same_text(
    packaged_base, tokenizer, native, text, next_words
):
    """Greedy, by two implementations of the model."""
    import torch
    from transformers import AutoModelForCausalLM

    ids = hub.hf_tokenize(tokenizer)(text, False)
    count = len(hub.hf_tokenize(tokenizer)(next_words, False))
    model = AutoModelForCausalLM.from_pretrained(packaged_base, dtype=torch.float32)
    with torch.inference_mode():
        written = model.generate(torch.tensor([ids]), max_new_tokens=count, do_sample=False)
    theirs = written[0, len(ids) :].tolist()
    assert tokenizer.decode(theirs) == next_words
    assert list(native.generate(ids, max_tokens=count).token_ids) == theirs


def test_weights_are_those_of_the_file(packaged_base, packaged):
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
    with safe_open(packaged_base / "model.safetensors", framework="pt") as kept:
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
