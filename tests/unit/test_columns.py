"""Columns of a table: given names first, then usual ones, each column once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.columns import read_columns, recognise
from sfta_edge.errors import ConfigError

USUAL = {"question": ("question", "query"), "answer": ("answer", "reply"), "kind": ("kind",)}
NEEDED = ("question", "answer")
NAME = st.text(st.characters(codec="ascii", exclude_characters=",="), min_size=1, max_size=8)


def found(present, given_=None):
    return recognise(present, given_ or {}, USUAL, NEEDED)


def test_the_first_usual_name_that_is_there_is_taken():
    columns, problems = found(["reply", "Query", "answer", "other"])
    assert columns.names == {"question": "Query", "answer": "answer"}
    assert columns.unread == ("reply", "other")
    assert problems == []


def test_a_given_name_goes_before_the_usual_ones():
    columns, problems = found(["question", "Frage", "answer"], {"question": "Frage"})
    assert columns.names["question"] == "Frage"
    assert columns.unread == ("question",)
    assert problems == []


def test_a_column_is_only_one_thing():
    columns, problems = found(["question", "answer"], {"kind": "answer"})
    assert "answer" not in columns.names
    assert problems == ["no column is recognised as the answer (columns: answer, question)"]


def test_every_problem_is_told_at_once():
    _, problems = found(["Antwort"], {"answer": "Antwrt", "colour": "Antwort"})
    assert problems == [
        "there is no column 'Antwrt' for answer (did you mean 'Antwort'?)",
        "'colour' is not one of question, answer, kind",
        "no column is recognised as the question (columns: Antwort)",
    ]


@given(st.sets(st.sampled_from(["question", "query", "answer", "reply", "kind", "x", "y"])))
def test_every_column_is_read_or_said_not_to_be(present):
    columns, _ = found(sorted(present))
    assert sorted((*columns.names.values(), *columns.unread)) == sorted(present)


@given(st.dictionaries(NAME.filter(str.strip), NAME.filter(str.strip), max_size=5))
def test_columns_on_the_command_line_are_what_was_written(pairs):
    text = ",".join(f"{part}={name}" for part, name in pairs.items())
    assert read_columns(text) == {part.strip(): name.strip() for part, name in pairs.items()}


@pytest.mark.parametrize("text", ["question", "question=", "question=a,answer", "a= "])
def test_a_column_without_a_name_is_refused(text):
    with pytest.raises(ConfigError, match="cannot read --columns") as caught:
        read_columns(text)
    assert caught.value.hint == "Write question=NAME,answer=NAME."


def test_no_columns_are_no_columns():
    assert read_columns(None) == read_columns("") == read_columns(" , ") == {}
