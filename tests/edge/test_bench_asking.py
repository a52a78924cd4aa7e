"""Which questions are asked, and what is noted of each answer."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.bench.asking import CALLER, ask_all, bench_questions, guessed_share
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.golden import GOLDEN_FILE, Golden, GoldenQuestion
from sfta_edge.reply import Answer

ANSWER = Answer("", "", False, True, (), "", "stop", timings_ms={"retrieve": 3.0})


class Titles:
    """A knowledge base of which only the titles are known."""

    def __init__(self, *titles):
        self.titles = titles

    def documents(self):
        return [SimpleNamespace(title=title) for title in self.titles]


class Speaking:
    """Yields the same pieces for every question."""

    def __init__(self, *pieces):
        self.pieces, self.asked = pieces, []

    def stream(self, question, *, caller):
        self.asked.append((question, caller))
        yield from self.pieces
        return replace(ANSWER, question=question)


def golden(folder, *questions):
    found = Golden(tuple(GoldenQuestion(question, refused=False) for question in questions))
    (folder / GOLDEN_FILE).write_bytes(found.to_bytes())


def test_the_golden_questions_come_first_then_one_about_each_document(tmp_path):
    golden(tmp_path, "How hot?", "How often?")
    found = bench_questions(tmp_path, Titles("Manual"), 9)
    assert found == ["How hot?", "How often?", "What does Manual say?"]
    assert bench_questions(tmp_path, Titles("Manual"), 1) == ["How hot?"]


def test_a_bundle_without_golden_questions_is_asked_about_its_documents(tmp_path):
    assert bench_questions(tmp_path, Titles("A", "B"), 9) == [
        "What does A say?",
        "What does B say?",
    ]


def test_no_question_comes_twice(tmp_path):
    golden(tmp_path, "How hot?", "How hot?")
    assert bench_questions(tmp_path, Titles("A", "A"), 9) == ["How hot?", "What does A say?"]


def test_a_bundle_without_anything_to_ask_about_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no documents"):
        bench_questions(tmp_path, Titles(), 9)


def test_damaged_golden_questions_are_an_error(tmp_path):
    (tmp_path / GOLDEN_FILE).write_text("[]")
    with pytest.raises(IntegrityError):
        bench_questions(tmp_path, Titles("A"), 9)


def test_the_first_text_that_is_shown_counts():
    device = Speaking("", "", "An", "swer")
    (found,) = ask_all(device, ["How hot?"])
    assert device.asked == [("How hot?", CALLER)]
    assert found.retrieve == 3.0
    assert 0 < found.first_text <= found.total
    assert found.answer.question == "How hot?"


def test_an_answer_that_shows_nothing_before_is_its_own_first_text():
    (found,) = ask_all(Speaking("", ""), ["How hot?"])
    assert found.first_text == found.total


@given(*(st.integers(0, 1000) for _ in range(4)))
def test_the_guessed_share_is_that_of_the_time_between(written, right, more, more_right):
    before = {"decoded_tokens": written, "accepted_tokens": right}
    after = {
        "decoded_tokens": written + more + more_right,
        "accepted_tokens": right + more_right,
    }
    share = guessed_share(before, after)
    assert 0 <= share <= 1
    assert share * (more + more_right) == pytest.approx(more_right)
