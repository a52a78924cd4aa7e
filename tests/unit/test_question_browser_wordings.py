"""Other wordings on the page of questions, in a real browser: shown, edited, and saved by name."""

import json

import pytest

import opened_pages
from opened_pages import (
    MARKS,
    click,
    fresh,
    press,
    sticks_out,
    text,
    texts,
    until,
    visit,
)
from reviewed_questions import ATTACK, question, saved_lines, write, written_page

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = MARKS
window = opened_pages.window
VARIANTS = {
    "de": ["Wie schwer ist Pumpe 1?"],
    "paraphrase": ["What does pump 1 weigh?", ATTACK],
    "__proto__": ["Pump 1: weight?"],
}
ROWS = [
    question(0),
    question(1, variants=VARIANTS),
    question(2, answers=[], answerable=False, oracle_pages=[]),
]
LINES = [json.dumps(row) for row in ROWS]
FILE = "\n".join(LINES) + "\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written_page(tmp_path_factory.mktemp("page"), FILE)


@pytest.fixture
def opened(window, page):
    with fresh(window, page) as shown:
        yield shown


def wordings(found):
    return [(wording.name, wording.text) for wording in found.variants]


def test_other_wordings_are_shown_and_kept_when_something_else_is_changed(opened):
    press(opened, "j")
    values = "return [...document.querySelectorAll('.wordings input')].map((e) => e.value)"
    shown = opened.execute_script(values)
    assert shown == [
        "de", "Wie schwer ist Pumpe 1?",
        "paraphrase", "What does pump 1 weigh?", "paraphrase", ATTACK,
        "__proto__", "Pump 1: weight?",
    ]  # fmt: skip
    write(opened, ".answers input", "one kilogram")
    raw, found = saved_lines(opened)
    assert found["q001"].answers == ("one kilogram",)
    assert json.loads(raw.split("\n")[1])["variants"] == VARIANTS
    assert list(json.loads(raw.split("\n")[1])) == list(ROWS[1])


def test_other_wordings_can_be_edited_added_and_removed(opened):
    press(opened, "j")
    write(opened, ".wordings .line:nth-of-type(1) input:not(.name)", "Was wiegt Pumpe 1?")
    click(opened, ".wordings .line:nth-of-type(3) button")
    click(opened, ".wordings > button")
    write(opened, ".wordings .line:nth-of-type(4) .name", "pt-BR")
    write(opened, ".wordings .line:nth-of-type(4) input:not(.name)", "Quanto pesa a bomba 1?")
    click(opened, ".wordings > button")  # left empty: it is not written
    raw, found = saved_lines(opened)
    assert wordings(found["q001"]) == [
        ("__proto__", "Pump 1: weight?"),
        ("de", "Was wiegt Pumpe 1?"),
        ("paraphrase", "What does pump 1 weigh?"),
        ("pt-BR", "Quanto pesa a bomba 1?"),
    ]
    lines = raw.split("\n")
    assert [lines[0], *lines[2:]] == [LINES[0], *LINES[2:], ""]
    for _ in range(5):
        click(opened, ".wordings .line:nth-of-type(1) button")
    assert "variants" not in json.loads(saved_lines(opened)[0].split("\n")[1])


def test_a_question_without_other_wordings_can_be_given_some(opened):
    press(opened, "jj")
    click(opened, ".wordings > button")
    write(opened, ".wordings .name", "  ")
    write(opened, ".wordings input:not(.name)", "Where?")
    assert texts(opened, ".flag") == ["Another wording needs a name."]
    write(opened, ".wordings .name", "paraphrase")
    _, found = saved_lines(opened)
    assert wordings(found["q002"]) == [("paraphrase", "Where?")]
    click(opened, ".wordings .line button")
    assert saved_lines(opened)[0] == FILE


def test_changes_that_an_older_page_has_kept_still_open(opened, page):
    write(opened, "#question", "Edited?")
    opened.execute_script(
        "const mine = JSON.parse(localStorage.getItem(kept));"
        "for (const now of Object.values(mine.changes)) delete now.variants;"
        "localStorage.setItem(kept, JSON.stringify(mine)); state.saved = true;"
    )
    visit(opened, page)
    assert text(opened, "#counts") == "3 questions, 1 changed"
    assert saved_lines(opened)[1]["q000"].question == "Edited?"


def test_words_of_another_wording_are_found(opened):
    press(opened, "/")
    press(opened, "schwer ist")
    assert until(lambda: text(opened, "#place") == "1 to 1 of 1")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_at_the_side(opened, width):
    press(opened, "j")
    assert sticks_out(opened, width) == 0
