"""Rows of others are recognised, every problem has its place, nothing is dropped silently."""

import pytest

from foreign_rows import CHAT, HF, OWN, PROMPT, SHAREGPT, problems, read
from sfta.raft.intake.reading import FORMATS
from sfta_edge.errors import ConfigError


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (CHAT, "chat"),
        (SHAREGPT, "sharegpt"),
        ({"instruction": "Why?", "input": "", "output": "So."}, "alpaca"),
        ({"instruction": "Why?", "output": "So.", "history": []}, "alpaca"),
        ({"prompt": "Why?", "completion": "So."}, "prompt_completion"),
        ({"question": "Why?", "answer": "So."}, "columns"),
        ({"Question ": "Why?", "Response": "So."}, "columns"),
        (HF, "raft_hf"),
        ({"question": "Why?", "gold_final_answer": "So.", "context": ""}, "raft_eval"),
        ({"instruction": "Why?", "output": "So.", "oracle_context": "", "num_distractors": 0,
          "has_distractors": False}, "flat"),
        (OWN, "rows"),
    ],
)  # fmt: skip
def test_a_format_is_recognised_by_its_keys(record, known):
    assert read(record).notes["format"] == known
    assert known in FORMATS


@pytest.mark.parametrize("record", [CHAT, SHAREGPT, {"instruction": "Why?", "output": "So."}])
def test_a_row_without_documents_is_a_closed_book_row_in_the_answer_form(record):
    (row,) = read(record).rows
    assert (row["question"], row["context"], row["quotes"]) == ("Why?", [], [])
    assert (row["answer"], row["completion"]) == ("So.", "Answer: So.")
    assert not row["oracle_present"]


def test_a_refusal_is_a_refusal():
    (row,) = read({"question": "Why?", "answer": f" {PROMPT.refusal.upper()} "}).rows
    assert row["completion"] == row["answer"] == PROMPT.refusal


def test_an_alpaca_input_stands_below_the_instruction():
    (row,) = read({"instruction": "Sum up.", "input": "A text.", "output": "A."}).rows
    assert row["question"] == "Sum up.\nA text."


def test_each_answer_of_a_conversation_is_a_row_that_knows_what_was_said_before():
    first, second = read({"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How heavy is the pump?"},
        {"role": "assistant", "content": "3 kg"},
        {"role": "user", "content": [{"type": "text", "text": "And the"},
                                     {"type": "text", "text": "fan?"}]},
        {"role": "assistant", "content": "2 kg"},
    ]}).rows  # fmt: skip
    assert first["question"] == "How heavy is the pump?"
    assert second["question"] == (
        "User: How heavy is the pump?\nAssistant: 3 kg\nUser: And the\nfan?"
    )
    assert second["answer"] == "2 kg"


def test_an_alpaca_history_is_told_but_not_learned():
    (row,) = read({"instruction": "And?", "output": "C", "history": [["A?", "B"]]}).rows
    assert row["question"] == "User: A?\nAssistant: B\nUser: And?"


def with_system(text, question):
    return {"messages": [{"role": "system", "content": text},
                         {"role": "user", "content": question}, CHAT["messages"][1]]}  # fmt: skip


def test_one_system_text_gives_way_to_the_contracts():
    taken = read(with_system("Be kind.", "A?"), with_system("Be kind.", "B?"))
    assert [row["question"] for row in taken.rows] == ["A?", "B?"]
    assert taken.notes["system_texts"] == 1


def test_different_system_texts_tell_rows_apart_and_stay():
    taken = read(with_system("Be kind.", "A?"), with_system("Be rude.", "A?"), CHAT)
    assert [row["question"] for row in taken.rows] == ["Be kind.\nA?", "Be rude.\nA?", "Why?"]


def test_a_row_of_the_original_script_gets_its_documents_quotes_and_answer():
    taken = read(HF)
    (row,) = taken.rows
    assert [entry["role"] for entry in row["context"]] == ["distractor", "oracle"]
    assert [q["text"] for q in row["quotes"]] == ["The pump weighs 3 kg."]
    assert row["completion"] == (
        '##Reason: The text says\n[2] "The pump weighs 3 kg."\nso it is light.\nAnswer: 3 kg'
    )
    assert row["answer"] == "3 kg"


def test_a_quote_that_the_original_script_made_up_stays_text():
    record = {**HF, "cot_answer": "##begin_quote##It weighs 9 kg.##end_quote##\n<ANSWER>: 9 kg"}
    (row,) = read(record).rows
    assert row["quotes"] == []
    assert row["completion"] == '"It weighs 9 kg."\nAnswer: 9 kg'


def test_tagged_documents_of_the_original_script_become_the_context():
    prompt = "<DOCUMENT>One.</DOCUMENT>\n<DOCUMENT>Two.</DOCUMENT>\nWhich?"
    taken = read({"prompt": prompt, "completion": "So <ANSWER>: Two<STOP>"})
    (row,) = taken.rows
    assert row["question"] == "Which?"
    assert [taken.chunks[e["chunk_id"]].text for e in row["context"]] == ["One.", "Two."]
    assert row["completion"] == "So\nAnswer: Two"


def test_a_table_with_a_context_column_trains_with_that_document():
    taken = read({"question": "How heavy?", "answer": "3 kg", "context": "The pump weighs 3 kg.",
                  "title": "Manual", "page": "7", "kind": "mass"})  # fmt: skip
    (row,) = taken.rows
    (chunk,) = taken.chunks.values()
    assert (chunk.title, chunk.page, row["kind"]) == ("Manual", 7, "mass")
    assert row["context"] == [{"chunk_id": chunk.id, "role": "oracle"}]


def test_columns_can_be_named():
    taken = read({"Frage": "Wie schwer?", "Antwort": "3 kg", "Nr": "1"},
                 columns={"question": "Frage", "answer": "Antwort"})  # fmt: skip
    assert taken.rows[0]["question"] == "Wie schwer?"
    assert taken.notes["columns_not_read"] == ["Nr"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"question": "Frag", "answer": "Antwort"}, "did you mean 'Frage'"),
        (
            {"question": "Frage", "solution": "Antwort"},
            "'solution' is not one of question, answer",
        ),
        ({"question": "Frage"}, "no column is recognised as the answer"),
    ],
)
def test_columns_that_cannot_be_are_named(columns, said):
    found = problems({"Frage": "Wie?", "Antwort": "So."}, columns=columns)
    assert any(said in problem for problem in found)


def test_rows_of_no_known_format_say_which_keys_they_have():
    with pytest.raises(ConfigError, match="no known format; their keys: a, b") as caught:
        read({"a": 1, "b": 2})
    assert "--columns" in caught.value.hint


def test_an_empty_file_is_refused():
    assert problems() == ["it holds no row"]


def test_a_repeated_row_is_set_aside_and_counted():
    taken = read(CHAT, CHAT, CHAT)
    assert len(taken.rows) == 1
    assert [r["rejected_because"] for r in taken.duplicates] == ["duplicate of row 1"] * 2
    assert taken.notes["duplicates"] == 2
