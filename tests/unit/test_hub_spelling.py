"""What a model has written becomes text as the runtime of the device spells it."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from sfta.adapters.hub import hf_spell


def byte_level():
    """As in SmolLM2, Qwen and Llama 3: a token is bytes."""
    letters = {x: n for n, x in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    words = Tokenizer(models.BPE(letters, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    return words


def with_marks():
    """As in Phi 3: blanks are marks, and the decoder takes the first one off."""
    vocabulary = {"<unk>": 0, "\u2581": 1, ":": 2, "\u2581pump": 3, "s": 4}
    vocabulary |= {f"<0x{byte:02X}>": 5 + byte for byte in range(256)}
    words = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    words.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    words.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(" ", 1, 0)]
    )  # fmt: skip
    return words


def spell_with(words):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, additional_special_tokens=["<|im_end|>"]
    )
    return hf_spell(tokenizer), tokenizer


def test_bytes_are_joined_and_special_tokens_are_no_text():
    spell, tokenizer = spell_with(byte_level())
    ids = tokenizer.encode(" 3 kg", add_special_tokens=False)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert spell([*ids, end]) == " 3 kg"
    assert spell([]) == ""


def test_a_letter_that_is_not_finished_is_marked():
    spell, tokenizer = spell_with(byte_level())
    ids = tokenizer.encode("\u00e9", add_special_tokens=False)
    assert spell(ids) == "\u00e9"
    assert spell(ids[:1]) == "\ufffd"


@pytest.mark.parametrize(
    ("ids", "text"), [([3, 4], " pumps"), ([4, 3], "s pump"), ([1, 3], "  pump"), ([], "")]
)
def test_a_blank_that_an_answer_begins_with_stays(ids, text):
    spell, tokenizer = spell_with(with_marks())
    assert spell(ids) == text
    assert tokenizer.decode([3, 4]) == "pumps"
