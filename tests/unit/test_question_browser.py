"""The page of questions in a real browser: read, edited, rejected, added, saved, and read back."""

import json

import pytest

import opened_pages
from opened_pages import (
    MARKS,
    choose,
    click,
    fresh,
    loaded,
    press,
    sticks_out,
    text,
    texts,
    until,
    visit,
)
from reviewed_questions import ATTACK, LARGE, question, saved_lines, write, written_page

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = MARKS
window = opened_pages.window
COUNT = 120


DOCUMENTS = [
    {"id": "d1", "title": ATTACK, "text": ATTACK},
    {"id": "d2", "title": "", "text": "Oak."},
]
SPECIAL = [
    question(0, question=ATTACK, answers=[ATTACK], kind=ATTACK),
    question(1, answers=[], answerable=False, oracle_pages=[]),
    question(2, documents=DOCUMENTS, oracle_ids=["d2"], oracle_pages=[]),
]
LINES = [
    json.dumps(SPECIAL[0], ensure_ascii=False),
    json.dumps(SPECIAL[1], separators=(",", ":")) + "\r",
    "",
    "  " + json.dumps(SPECIAL[2]),
    *(json.dumps(question(number)) for number in range(3, COUNT)),
]
FILE = "\n".join(LINES) + "\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written_page(tmp_path_factory.mktemp("page"), FILE)


@pytest.fixture
def opened(window, page):
    with fresh(window, page) as shown:
        yield shown


def test_a_question_cannot_become_markup(opened):
    assert opened.title == "Questions of asked.jsonl"
    shown = opened.execute_script("return document.getElementById('question').value")
    assert shown == ATTACK
    assert texts(opened, "article script, article img, nav img, nav script") == []
    press(opened, "jj")
    assert texts(opened, ".chunk p")[0] == ATTACK
    assert opened.title == "Questions of asked.jsonl"


def test_a_file_that_was_not_touched_is_saved_to_the_byte(opened):
    raw, found = saved_lines(opened)
    assert raw == FILE
    assert len(found) == COUNT
    assert text(opened, "#said") == "Saved as asked.jsonl."


def test_an_edited_question_is_saved_and_all_other_lines_keep_their_bytes(opened):
    press(opened, "jjj")
    write(opened, "#question", f"How much does pump 3 weigh? {ATTACK}")
    write(opened, ".answers input", "three kilograms")
    assert text(opened, "#counts") == f"{COUNT} questions, 1 changed"
    raw, found = saved_lines(opened)
    assert found["q003"].question == f"How much does pump 3 weigh? {ATTACK}"
    assert found["q003"].answers == ("three kilograms",)
    assert found["q003"].oracle_pages[0].page == 4
    lines = raw.split("\n")
    assert [*lines[:4], *lines[5:]] == [*LINES[:4], *LINES[5:], ""]
    assert json.loads(lines[4])["near_ids"] == [LARGE]
    assert list(json.loads(lines[4])) == list(question(3))


def test_what_was_changed_back_is_no_change(opened):
    press(opened, "jjj")
    write(opened, "#question", "Another one?")
    press(opened, "\ue00c")  # Escape leaves the field
    press(opened, "u")
    assert opened.execute_script("return question.value") == "How heavy is pump number 3?"
    write(opened, ".answers input", "x")
    write(opened, ".answers input", "3 kg")
    assert text(opened, "#counts") == f"{COUNT} questions"
    assert saved_lines(opened)[0] == FILE


def test_a_rejected_question_is_left_out_and_can_be_taken_back(opened):
    press(opened, "r")
    assert text(opened, "#said") == "Question rejected."
    assert text(opened, "#list .gone small") == "rejected"
    raw, found = saved_lines(opened)
    assert raw == "\n".join(LINES[1:]) + "\n"
    assert "q000" not in found
    press(opened, "k")
    assert texts(opened, ".flag") == ["Rejected: it is not saved."]
    press(opened, "r")
    assert saved_lines(opened)[0] == FILE


