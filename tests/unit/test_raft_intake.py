"""Rows of others are recognised, every problem has its place, nothing is dropped silently."""

import pytest

from sfta.core.records import FileRecord
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.reading import FORMATS, Reading, take_in
from sfta_edge.errors import ConfigError

PROMPT = PromptConfig()
CHAT = {
    "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
}
HF = {
    "id": "seed_task_0",
    "type": "general",
    "question": "How heavy is the pump?",
    "context": {"title": [["placeholder_title"] * 2],
                "sentences": [["The fan weighs 2 kg.", "The pump weighs 3 kg. It is blue."]]},
    "oracle_context": "The pump weighs 3 kg. It is blue.",
    "cot_answer": "##Reason: The text says ##begin_quote##The pump weighs 3 kg.##end_quote## so it "
    "is light.\n<ANSWER>: 3 kg",
    "instruction": "<DOCUMENT>...",
}  # fmt: skip
OWN = {
    "question": "How heavy is the pump?",
    "context": [{"chunk_id": "c1", "role": "oracle", "title": "Manual", "page": 3,
                 "heading": "2 Data", "text": "The pump weighs 3 kg."}],
    "completion": '[1] "The pump weighs 3 kg."\nAnswer: 3 kg',
}  # fmt: skip


def read(*records, **options):
    numbered = [FileRecord(number, record) for number, record in enumerate(records, 1)]
    return take_in(numbered, "rows.jsonl", Reading(PROMPT, **options))


def problems(*records, **options):
    with pytest.raises(ConfigError) as caught:
        read(*records, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


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


def message(role="user", content="x"):
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"messages": []}, "messages: must be a list that is not empty"),
        ({"messages": "hello"}, "messages: must be a list that is not empty"),
        ({"messages": ["hello"]}, "messages[0]: must be an object with role and content"),
        ({"messages": [message("tool")]}, "messages[0].role: 'tool' is not system, user or"),
        (
            {"messages": [message(content="")]},
            "messages[0].content: must be a text that is not",
        ),
        (
            {"messages": [message(content=[{"image": 1}])]},
            "messages[0].content: must be a text",
        ),
        (
            {"messages": [message(), message()]},
            "messages[1].role: is the user's turn where the",
        ),
        ({"messages": [message("assistant")]}, "messages[0].role: is the assistant's turn"),
        ({"messages": [message()]}, "the last turn is not the assistant's"),
        ({"messages": [message("system")]}, "the last turn is not the assistant's"),
        ({**CHAT, "split": "training"}, "split: 'training' is not one of train, validation"),
        ({**CHAT, "kind": 3}, "kind: must be a text"),
        ({**CHAT, "provenance": "me"}, "provenance: must be an object"),
        ("hello", "the whole row: is not an object"),
        (
            {"messages": [message(content="\ud800"), message("assistant")]},
            "messages[0].content",
        ),
    ],
)
def test_a_wrong_conversation_says_where_and_why(record, said):
    found = problems(CHAT, record)
    assert [problem.startswith(f"row 2, {said}") for problem in found] == [True], found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"question": " "}, "question: must be a text that is not empty"),
        ({"completion": None}, "completion: is missing"),
        ({"context": "text"}, "context: must be a list, empty for a row without documents"),
        ({"context": [3]}, "context[0]: must be an object with chunk_id and role"),
        ({"context": [{"chunk_id": "c1", "role": "oracle"}]},
         "context[0]: the text of chunk 'c1' is neither here nor beside"),
        ({"context": [{**OWN["context"][0], "role": "gold"}]},
         "context[0].role: 'gold' is not oracle or distractor"),
        ({"context": [{**OWN["context"][0], "text": 7}]}, "context[0].text: must be a text"),
        ({"context": [{**OWN["context"][0], "page": "x"}]}, "context[0].page: must be a whole"),
        ({"context": [{**OWN["context"][0], "title": 7}]}, "context[0].title: must be a text"),
        ({"completion": '[1] "It weighs 9 kg."\nAnswer: 9 kg'},
         "completion: quotes what its chunk does not say"),
        ({"completion": '[2] "The pump weighs 3 kg."\nAnswer: 3 kg'},
         "completion: quotes what its chunk does not say"),
        ({"rejected_because": "by hand: no"}, "rejected_because: the row was turned away"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_our_own_says_where_and_why(change, said):
    found = problems(OWN, {**OWN, **change}, format="rows")
    assert [problem.startswith(f"row 2, {said}") for problem in found] == [True], found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"context": "text"}, "context: must be an object with title and sentences"),
        ({"context": {"sentences": [[""]]}}, "context.sentences: must be texts"),
        ({"oracle_context": 3}, "oracle_context: must be a text"),
        ({"cot_answer": ""}, "cot_answer: must be a text that is not empty"),
    ],
)
def test_a_wrong_row_of_the_original_script_says_where_and_why(change, said):
    (found,) = problems({**HF, **change}, format="raft_hf")
    assert found.startswith(f"row 1, {said}")


def test_wrong_cells_are_named_by_their_column():
    found = problems({"Q": "a", "A": ""}, {"Q": "b", "A": "c", "page": "vii"},
                     columns={"question": "Q", "answer": "A", "page": "page"})  # fmt: skip
    assert any("there is no column 'page'" in problem for problem in found)
    found = problems(
        {"Q": "a", "A": "", "page": "vii"}, columns={"question": "Q", "answer": "A"}
    )
    assert found == ["row 1, A: must be a text that is not empty",
                     "row 1, page: 'vii' is not a page number"]  # fmt: skip


def test_every_problem_is_counted_and_twenty_are_spelled_out():
    wrong = [{"messages": []}] * 31
    with pytest.raises(ConfigError, match="31 problems"):
        read(*wrong, CHAT)
    found = problems(*wrong, CHAT)
    assert len(found) == 21
    assert found[-1] == "and 11 more"


def test_one_chunk_id_has_one_text():
    other = {**OWN, "question": "B?", "context": [{**OWN["context"][0], "title": "Other"}]}
    (found,) = problems(OWN, other)
    assert found == "row 2, context: chunk 'c1' has another text in an earlier row"


def test_texts_of_chunks_may_stand_beside_the_rows():
    row = {**OWN, "context": [{"chunk_id": "c1", "role": "oracle"}]}
    chunk = CorpusChunk("c1", "d", "Manual", 3, 0, 21, "2 Data", "The pump weighs 3 kg.")
    taken = read(row, known={"c1": chunk})
    assert taken.chunks == {"c1": chunk}
    assert taken.rows[0]["quotes"][0]["end"] == len("The pump weighs 3 kg")


def test_a_changed_text_does_not_agree_with_its_provenance():
    from sfta.raft.formats import record_of

    taken = read(OWN)
    record = record_of("chat", taken.rows[0], list(taken.chunks.values()), PROMPT)
    record["messages"][1]["content"] = record["messages"][1]["content"].replace("3 kg", "4 kg")
    (found,) = problems(record)
    assert found.startswith("row 1, provenance.sources[0]: its text was changed")
    record["provenance"]["sources"][0]["start"] = "x"
    assert "provenance: is not as it was written" in problems(record)[0]
    del record["provenance"]
    assert read(record).rows[0]["context"] == []
