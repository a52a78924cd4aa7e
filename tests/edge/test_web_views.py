"""Every view of the device's page, on a phone and a desk, light and dark: whole, and for everybody.

With SFTA_SCREENS naming a folder, a picture of each is left there.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS
from web_window import APPEARANCES, OVERFLOWING, WIDTHS

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
SCREENS = os.environ.get("SFTA_SCREENS")


def first_boot(page):
    page.device.users.clear()
    page.window.delete_all_cookies()
    page.open()
    page.shows("h1", "Welcome")


def login(page):
    page.window.delete_all_cookies()
    page.open()
    page.write("[name=name]", "ada")
    page.write("[name=password]", "wrong")
    page.press(".entry button[type=submit]")
    page.shows("[role=alert] .note.bad", "wrong")


def nothing_asked(page):
    page.shows(".scope summary", "All collections")


def answer(page):
    page.answered("When is the gear oil changed?")


def cited_page(page):
    answer(page)
    page.press(".marker")
    page.shows(".sheet img")
    page.shows(".quote-box")


def drawn_page(page):
    page.answered("Who may take away a lock?")
    page.press(".marker")
    page.shows(".drawn text")


def text_page(page):
    cited_page(page)
    page.press(".viewer-text")
    page.shows(".page-text mark")


def partly_supported(page):
    page.answered("What is done with the oil in the lab?")
    page.press(".figures summary")


def unsupported(page):
    page.answered("When was it built?")


def refusal(page):
    page.press(".scope summary")
    page.press(".scope-list .tick input")
    page.answered("How is the weather?")


def extractive(page):
    page.answered("Which passages are there?")


def waiting(page):
    page.device.go.clear()
    page.ask("How long is the queue?")
    page.shows(".progress", "2 questions are before yours")


def writing(page):
    page.device.go.clear()
    page.ask("What is written?")
    page.shows(".draft", "Looking at the oil")


def failed(page):
    page.ask("What if it fails?")
    page.shows(".card[data-state=failed]", "the engine broke off")


def history(page):
    for question in ("When is the gear oil changed?", "How is the weather?"):
        page.answered(question)
    page.run("location.hash = '#/history'")
    page.press(".history-open[aria-expanded=false]")
    page.shows(".history-body")


def documents(page):
    page.run("location.hash = '#/documents'")
    page.shows(".rows", "Safety Manual")
    page.press(".adding-settings summary")
    page.device.go.clear()
    for name in ("pump.exe", "spare-parts.pdf"):
        page.upload(name, b"x" * 70_000)
    page.shows(".uploads", "This kind of file cannot be read", "Being read")


def no_document(page):
    page.run("location.hash = '#/documents'")
    page.write("[name=filter]", "nothing like this")
    page.shows(".empty")


def status(page):
    page.device.degraded = ["disk"]
    page.run("location.hash = '#/admin/status'")
    page.shows(".panels", "SmolLM2")


def users(page):
    page.device.users["rob"]["disabled"] = True
    page.run("location.hash = '#/admin/users'")
    page.shows(".rows", "rob")


def new_user(page):
    users(page)
    page.press(".view-head .primary")
    page.shows(".dialog h2")


def tokens(page):
    page.run("location.hash = '#/admin/tokens'")
    page.press(".view-head .primary")
    page.write(".dialog [name=name]", "shift display")
    page.press(".dialog .primary")
    page.shows(".secret")


def audit(page):
    answer(page)
    page.run("location.hash = '#/admin/audit'")
    page.press(".record summary")


def backup(page):
    page.run("location.hash = '#/admin/backup'")
    page.shows(".lead", "bundle")


def menu(page):
    page.press(".menu-button")
    page.shows(".menu", "Log out")


SCENES = {
    scene.__name__: scene
    for scene in (
        first_boot, login, nothing_asked, answer, cited_page, drawn_page, text_page,
        partly_supported, unsupported, refusal, extractive, waiting, writing, failed, history,
        documents, no_document, status, users, new_user, tokens, audit, backup, menu,
    )
}  # fmt: skip


@pytest.mark.parametrize("appearance", APPEARANCES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SCENES)
def test_a_view_is_whole_and_shuts_nobody_out(page, name, width, appearance):
    page.admit(width=WIDTHS[width], appearance=appearance)
    page.errors()
    SCENES[name](page)
    if SCREENS:
        page.picture(Path(SCREENS) / f"{name}-{width}-{appearance}.png")
    assert page.shut_out() == []
    assert page.run(OVERFLOWING) == []
    assert page.outside() == []
    # What a server answers with an error is told by the browser; all else is a fault of the page.
    assert page.errors("Failed to load resource") == []


@pytest.mark.parametrize("width", [320, 360, 1600])
@pytest.mark.parametrize("name", ["partly_supported", "cited_page", "documents", "users"])
def test_a_german_view_has_room_at_the_narrowest_and_the_widest(page, name, width):
    page.admit(width=width)
    page.press(".menu-button")
    page.press(".switcher input[value=de]")
    page.shows(".views", "Verlauf")
    german = {"cited_page": cited_page, "users": users}
    german.get(name, lambda _page: None)(page)
    if name == "partly_supported":
        page.answered("Was sagt das lab?")
        page.shows(".unsupported-mark", "nicht belegt")
    if name == "documents":
        page.run("location.hash = '#/documents'")
        page.shows(".rows", "Aus dem Bündel")
    if SCREENS:
        page.picture(Path(SCREENS) / f"{name}-{width}-german.png")
    assert page.run(OVERFLOWING) == []
    assert page.run("return document.documentElement.lang") == "de"
    assert page.run("return localStorage.clear()") is None
