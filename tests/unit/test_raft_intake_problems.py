"""Wrong rows of others: every problem has its place and none is dropped silently."""

import pytest

from foreign_rows import CHAT, HF, OWN, PROMPT, problems, read
from sfta.raft.corpus import CorpusChunk
from sfta_edge.errors import ConfigError


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
