"""The mask that is shown is the mask that trains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.training.packing import Pack, lay_out
from sfta.training.preview import Stretch, masked_row
from sfta.training.rows import ContextChunk, RowEncoder
from sfta_edge.prompt import PromptContract

CONTRACT = PromptContract(
    head="<s>", between="</s>", tail="<a>", end="<e>", system="Answer.",
    document="[{number}] {text}\n", question="Q: {question}", refusal="No.",
    answer_marker="Answer:", chat_template_sha256="0" * 64,
)  # fmt: skip
CHUNKS = {"c1": ContextChunk("Manual", 3, "Limits", "The limit is 9 bar.")}
ROW = {
    "id": "r1",
    "question": "Limit?",
    "context": [{"chunk_id": "c1", "role": "oracle"}],
    "completion": "Answer: 9 bär",
}


def by_bytes(text, special):
    return list(text.encode())


def decode(ids):
    return bytes(ids).decode("utf-8", "replace")


@pytest.fixture
def encoder():
    return RowEncoder(CHUNKS, CONTRACT, by_bytes)


def test_the_completion_and_its_end_carry_loss_and_nothing_else(encoder):
    view = masked_row(ROW, encoder, decode)
    assert [stretch.loss for stretch in view.stretches] == [False, True]
    assert view.stretches[0].text == "<s>Answer.</s>[1] The limit is 9 bar.\nQ: Limit?<a>"
    assert view.stretches[1].text == "Answer: 9 bär<e>"
    assert view.loss_tokens == len("Answer: 9 bär<e>".encode())


def test_what_is_shown_is_read_off_the_trainers_layout(encoder):
    layout = lay_out([Pack((encoder.encode(ROW),))])
    view = masked_row(ROW, encoder, decode)
    flags = [s.loss for s in view.stretches for _ in s.tokens]
    assert [place for place, loss in enumerate(flags) if loss] == [
        int(place) + 1 for place in layout.predicting
    ]
    assert view.tokens == len(layout.ids)


def test_a_letter_of_several_tokens_stands_with_the_last_of_them(encoder):
    tokens = masked_row(ROW, encoder, decode).stretches[1].tokens
    assert tokens[tokens.index("b") : tokens.index("b") + 4] == ("b", "", "ä", "r")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd"), min_size=1))
def test_the_tokens_joined_are_the_text(text):
    encoder = RowEncoder(CHUNKS, CONTRACT, by_bytes)
    view = masked_row({**ROW, "completion": text}, encoder, decode)
    assert view.stretches[1].text == f"{text}<e>"


def test_a_stretch_knows_its_text():
    assert Stretch(loss=True, tokens=("a", "", "b")).text == "ab"
