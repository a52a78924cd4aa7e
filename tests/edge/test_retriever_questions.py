"""No text breaks a search: operators are words, and an expression is bounded."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta_edge.query import match_expression
from word_retriever import ids


@pytest.mark.parametrize(
    "question", ["", "   ", "?!", '"', "''", "_", "\0", "()", "-", "NEAR("]
)
def test_a_question_without_words_finds_nothing_by_words(plain_retriever, question):
    assert plain_retriever.search(question, 3) == []


@pytest.mark.parametrize(
    "question",
    [
        'oil" OR chunks_fts MATCH "x',
        "oil AND NOT pressure",
        "NEAR(oil pressure, 2)",
        "title: oil",
        "{title heading}: oil",
        "oil*",
        "^oil",
        "oil -- '; DROP TABLE chunks",
        "oil + pressure",
        "rank:oil",
        "oil\ud800",
        "oil \N{RIGHT-TO-LEFT OVERRIDE}",
        "oil " * 5000,
    ],
)
def test_operators_in_a_question_are_only_text(word_retriever, plain_retriever, question):
    assert "e115" in ids(plain_retriever.search(question, 3))
    assert "e115" in ids(word_retriever.search(question, 7))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_question(plain_retriever, question):
    hits = plain_retriever.search(question, 3)
    assert len(hits) <= 3


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from('"*^:(){}-+,AND OR NOT NEAR oil E-114 \t\n'), max_size=40))
def test_any_mixture_of_operators_is_a_question(plain_retriever, parts):
    plain_retriever.search("".join(parts), 3)


@settings(max_examples=200)
@given(st.text(max_size=100))
def test_every_term_of_a_query_is_quoted(question):
    expression = match_expression(question)
    if expression is not None:
        assert re.fullmatch(r'"[^"]+"(?: OR "[^"]+")*', expression)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the pressure?", '"pressure"'),
        ("what is it", '"what" OR "is" OR "it"'),
        ("E-114", '"e 114" OR "e114"'),
        ("E114", '"e114" OR "e 114"'),
        ("24.5 bar", '"24 5" OR "bar"'),
        ("re-start", '"re start" OR "re" OR "start"'),
        ("oil oil OIL", '"oil"'),
        ("", None),
        ("...", None),
    ],
)
def test_a_question_becomes_an_expression(question, expected):
    assert match_expression(question) == expected


def test_a_long_question_has_a_bounded_expression():
    expression = match_expression(" ".join(f"word{n}" for n in range(10_000)))
    assert expression.count(" OR ") == 63