def test_a_question_can_be_added(opened):
    press(opened, "a")
    write(opened, "#question", "Where is the valve?")
    write(opened, ".answers input", "behind the pump")
    click(opened, ".answers > button")
    write(opened, ".answers .line:nth-of-type(2) input", "at the back")
    click(opened, ".pages-of > button")
    write(opened, ".pages-of input[type=text]", "manual.pdf")
    write(opened, ".pages-of input[type=number]", "7")
    raw, found = saved_lines(opened)
    assert raw.startswith(FILE)
    assert found["added-1"].answers == ("behind the pump", "at the back")
    assert [(p.document, p.page) for p in found["added-1"].oracle_pages] == [("manual.pdf", 7)]
    assert text(opened, "#counts") == f"{COUNT} questions, 1 added"


def test_what_evaluate_would_refuse_is_not_saved_and_shown(opened):
    press(opened, "jjj")
    write(opened, ".answers input", "  ")
    click(opened, ".pages-of > button")
    click(opened, "#save")
    assert text(opened, "#said") == "Not saved: 1 question has a problem."
    assert text(opened, "#place") == "1 to 1 of 1"
    assert len(texts(opened, ".flag")) == 2
    write(opened, ".answers input", "3 kg")
    click(opened, ".pages-of .line:nth-of-type(2) button")
    choose(opened, "status", "")
    assert saved_lines(opened)[0] == FILE


def test_an_unanswerable_question_has_neither_answers_nor_pages(opened):
    press(opened, "jjj")
    click(opened, "#answerable")
    assert texts(opened, ".answers, .pages-of") == []
    _, found = saved_lines(opened)
    assert (found["q003"].answers, found["q003"].oracle_pages) == ((), ())
    click(opened, "#answerable")
    assert saved_lines(opened)[0] == FILE
    press(opened, "kk")
    click(opened, "#answerable")
    write(opened, ".answers input", "red")
    raw, found = saved_lines(opened)
    assert found["q001"].answers == ("red",)
    assert raw.split("\n")[1].endswith("\r")


def test_documents_of_a_question_can_be_marked_as_oracles(opened):
    press(opened, "jj")
    assert texts(opened, ".chunk.oracle p") == ["Oak."]
    assert texts(opened, ".pages-of") == []
    click(opened, ".chunk .check input")
    assert saved_lines(opened)[1]["q002"].oracle_ids == ("d1", "d2")
    assert len(texts(opened, ".chunk.oracle")) == 2


def test_what_was_not_saved_is_back_when_the_page_is_opened_again(opened, page):
    press(opened, "jjj")
    write(opened, "#question", "Edited?")
    press(opened, "\ue00c")
    press(opened, "j")
    press(opened, "r")
    press(opened, "a")
    write(opened, "#question", "Added?")
    write(opened, ".answers input", "yes")
    opened.execute_script("state.saved = true;")
    visit(opened, page)
    assert text(opened, "#said") == "Your changes are back."
    assert text(opened, "#counts") == f"{COUNT} questions, 1 changed, 1 rejected, 1 added"
    _, found = saved_lines(opened)
    assert found["q003"].question == "Edited?"
    assert found["added-1"].answers == ("yes",)
    assert "q004" not in found


def test_search_and_filters_narrow_the_list(opened):
    assert text(opened, "#place") == f"1 to 50 of {COUNT}"
    press(opened, "/")
    press(opened, "number 11")
    assert until(lambda: text(opened, "#place") == "1 to 11 of 11")
    choose(opened, "kind", "limit")
    assert text(opened, "#place") == "1 to 6 of 6"
    choose(opened, "status", "unanswerable")
    assert text(opened, "#place") == "no question"
    assert "No question fits" in text(opened, "article")


def test_letters_that_are_typed_into_a_field_are_no_commands(opened):
    press(opened, "e")
    press(opened, "jrau")
    assert text(opened, "#counts") == f"{COUNT} questions, 1 changed"
    assert opened.execute_script(
        "return document.getElementById('question').value.endsWith('jrau')"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_the_side(opened, width):
    press(opened, "jj")
    assert sticks_out(opened, width) == 0


def test_the_page_asks_nothing_of_any_server(opened):
    assert loaded(opened) == []
