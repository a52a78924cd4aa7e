"""How people come in, what each of them sees, and how they leave."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS
from web_world import PASSWORD, TOKEN

pytestmark = MARKS
browser, page = web_window.browser, web_window.page


def test_the_first_person_sets_the_device_up_with_the_token_of_the_console(page):
    page.device.users.clear()
    page.open()
    page.shows("h1", "Welcome")
    page.write("[name=token]", "guessed")
    page.write("[name=name]", "mia")
    page.write("[name=password]", PASSWORD)
    page.press(".entry button[type=submit]")
    page.shows("[role=alert]", "This token is wrong")
    page.write("[name=token]", TOKEN)
    page.press(".entry button[type=submit]")
    page.shows(".menu-button", "mia")
    assert page.device.users["mia"]["role"] == "admin"
    page.shows(".views", "Device")


def test_a_wrong_password_lets_nobody_in_and_is_said_aloud(page):
    page.window.delete_all_cookies()
    page.open()
    page.write("[name=name]", "ada")
    page.write("[name=password]", "guess")
    page.press(".entry button[type=submit]")
    page.shows("[role=alert]", "Name or password is wrong.")
    assert page.run("return document.querySelector('.views')") is None


def test_somebody_who_guesses_is_told_when_to_try_again(page):
    page.window.delete_all_cookies()
    page.open()
    page.write("[name=name]", "locked")
    page.write("[name=password]", "guess")
    page.press(".entry button[type=submit]")
    page.shows("[role=alert]", "Try again in 30 seconds")


def test_a_password_can_be_made_readable_while_it_is_typed(page):
    page.window.delete_all_cookies()
    page.open()
    page.write("[name=password]", "secret")
    page.press(".quiet-button")
    assert page.run("return document.querySelector('[name=password]').type") == "text"
    page.press(".quiet-button")
    assert page.run("return document.querySelector('[name=password]').type") == "password"


@pytest.mark.parametrize(
    ("name", "views", "adds"),
    [
        ("rob", ["Ask", "History", "Documents"], False),
        ("eve", ["Ask", "History", "Documents"], True),
        ("ada", ["Ask", "History", "Documents", "Device"], True),
    ],
)
def test_everybody_sees_only_what_their_role_may(page, name, views, adds):
    page.enter(name)
    assert page.texts(".views a") == views
    page.run("location.hash = '#/documents'")
    page.shows(".rows", "Maintenance Handbook")
    assert page.run("return !!document.querySelector('.adding')") == adds
    assert ("Safety Manual" in page.text(".rows")) == (name == "ada")


def test_a_reader_who_types_the_address_of_the_device_view_asks_instead(page):
    page.enter("rob", "admin/users")
    page.shows("#question")
    assert not [call for call in page.device.calls if "users" in call]


def test_a_device_without_accounts_shows_everything_and_asks_for_no_login(page):
    page.device.accounts = False
    page.open("admin")
    page.shows(".parts", "Status", "Audit log", "Backup")
    assert "Users" not in page.text(".parts")
    page.press(".menu-button")
    page.shows(".menu", "Appearance")
    assert "Log out" not in page.text(".menu")
    page.run("location.hash = '#/ask'")
    page.answered("When is the oil due?")


def test_an_ended_session_leads_to_the_login_and_keeps_the_question(page):
    page.enter()
    page.device.sessions.clear()
    page.ask("When is the oil due?")
    page.shows(".entry .note.info", "your question is kept")
    page.write("[name=name]", "ada")
    page.write("[name=password]", PASSWORD)
    page.press(".entry button[type=submit]")
    page.shows("#question")
    assert (
        page.run("return document.querySelector('#question').value") == "When is the oil due?"
    )
    page.press(".send")
    page.shows(".card[data-state=done]", "8,000 hours")


def test_a_session_that_ends_in_another_view_leads_back_to_that_view(page):
    page.enter(place="documents")
    page.device.sessions.clear()
    page.run("location.hash = '#/history'")
    page.shows(".entry .note.info")
    page.write("[name=name]", "ada")
    page.write("[name=password]", PASSWORD)
    page.press(".entry button[type=submit]")
    page.shows("h1", "History")


def test_whoever_logs_in_next_sees_nothing_of_what_was_asked_before(page):
    page.enter("ada")
    page.answered("When is the oil due?")
    page.device.sessions.clear()
    page.write("#question", "half a thought")
    page.press(".send")
    page.write(".entry [name=name]", "rob")
    page.write(".entry [name=password]", PASSWORD)
    page.press(".entry button[type=submit]")
    page.shows("#question")
    assert page.run("return document.querySelector('#question').value") == ""
    assert page.texts(".card") == []


def test_logging_out_ends_the_session_and_clears_the_page(page):
    page.enter()
    page.answered("When is the oil due?")
    page.press(".menu-button")
    page.press(".menu-action:last-child")
    page.shows("h1", "Log in")
    assert page.device.sessions == {}
    assert "oil" not in page.text("body")


def test_a_password_is_changed_and_a_wrong_old_one_refused(page):
    page.enter()
    page.press(".menu-button")
    page.press(".menu-action")
    page.write(".dialog [name=old]", "not this one")
    page.write(".dialog [name=new]", "another long password")
    page.press(".dialog .primary")
    page.shows(".dialog .note.bad", "The present password is wrong".lower()[4:])
    page.write(".dialog [name=old]", PASSWORD)
    page.press(".dialog .primary")
    page.shows("#notices", "The password was changed.")
    page.gone(".dialog")
    assert page.device.users["ada"]["password"] == "another long password"


def test_language_and_appearance_are_kept_on_the_readers_machine(page):
    page.admit(appearance="light")
    page.press(".menu-button")
    page.press(".switcher input[value=de]")
    page.shows(".views", "Fragen", "Verlauf")
    page.press(".menu-button")
    page.press(".switcher input[value=dark]")
    page.open("history")
    page.shows("h1", "Verlauf")
    assert page.run("return document.documentElement.dataset.appearance") == "dark"
    assert page.run("return document.documentElement.lang") == "de"
    page.run("localStorage.clear()")


def test_the_browsers_language_and_the_systems_appearance_hold_until_somebody_chooses(page):
    page.admit(appearance="dark", language="de-AT")
    page.shows(".views", "Fragen")
    assert page.run("return document.documentElement.dataset.appearance") == "dark"
    page.window.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "light"}]},
    )
    page.shows(":root[data-appearance=light] main")


def test_the_skip_link_leads_to_the_content_and_leaves_the_view_alone(page):
    page.admit(place="documents")
    page.shows(".rows")
    page.run("document.querySelector('.skip').click()")
    assert page.run("return document.activeElement.id") == "main"
    assert page.run("return location.hash") == "#/documents"


def test_a_device_that_does_not_answer_is_told_with_a_way_on(page):
    page.admit()
    page.run("window.fetch = () => Promise.reject(new TypeError('gone'))")
    page.run("location.hash = '#/documents'")
    page.shows(".note.bad", "The device does not answer.")


def test_a_page_goes_on_after_the_same_person_logged_in_anew_in_another_tab(page):
    page.enter("ada", "admin/users")
    page.shows(".rows", "rob")
    page.device.sessions["another-tab"] = "ada"
    cookie = {"name": "sfta_session", "value": "another-tab", "url": page.address}
    page.window.execute_cdp_cmd("Network.setCookie", cookie)
    page.press("[aria-label='Delete rob']")
    page.press(".dialog .danger")
    page.shows("#notices", "rob was deleted.")
