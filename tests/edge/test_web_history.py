"""What a person asked before: read, asked again, deleted."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS, press, until

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
ESCAPE, ENTER, RIGHT = "\ue00c", "\ue007", "\ue014"


@pytest.fixture(autouse=True)
def _inside(page):
    page.admit()
    page.shows("#question")


def test_what_was_asked_can_be_read_and_asked_again(page):
    page.answered("How is the weather?")
    page.answered("When is the oil due?")
    page.run("location.hash = '#/history'")
    assert until(lambda: len(page.texts(".history-question")) == 2)
    assert page.texts(".history-question") == ["When is the oil due?", "How is the weather?"]
    page.press(".history-open")
    page.shows(".history-body .source", "The gear oil is changed")
    page.press(".history-body .marker")
    page.shows(".quote-box")
    page.press(".history-body .card-foot .plain:nth-of-type(3)")
    page.shows("#question")
    assert (
        page.run("return document.querySelector('#question').value") == "When is the oil due?"
    )


def test_an_answer_whose_source_may_not_be_read_any_more_says_why_it_is_hidden(page):
    page.answered("When is the oil due?")
    answer = page.device.past[0]["answer"]
    answer.update(answer="", sentences=[], citations=answer["citations"][:1], hidden=2)
    page.run("location.hash = '#/history'")
    page.shows(".history-open", "This answer is hidden")
    page.press(".history-open")
    page.shows(".history-body .note", "It stands on 2 quotes from documents that were removed")
    assert len(page.texts(".history-body .source")) == 1
    assert page.run("return document.querySelector('.history-body .verdict')") is None


def test_one_question_or_all_are_deleted_after_asking(page):
    for question in ("How is the weather?", "When is the oil due?", "When was it built?"):
        page.answered(question)
    page.run("location.hash = '#/history'")
    page.press(".history-line .icon-button")
    page.shows(".dialog", "“When was it built?” and its answer will be deleted.")
    press(page.window, ESCAPE)
    page.gone(".dialog")
    assert len(page.device.past) == 3
    page.press(".history-line .icon-button")
    page.press(".dialog .danger")
    assert until(lambda: len(page.texts(".history-question")) == 2)
    page.press(".view-head .danger-text")
    page.press(".dialog .danger")
    page.shows(".empty", "You have not asked anything yet")
    assert page.device.past == []


def test_a_long_history_is_shown_in_parts(page):
    entry = {"time": 1772440200.0, "user": "ada", "answer": {"refused": True}}
    page.device.past[:] = [entry | {"id": n, "question": f"q{n}"} for n in range(35, 0, -1)]
    page.run("location.hash = '#/history'")
    assert until(lambda: len(page.texts(".history-question")) == 30)
    page.press(".more")
    assert until(lambda: len(page.texts(".history-question")) == 35)
    page.gone(".more")
