"""Rows in other tools' formats keep question, documents and completion."""

import json

import pytest

from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.formats import FORMATS, user_text
from sfta_edge.prompt import PromptContract

CHUNKS = [
    CorpusChunk("c1", "d", "Pump Manual", 3, 0, 20, "2 Data", "The pump weighs 3 kg."),
    CorpusChunk("c2", "d", "Fan Manual", 9, 0, 20, "4 Data", "The fan weighs {2} kg."),
]
ROW = {
    "id": "r1",
    "question": "How heavy is the pump?",
    "kind": "mass",
    "context": [{"chunk_id": "c1", "role": "oracle"}, {"chunk_id": "c2", "role": "distractor"}],
    "oracle_present": True,
    "quotes": [{"chunk_id": "c1", "text": "The pump weighs 3 kg.", "start": 0, "end": 21}],
    "answer": "3 kg",
    "completion": '[1] "The pump weighs 3 kg."\nAnswer: 3 kg',
    "split": "train",
    "group": "d",
    "teacher": "extractive",
    "rejected_because": "",
}
PROMPT = PromptConfig()
REFUSED = {
    **ROW,
    "context": [{"chunk_id": "c2", "role": "distractor"}],
    "oracle_present": False,
    "quotes": [],
    "answer": PROMPT.refusal,
    "completion": PROMPT.refusal,
}


def converted(name, row=ROW, chunks=CHUNKS):
    return FORMATS[name](row, chunks, PROMPT)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_holds_question_documents_and_answer_and_is_json(name):
    text = json.dumps(converted(name))
    assert "How heavy is the pump?" in text
    assert "The pump weighs 3 kg." in text
    assert "The fan weighs {2} kg." in text
    assert "3 kg" in text


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_takes_a_refusal(name):
    assert PROMPT.refusal in json.dumps(converted(name, REFUSED, CHUNKS[1:]))


def test_the_user_text_is_what_the_prompt_contract_renders():
    contract = PromptContract("<h>", "<b>", "<t>", "<e>", PROMPT.system, PROMPT.document,
                              PROMPT.question, PROMPT.refusal, PROMPT.answer_marker,
                              "")  # fmt: skip
    rendered = "".join(
        part.text for segment in contract.segments(CHUNKS, ROW["question"]) for part in segment
    )
    assert rendered == f"<h>{PROMPT.system}<b>{user_text(ROW, CHUNKS, PROMPT)}<t>"


def test_chat_has_three_turns():
    messages = converted("chat")["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant"]
    assert messages[2]["content"] == ROW["completion"]


def test_prompt_and_completion_are_apart():
    record = converted("prompt_completion")
    assert record["prompt"].endswith("Question: How heavy is the pump?")
    assert record["completion"] == ROW["completion"]


def test_alpaca_puts_the_documents_into_the_input():
    record = converted("alpaca")
    assert set(record) == {"instruction", "input", "output"}
    assert record["input"].startswith("[1] Pump Manual, page 3, 2 Data\nThe pump weighs 3 kg.")
    assert "How heavy" in record["instruction"]
    assert "How heavy" not in record["input"]


def test_sharegpt_alternates():
    turns = converted("sharegpt")["conversations"]
    assert [t["from"] for t in turns] == ["system", "human", "gpt"]


def test_the_original_scripts_record_has_its_fields_and_tags():
    record = converted("raft_hf")
    assert sorted(record) == [
        "context", "cot_answer", "id", "instruction", "oracle_context", "question", "type",
    ]  # fmt: skip
    assert record["context"]["sentences"] == [[c.text for c in CHUNKS]]
    assert record["oracle_context"] == "The pump weighs 3 kg."
    assert record["instruction"].startswith("<DOCUMENT>The pump weighs 3 kg.</DOCUMENT>\n")
    assert record["instruction"].endswith("How heavy is the pump?")
    assert record["cot_answer"] == (
        "##begin_quote##The pump weighs 3 kg.##end_quote##\n<ANSWER>: 3 kg"
    )


def test_the_original_script_has_no_oracle_text_where_none_is_shown():
    assert converted("raft_hf", REFUSED, CHUNKS[1:])["oracle_context"] == ""


def test_the_original_completion_and_chat_are_renamings_of_its_record():
    record = converted("raft_hf")
    assert converted("raft_completion") == {
        "prompt": record["instruction"], "completion": record["cot_answer"]}  # fmt: skip
    assert [m["content"] for m in converted("raft_chat")["messages"]] == [
        record["instruction"], record["cot_answer"]]  # fmt: skip


def test_the_original_evaluation_format_holds_the_final_answer():
    record = converted("raft_eval")
    assert record["gold_final_answer"] == "3 kg"
    assert record["context"].count("<DOCUMENT>") == 2


def test_the_flat_form_counts_distractors():
    assert converted("flat")["num_distractors"] == 1
    assert converted("flat")["has_distractors"] is True
    alone = {**ROW, "context": ROW["context"][:1]}
    assert converted("flat", alone, CHUNKS[:1])["has_distractors"] is False
