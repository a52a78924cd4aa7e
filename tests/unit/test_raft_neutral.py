"""Text of documents never spells a special token in another tool's format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.neutral import neutral, original
from sfta_edge.citation import find_quote

SPECIAL = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>",
    "<|begin_of_text|>", "<|user|>", "<|END_OF_TURN_TOKEN|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<start_of_turn>",
    "<end_of_turn>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<image>",
    "<extra_id_0>", "<unused12>", "<<SYS>>", "<</SYS>>", "[INST]", "[/INST]", "[PAD]", "[CLS]",
    "[SEP]", "[MASK]", "<DOCUMENT>", "</DOCUMENT>", "##begin_quote##", "##end_quote##",
    "<ANSWER>:", "<STOP>",
]  # fmt: skip
GAP = "\u200b"
pieces = st.lists(
    st.sampled_from([*SPECIAL, GAP, "<", "[", "#", "|", "|>", "]", "x", "\n"]), max_size=12
).map("".join)


@pytest.mark.parametrize("spelling", SPECIAL)
def test_a_special_spelling_is_taken_apart_and_still_reads_the_same(spelling):
    text = neutral(f"Press {spelling} now.")
    assert spelling not in text
    assert text.replace(GAP, "") == f"Press {spelling} now."


@given(pieces)
def test_no_special_spelling_is_left(text):
    assert [spelling for spelling in SPECIAL if spelling in neutral(text)] == []


@given(pieces | st.text())
def test_the_original_comes_back(text):
    assert original(neutral(text)) == text


@given(st.text(st.characters(exclude_characters="<[#")))
def test_ordinary_text_is_left_alone(text):
    assert neutral(text) == text


@pytest.mark.parametrize(
    "text", ["a <b>bold</b> word", "x < y | z > 3", "[1] see [note]", "## 2"]
)
def test_what_only_looks_alike_is_left_alone(text):
    assert neutral(text) == text


def test_a_quote_is_still_found():
    said = "Type <|im_end|> to stop."
    assert find_quote(neutral(said), said)
    assert find_quote(said, neutral(said))
