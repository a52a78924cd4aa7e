"""Asking: the answer as it comes, how far to trust it, and everything that can go wrong."""

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


def test_an_answer_is_shown_while_it_is_written_and_then_with_its_sources(page):
    page.device.go.clear()
    page.ask("When is the oil due?")
    page.shows(".card[data-state=writing][aria-busy=true] .draft", "Looking at the oil")
    page.device.go.set()
    page.shows(".card[data-state=done] .prose", "whichever comes first")
    page.shows(".verdict.good", "Supported by the documents")
    assert page.texts(".marker") == ["1", "2"]
    assert page.texts(".source blockquote")[0].startswith("The gear oil is changed")
    page.shows(".figures summary", "Took 3.4 s")
    assert until(lambda: "2 sources" in page.text("#said"))


def test_enter_sends_and_shift_enter_begins_a_line(page):
    page.write("#question", "one\ue008\ue007\ue000two")
    assert page.run("return document.querySelector('#question').value") == "one\ntwo"
    press(page.window, ENTER)
    page.shows(".card[data-state=done]")
    assert page.device.asked[0]["question"] == "one\ntwo"


def test_an_empty_question_is_not_asked(page):
    page.run("document.querySelector('form.composer').requestSubmit()")
    page.write("#question", "   ")
    page.press(".send")
    assert page.device.asked == []


def test_sentences_without_support_are_marked_in_words_and_explained(page):
    page.answered("What is done in the lab?")
    assert page.texts(".unsupported") == ["A sample should go to the laboratory each month."]
    page.shows(".unsupported-mark", "not supported")
    page.shows(".verdict.warn", "One sentence is not supported by a quote. Check it")
    page.shows(".note.warn", "2 more passages were found but did not fit")
    assert "\U0001f6e2" in page.text(".prose")


def test_an_answer_without_support_warns_before_it_is_read(page):
    page.answered("When was it built?")
    page.shows(".verdict.bad", "Do not rely on it")
    page.shows(".source.unverified", "Unknown document", "does not stand in the documents")
    assert page.texts(".source button") == []


def test_a_refusal_says_what_to_do_next_and_shows_the_nearest_passages(page):
    page.press(".scope summary")
    page.press(".scope-list .tick input")
    page.answered("How is the weather?")
    page.shows(".refusal", "The documents do not answer this", "Ask with other words")
    page.shows(".sources h3", "Nearest passages")
    assert page.texts(".prose") == []
    page.press(".refusal button.link")
    assert until(lambda: len(page.device.asked) == 2)
    assert page.device.asked[0]["collections"] == ["CX-220"]
    assert "collections" not in page.device.asked[1]


def test_strict_answers_are_asked_for_and_remembered(page):
    page.answered("When is the oil due?")
    page.press("[name=strict]")
    page.answered("When is the oil due?")
    page.open()
    page.answered("When is the oil due?")
    assert [body["strict"] for body in page.device.asked] == [False, True, True]
    page.run("localStorage.clear()")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Which passages are there?", ["The language model is not running"]),
        ("Is the disk full?", ["found by their words only", "The disk is nearly full"]),
    ],
)
def test_what_the_device_cannot_do_is_told_above_the_question(page, question, words):
    page.answered(question)
    page.shows(".view > [role=status]", *words)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Write an essay", ["cut off because it became too long", "2 sentences were left out"]),
        ("Until eternity?", ["cut off because it took too long"]),
    ],
)
def test_what_is_missing_from_an_answer_is_told(page, question, words):
    page.answered(question)
    notes = " ".join(page.texts(".card .note"))
    assert all(word in notes for word in words)


def test_somebody_who_waits_sees_how_many_are_before(page):
    page.device.go.clear()
    page.ask("How long is the queue?")
    page.shows(".progress", "2 questions are before yours")
    page.device.go.set()
    page.shows(".card[data-state=done]")


def test_a_busy_device_is_asked_again_by_itself(page):
    page.device.busy = 2
    page.ask("When is the oil due?")
    page.shows(
        ".card[data-state=busy]", "The device has its hands full", "asks again by itself"
    )
    page.shows(".card[data-state=done]", "8,000 hours")
    assert len(page.device.asked) == 3


def test_waiting_for_a_busy_device_can_be_stopped(page):
    page.device.busy = 99
    page.ask("When is the oil due?")
    page.shows(".card[data-state=busy]")
    page.press(".stop")
    page.shows(".card[data-state=stopped]", "You stopped this answer")
    count = len(page.device.asked)
    page.device.busy = 0
    page.press(".card-foot button")
    page.shows(".card[data-state=done]")
    assert len(page.device.asked) == count + 1


def test_escape_stops_an_answer_and_the_question_stands_in_the_field_again(page):
    page.device.go.clear()
    page.ask("When is the oil due?")
    page.shows(".draft", "Looking")
    press(page.window, ESCAPE)
    page.shows(".card[data-state=stopped]", "unfinished and was not checked", "Looking")
    assert (
        page.run("return document.querySelector('#question').value") == "When is the oil due?"
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What if it fails?", ["That did not work.", "the engine broke off. Ask again."]),
        ("What if it is down?", ["cannot answer at the moment", "the engine does not run."]),
        ("What if it breaks?", ["The device does not answer."]),
    ],
)
def test_an_answer_that_fails_says_why_and_can_be_tried_again(page, question, words):
    page.ask(question)
    page.shows(".card[data-state=failed] .note.bad", *words)
    page.press(".card-foot button")
    assert until(lambda: len(page.device.asked) == 2)


def test_markup_in_an_answer_is_text(page):
    page.answered("<img src=x onerror=alert(1)>")
    page.shows(".prose", "<b>bold</b> <img src=x onerror=alert(1)>")
    page.shows("h2.question", "<img src=x onerror=alert(1)>")
    assert page.run("return document.querySelectorAll('.card img, .card b').length") == 0
    assert page.errors("Failed to load resource") == []


def test_an_answer_that_is_being_written_goes_on_while_another_view_is_open(page):
    page.device.go.clear()
    page.ask("When is the oil due?")
    page.shows(".draft", "Looking")
    page.run("location.hash = '#/history'")
    page.shows("h1", "History")
    page.device.go.set()
    page.run("location.hash = '#/ask'")
    page.shows(".card[data-state=done]", "8,000 hours")
