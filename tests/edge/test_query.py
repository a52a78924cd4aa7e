"""Questions as full-text queries: what is searched for, and that SQLite accepts it."""

import re
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfta_edge.query import match_expression

WORDS = st.text(alphabet="bcdfghjklmpqrvwxz", min_size=3, max_size=8)


@pytest.fixture(name="found_in", scope="module")
def _found_in():
    """Whether a question finds a text, asked of the real FTS5."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE t USING fts5(text)")

    def found(question, text):
        database.execute("DELETE FROM t")
        database.execute("INSERT INTO t VALUES (?)", (text,))
        query = match_expression(question)
        return bool(database.execute("SELECT 1 FROM t WHERE t MATCH ?", (query,)).fetchall())

    yield found
    database.close()


def phrases(question):
    return re.findall(r'"([^"]+)"', match_expression(question) or "")


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        ("E114", "Fault E-114 stops the pump.", True),
        ("E-114", "Fault E114 stops the pump.", True),
        ("e.114", "Fault E-114 stops the pump.", True),
        ("E-114", "Valve E is closed after 114 hours.", False),
        ("E-114", "Fault E-115 stops the pump.", False),
        ("24.5", "Set 24.5 bar.", True),
        ("24.5", "Set 24 bar or 25.5 bar.", False),
        ("CX-220-B", "The CX-220-B has two motors.", True),
        ("CX-220-B", "The CX-220-A has one motor, the B-220 two.", False),
        ("shut-off", "Shut the valve.", True),
        ("shut-off", "The shutoff valve.", False),
        ("operator\u2019s manual", "See the operator's manual.", True),
        ("NOT pressure", "The pressure is low.", True),
        ('"pressure" AND (', "The pressure is low.", True),
        ("text:pressure*", "The pressure is low.", True),
        ("press*", "The pressure is low.", False),
    ],
)
def test_what_a_question_finds(found_in, question, text, found):
    assert found_in(question, text) is found


@given(st.lists(WORDS, min_size=1, max_size=10))
def test_every_word_that_carries_meaning_is_searched_for(words):
    assert phrases(" ".join(words)) == list(dict.fromkeys(words))


@given(st.lists(WORDS, min_size=1, max_size=10), st.sampled_from(["the", "What is", "how do"]))
def test_words_around_the_meaning_change_nothing(words, around):
    question = " ".join(words)
    assert match_expression(f"{around} {question}?") == match_expression(question)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=80))
def test_letter_case_does_not_count(question):
    assert match_expression(question.upper()) == match_expression(question.lower())


@given(st.text(max_size=80))
def test_a_phrase_is_searched_for_once(question):
    found = phrases(question)
    assert len(found) == len(set(found))


@given(st.text(max_size=80))
def test_nothing_to_search_for_is_none_and_never_an_empty_query(question):
    has_word = any(char.isalnum() for char in question)
    assert (match_expression(question) is not None) is has_word


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=80))
def test_the_database_accepts_every_query(found_in, question):
    if match_expression(question) is not None:
        found_in(question, "any text")


@given(
    st.text(alphabet="bcdfgh", min_size=1, max_size=3),
    st.integers(0, 9999),
    st.sampled_from(["", "-", ".", "/", "_", ":"]),
)
def test_the_spelling_of_a_code_does_not_matter(letters, number, sign):
    plain, spelt = phrases(f"{letters}{number}"), phrases(f"{letters}{sign}{number}")
    assert {f"{letters} {number}", f"{letters}{number}"} <= set(plain) | set(spelt)
    assert f"{letters} {number}" in plain or f"{letters}{number}" in plain
    if sign != "_":
        assert set(plain) == set(spelt)
