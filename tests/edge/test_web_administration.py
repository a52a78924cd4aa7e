"""What an admin does on the page: people, tokens, the log, backups, and how the device is."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS, press, until

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
ESCAPE = "\ue00c"


def choose(page, selector, value):
    page.shows(selector)
    page.run("document.querySelector(arguments[0]).value = arguments[1]", selector, value)


def test_the_state_of_the_device_is_told_in_units_of_people(page):
    page.admit(place="admin")
    page.shows(".note.good", "Everything works.")
    page.shows(".lead", "Version 0.1.0", "running for 3 d 2 h")
    told = " ".join(page.texts(".panel"))
    assert "43 GB of 64 GB used" in told
    assert "First token0.8 s" in told
    assert "WorkingYes" in told
    assert "Size18 MB" in told
    assert "Prefill tokens1,234.5" in told
    assert "Stateworks" in told
    assert "SinceNov 27, 2026" in told
    assert "Process79270" in told
    assert "Trouble" not in told
    assert "Last error" not in told
    assert page.run("return document.querySelectorAll('progress.full').length") == 1


@pytest.mark.parametrize(
    ("offline", "words"),
    [
        ({"sealed": True, "known": True}, "nothing beyond the local network can be reached"),
        ({"sealed": False, "known": True, "gateways": ["eth0"]}, "other networks through eth0"),
        ({"sealed": False, "known": False}, "does not tell"),
    ],
)
def test_whether_the_device_is_cut_off_is_told(page, offline, words):
    page.device.offline, page.device.degraded = offline, ["embedder"]
    page.admit(place="admin/status")
    page.shows(".panels")
    assert any(words in note for note in page.texts(".note"))
    page.shows(".note.warn", "Search by meaning is off.")


def test_a_user_is_added_changed_and_deleted(page):
    page.admit(place="admin/users")
    page.press(".view-head .primary")
    page.write(".dialog [name=name]", "mia")
    page.write(".dialog [name=password]", "four words of hers")
    choose(page, ".dialog [name=role]", "editor")
    page.write(".dialog [name=groups]", "shift a, shift b,")
    page.press(".dialog .primary")
    page.shows("#notices", "mia was added.")
    assert page.device.users["mia"]["groups"] == ["shift a", "shift b"]
    page.press("[aria-label='Change mia']")
    choose(page, ".dialog [name=role]", "reader")
    page.press(".dialog [name=disabled]")
    page.press(".dialog .primary")
    page.gone(".dialog")
    assert page.device.users["mia"]["disabled"] is True
    assert page.device.users["mia"]["role"] == "reader"
    page.press("[aria-label='Delete mia']")
    page.press(".dialog .danger")
    assert until(lambda: "mia" not in page.device.users)


def test_a_name_that_is_taken_is_told_in_the_form(page):
    page.admit(place="admin/users")
    page.press(".view-head .primary")
    page.write(".dialog [name=name]", "rob")
    page.write(".dialog [name=password]", "four words of his")
    page.press(".dialog .primary")
    page.shows(".dialog [role=alert]", "this name is taken")
    press(page.window, ESCAPE)
    page.gone(".dialog")
    assert "Add a user" in page.focused()


def test_a_password_is_set_anew_and_the_last_admin_stays(page):
    page.admit(place="admin/users")
    page.press("[aria-label='New password for rob']")
    page.write(".dialog [name=password]", "four words of his")
    page.press(".dialog .primary")
    page.gone(".dialog")
    assert page.device.users["rob"]["password"] == "four words of his"
    page.press("[aria-label='Delete ada']")
    page.press(".dialog .danger")
    page.shows("#notices .bad", "The last admin cannot be deleted.")


def test_a_token_is_shown_once_and_can_be_revoked(page):
    page.admit(place="admin/tokens")
    page.shows(".empty", "There are no tokens")
    page.press(".view-head .primary")
    page.write(".dialog [name=name]", "shift display")
    page.write(".dialog [name=days]", "30")
    page.press(".dialog .primary")
    page.shows(".secret code", "sfta_5up3r53cr3t")
    page.run("navigator.clipboard.writeText = (text) => { window.copied = text; return null; }")
    page.press(".secret button")
    assert until(lambda: page.run("return window.copied") == "sfta_5up3r53cr3t")
    page.press(".dialog .primary")
    assert until(lambda: "5up3r" not in page.text("body"))
    page.shows(".rows", "shift display", "valid until", "never used")
    page.press("[aria-label='Revoke shift display']")
    page.press(".dialog .danger")
    assert until(lambda: page.device.tokens == [])


def test_the_log_is_listed_and_checked(page):
    page.admit()
    page.answered("When is the oil due?")
    page.run("location.hash = '#/admin/audit'")
    page.shows(".rows", "When is the oil due?", "ada", "#2")
    page.shows(".note.good", "The log is intact.")
    page.press(".view-head button")
    page.shows(".note.good", "2 records checked.")
    page.device.intact = False
    page.press(".view-head button")
    page.shows(".note.bad", "record 2 does not hold", "does not continue the one before")
    assert page.run("return document.querySelector('a.button').href").endswith(
        "/v1/audit/export"
    )


def test_a_record_is_redacted_with_a_reason(page):
    page.admit()
    page.answered("When is the oil due?")
    page.run("location.hash = '#/admin/audit'")
    page.press("[aria-label='Redact record 2']")
    page.write(".dialog [name=reason]", "asked for by ada")
    page.press(".dialog .primary")
    page.shows(".rows", "Redacted")
    assert "oil" not in page.text(".rows")
    assert page.device.records[-1]["reason"] == "asked for by ada"


@pytest.mark.parametrize(
    ("intact", "words"),
    [(True, "The same answer"), (False, "The answer is another one today.")],
)
def test_an_answer_of_the_log_is_given_again_and_compared(page, intact, words):
    page.admit()
    page.answered("When is the oil due?")
    page.device.intact = intact
    page.run("location.hash = '#/admin/audit'")
    page.press("[aria-label='Answer question 2 again']")
    page.shows(".dialog", words, "8,000 hours")
    assert ("Something else." in page.text(".dialog")) != intact


def test_a_long_log_is_shown_in_parts(page):
    for number in range(60):
        page.device.note("login", user=f"user {number}")
    page.admit(place="admin/audit")
    assert until(lambda: len(page.texts(".row")) == 50)
    page.press(".more")
    assert until(lambda: len(page.texts(".row")) == 61)


def test_a_backup_is_saved_as_a_file(page):
    page.admit(place="admin/backup")
    page.press(".admin-part .primary")
    page.shows("#notices", "The backup is complete.")
    path = page.window.downloads / "device.sfta-backup"
    assert until(path.exists)
    assert path.read_bytes() == b"encrypted"


def test_what_an_admin_may_no_longer_do_is_refused_with_a_sentence(page):
    page.admit(place="admin/users")
    page.shows(".rows", "rob")
    page.device.users["ada"]["role"] = "reader"
    page.press("[aria-label='Delete rob']")
    page.press(".dialog .danger")
    page.shows("#notices .bad", "You may not do this.")
