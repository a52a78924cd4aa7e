"""The sources of an answer: on their pages, copied, and on paper."""

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


def test_a_citation_opens_its_page_with_the_quote_marked_and_gives_the_focus_back(page):
    page.answered("When is the oil due?")
    page.press(".marker:nth-of-type(2)")
    page.shows(".viewer h2", "Maintenance Handbook")
    page.shows(".viewer-count", "2 of 3")
    picture = "return document.querySelector('.sheet img').naturalWidth"
    assert until(lambda: page.run(picture) >= 600)
    inside = """
    const box = document.querySelector('.quote-box').getBoundingClientRect();
    const sheet = document.querySelector('.sheet').getBoundingClientRect();
    return [(box.left - sheet.left) / sheet.width, (box.top - sheet.top) / sheet.height];
    """
    left, top = page.run(inside)
    expected = (
        page.device.papers[0].sheets[1].place("The first oil change is due after 500 hours")
    )
    assert left == pytest.approx((expected[0] - 1) / 595, abs=0.004)
    assert top == pytest.approx((expected[1] - 1) / 842, abs=0.004)
    press(page.window, ESCAPE)
    page.gone(".viewer")
    assert "Source 2" in page.focused()


def test_the_pages_of_a_document_are_turned_and_enlarged_by_keyboard(page):
    page.answered("When is the oil due?")
    page.press(".source-place")
    page.shows(".quote-box")
    press(page.window, RIGHT)
    page.shows(".viewer-count", "3 of 3")
    page.gone(".quote-box")
    assert page.run("return document.querySelector('.viewer-next').disabled")
    press(page.window, "\ue00e")
    page.shows(".viewer-count", "2 of 3")
    width = "return document.querySelector('.sheet').getBoundingClientRect().width"
    before = page.run(width)
    press(page.window, "++")
    assert page.run(width) == pytest.approx(1.5 * before, rel=0.01)
    press(page.window, "++++")
    assert page.run(width) == pytest.approx(4 * before, rel=0.01)
    source = "const e = document.querySelector('.sheet img'); return e.naturalWidth >= 1900"
    assert until(lambda: page.run(source))
    press(page.window, "0")
    assert page.run(width) == pytest.approx(before, rel=0.01)


def test_a_page_without_a_picture_is_drawn_from_its_lines(page):
    page.answered("Who may take away a lock?")
    page.press(".marker")
    page.shows(".drawn")
    lines = page.texts(".drawn text")
    assert lines[0] == "4.2 Full isolation"
    # Offsets count characters: the lock in line three is one, though JavaScript counts two.
    assert lines[3].endswith("\U0001f512 again.")
    assert lines[4].startswith("A lock that was forgotten")
    page.shows(".quote-box")
    assert "Safety Manual, page 1" in page.run(
        "return document.querySelector('.drawn').getAttribute('aria-label')"
    )


def test_a_page_can_be_read_as_text_with_the_quote_marked(page):
    page.answered("When is the oil due?")
    page.press(".marker")
    page.press(".viewer-text")
    page.shows(".page-text mark", "The gear oil is changed every 8,000 hours")
    page.shows(".page-text", "Use Gearlube 46S only")


def test_on_a_phone_a_page_lies_over_everything_and_back_closes_it(page):
    page.admit(width=390)
    page.answered("When is the oil due?")
    page.press(".marker")
    page.shows(".viewer:modal .quote-box")
    page.run("history.back()")
    page.gone(".viewer")
    page.shows(".card[data-state=done]")
    assert "Source 1" in page.focused()
    page.press(".marker")
    page.press(".viewer-close")
    page.gone(".viewer")
    assert page.run("return location.hash") == "#/"


def test_an_answer_is_copied_with_its_sources(page):
    page.answered("When is the oil due?")
    page.run("navigator.clipboard.writeText = (text) => { window.copied = text; return null; }")
    page.press(".card-foot .plain")
    page.shows("#notices", "Copied.")
    copied = page.run("return window.copied")
    assert copied.startswith("When is the oil due?\n\nChange the gear oil every 8,000 hours")
    assert "comes first [1]." in copied
    assert "[2] Maintenance Handbook, page 2: “The first oil change" in copied


def test_copying_works_where_a_browser_keeps_its_clipboard_to_itself(page):
    page.answered("When is the oil due?")
    page.run(
        "navigator.clipboard.writeText = () => Promise.reject(new Error());"
        "document.execCommand = () => !!(window.copied = document.activeElement.value);"
    )
    page.press(".card-foot .plain")
    page.shows("#notices", "Copied.")
    assert "[2] Maintenance Handbook" in page.run("return window.copied")


def test_a_printed_answer_stands_alone_black_on_white(page):
    import base64

    import pymupdf

    page.admit(appearance="dark")
    page.answered("How is the weather?")
    page.answered("When is the oil due?")
    page.run(
        "window.print = () => {}; document.querySelectorAll('.card-foot .plain')[1].click()"
    )
    printed = page.window.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    with pymupdf.open(stream=base64.b64decode(printed["data"])) as document:
        text = " ".join(document[0].get_text().split())
        assert document[0].get_pixmap(dpi=20).pixel(2, 2) == (255, 255, 255)
    assert "When is the oil due?" in text
    assert "Maintenance Handbook, page 2" in text
    assert "weather" not in text
    assert "Copy with sources" not in text
