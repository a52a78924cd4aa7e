"""The same rows for RAFT and for its rivals: what each form shows, and what it asks for."""

import pytest

from sfta.training.forms import all_in_form, in_form, text_rows
from sfta.training.rows import ContextChunk
from spelled_prompts import CONTRACT, characters, spell


def a_row(**changes):
    return {
        "id": "r1",
        "question": "What is the limit?",
        "context": [
            {"chunk_id": "c2", "role": "distractor"},
            {"chunk_id": "c1", "role": "oracle"},
            {"chunk_id": "c3", "role": "distractor"},
            {"chunk_id": "c4", "role": "oracle"},
        ],
        "answer": "9 bar; red",
        "completion": '[2] "It says [2] or [4]."\n[4] "It is red."\nAnswer: 9 bar; red',
    } | changes


REFUSED = a_row(
    context=[{"chunk_id": "c2", "role": "distractor"}],
    answer=CONTRACT.refusal,
    completion=CONTRACT.refusal,
)


def test_raft_rows_stay_as_they_are():
    assert in_form(a_row(), "raft", CONTRACT) == a_row()
    assert in_form(REFUSED, "raft", CONTRACT) == REFUSED


def test_with_oracle_chunks_alone_quotes_are_numbered_anew_and_stay_verbatim():
    row = in_form(a_row(), "oracle", CONTRACT)
    assert [entry["chunk_id"] for entry in row["context"]] == ["c1", "c4"]
    assert row["completion"] == (
        '[1] "It says [2] or [4]."\n[2] "It is red."\nAnswer: 9 bar; red'
    )


def test_closed_book_keeps_question_and_answer():
    row = in_form(a_row(), "closed_book", CONTRACT)
    assert row["context"] == []
    assert row["completion"] == "Answer: 9 bar; red"
    assert row["question"] == "What is the limit?"


@pytest.mark.parametrize("form", ["oracle", "closed_book"])
def test_without_distractors_no_refusal_is_taught(form):
    assert list(all_in_form([a_row(), REFUSED], form, CONTRACT)) == [
        in_form(a_row(), form, CONTRACT)
    ]


def test_an_answer_without_its_oracle_chunk_is_taught_closed_book_only():
    row = a_row(
        context=[{"chunk_id": "c2", "role": "distractor"}], completion="Answer: 9 bar; red"
    )
    assert in_form(row, "oracle", CONTRACT) is None
    assert in_form(row, "closed_book", CONTRACT)["completion"] == "Answer: 9 bar; red"


def test_the_row_that_was_given_is_not_changed():
    row = a_row()
    for form in ("oracle", "closed_book"):
        in_form(row, form, CONTRACT)
    assert row == a_row()


def test_plain_text_begins_behind_an_end_and_ends_with_one():
    chunks = {f"c{n}": ContextChunk("Manual", n, "Oil", f"Change oil {n}.") for n in range(80)}
    learned, held_out = text_rows(chunks, CONTRACT, characters, 7)
    assert sorted(row.id for row in [*learned, *held_out]) == sorted(chunks)
    assert 2 <= len(held_out) <= 16
    row = next(row for row in learned if row.id == "c3")
    assert (spell(row.context), spell(row.completion)) == ("</s>", "Oil\nChange oil 3.</s>")
    assert row.question == ()
    assert text_rows(chunks, CONTRACT, characters, 7) == (learned, held_out)
