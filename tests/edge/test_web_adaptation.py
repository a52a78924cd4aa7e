"""The page for people who see, move or read in other ways than most."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS, press, until
from web_window import OVERFLOWING

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
TAB, ESCAPE, ENTER = "\ue004", "\ue00c", "\ue007"


def media(page, **features):
    named = [
        {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
    ]
    page.window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def style(page, selector, name):
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    return page.run(script, selector, name)


def test_marks_are_seen_where_colours_are_forced(page):
    page.admit()
    page.answered("What is done in the lab?")
    media(page, forced_colors="active")
    assert style(page, ".unsupported-mark", "borderTopStyle") == "solid"
    assert "underline" in style(page, ".unsupported", "textDecorationLine")
    assert style(page, ".views a[aria-current]", "outlineStyle") == "solid"
    page.press(".marker")
    page.shows(".quote-box")
    assert style(page, ".quote-box", "strokeWidth") == "3px"


def test_nothing_moves_for_whoever_wants_no_motion(page):
    page.admit()
    page.device.go.clear()
    page.ask("When is the oil due?")
    page.shows(".pulse")
    media(page, prefers_reduced_motion="no-preference")
    assert style(page, ".pulse", "animationName") == "breathe"
    media(page, prefers_reduced_motion="reduce")
    assert style(page, ".pulse", "animationName") == "none"


@pytest.mark.parametrize("place", ["ask", "history", "documents", "admin/users", "admin/audit"])
def test_letters_of_twice_the_size_still_fit(page, place):
    page.admit()
    page.answered("What is done in the lab?")
    page.run("document.documentElement.style.fontSize = '200%'")
    page.run("location.hash = arguments[0]", f"#/{place}")
    assert until(lambda: page.run("return document.querySelectorAll('.card, .row').length"))
    assert page.run(OVERFLOWING) == []


def test_everything_is_reached_by_the_tabulator_in_the_order_it_is_read(page):
    page.admit()
    page.answered("When is the oil due?")
    page.run("document.querySelector('.skip').focus()")
    found = ["skip"]
    for _ in range(18):
        press(page.window, TAB)
        found.append(
            page.run("return document.activeElement.className + document.activeElement.id")
        )
    order = [
        found.index(name) for name in ("skip", "brand", "menu-button", "question", "marker")
    ]
    assert order == sorted(order)
    assert found.index("marker") < found.index("link source-place")


def test_a_question_is_asked_and_its_source_read_without_a_pointer(page):
    page.admit()
    press(page.window, "When is the oil due?" + ENTER)
    page.shows(".card[data-state=done] .marker")
    while "marker" not in page.run("return document.activeElement.className"):
        press(page.window, TAB)
    press(page.window, ENTER)
    page.shows(".quote-box")
    assert "viewer-close" in page.focused()
    page.run("document.querySelector('#question').focus()")
    press(page.window, ESCAPE)
    page.gone(".viewer")
    assert "marker" in page.run("return document.activeElement.className")


def test_the_page_that_is_gone_to_is_read_out_and_named(page):
    page.admit()
    page.press(".views a:nth-child(3)")
    page.shows(".rows")
    assert page.run("return document.activeElement.textContent") == "Documents"
    assert page.window.title == "Documents · Ask the documents"
    here = "return document.querySelector('.views [aria-current=page]').textContent"
    assert page.run(here) == "Documents"


def test_escape_closes_what_is_nearest_and_nothing_more(page):
    page.admit()
    page.answered("When is the oil due?")
    page.press(".marker")
    page.shows(".quote-box")
    page.press(".menu-button")
    page.shows(".menu")
    press(page.window, ESCAPE)
    page.gone(".menu")
    page.shows(".viewer")
    press(page.window, ESCAPE)
    page.gone(".viewer")


def test_messages_go_to_regions_that_are_there_from_the_start(page):
    page.admit()
    regions = "return [...document.querySelectorAll('#notices, #said')].map((e) => e.role)"
    assert page.run(regions) == ["status", "status"]
    page.answered("How is the weather?")
    assert until(lambda: page.text("#said") == "The documents do not answer this")


def test_the_focus_is_never_lost_between_asking_and_stopping(page):
    page.admit()
    page.device.go.clear()
    page.ask("When is the oil due?")
    page.shows(".draft")
    assert "Stop" in page.focused()
    press(page.window, ENTER)
    page.shows(".card[data-state=stopped]")
    assert "question" in page.focused()
