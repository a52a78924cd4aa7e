"""An admin brings the device another bundle on the page, and goes back to the one before."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS, until
from web_window import OVERFLOWING, WIDTHS

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
CHOOSE = """
const [files, drop] = arguments;
const data = new DataTransfer();
for (const [name, text] of files) data.items.add(new File([text], name));
if (drop) {
  const area = document.querySelector('.adding');
  const event = {dataTransfer: data, bubbles: true, cancelable: true};
  area.dispatchEvent(new DragEvent('dragover', event));
  area.dispatchEvent(new DragEvent('drop', event));
} else {
  const input = document.querySelector('.drop input');
  input.files = data.files;
  input.dispatchEvent(new Event('change'));
}
"""


def choose(page, *files, drop=False):
    page.shows(".drop")
    page.run(CHOOSE, files, drop)


def ready(page):
    page.device.updates.facts["job"] = {"kind": "install", "state": "done"}
    page.device.updates.done({"kind": "install"})


def test_a_bundle_is_sent_checked_tried_and_started(page):
    state = page.device.updates
    state.stages = ["checking", "testing", "done"]
    page.admit(place="admin/update")
    page.shows(".facts", "manuals, version 3", "manuals, version 2")
    choose(page, ("m.tar", "twelve bytes"))
    page.shows(".note.good", "manuals, version 4 is ready")
    assert [(offset, content) for _, offset, content in state.slices] == [
        (0, b"twel"), (4, b"ve b"), (8, b"ytes"),
    ]  # fmt: skip
    page.press(".update-work .primary")
    page.shows(".dialog", "Answers that are being written are cut off")
    page.press(".dialog .danger")
    page.shows(".update-state", "has answered for five minutes")
    page.shows(".facts", "manuals, version 4")
    assert page.run("return document.querySelector('.drop')") is None


def test_parts_are_dropped_sent_in_order_and_gone_on_with(page):
    state = page.device.updates
    state.facts["files"] = [{"name": "m.tar.001", "size": 6, "received": 4}]
    state.stages = ["done"]
    page.admit(place="admin/update")
    page.shows(".adding", "Choose the same files again", "m.tar.001: 4 B of 6 B")
    choose(page, ("m.tar.002", "cd"), ("m.tar.001", "abcdef"), drop=True)
    page.shows(".note.good", "is ready")
    assert state.slices == [("m.tar.001", 4, b"ef"), ("m.tar.002", 0, b"cd")]


def test_what_has_arrived_can_be_removed(page):
    page.device.updates.facts["files"] = [{"name": "m.tar", "size": 6, "received": 4}]
    page.admit(place="admin/update")
    page.press(".adding button")
    assert until(lambda: page.device.updates.facts["files"] == [])
    page.gone(".adding ul")


def test_a_refused_bundle_is_refused_in_words(page):
    state = page.device.updates
    state.facts["job"] = {
        "kind": "install", "state": "refused", "error": "bundle 2 is older than 3",
        "hint": "Ask its maker.",
    }  # fmt: skip
    page.admit(place="admin/update")
    page.shows(".note.bad", "Nothing has changed", "bundle 2 is older than 3. Ask its maker.")
    state.facts["job"], state.refuse = None, "no key that this device trusts has signed it"
    choose(page, ("m.tar", "x"))
    page.shows("[role=alert] .note.bad", "no key that this device trusts has signed it.")
    page.shows(".drop")


def test_an_update_is_cancelled_while_it_is_tried(page):
    page.device.updates.stages = ["testing"] * 1000
    page.admit(place="admin/update")
    choose(page, ("m.tar", "x"))
    page.shows(".update-work", "Trying its golden questions")
    page.press(".update-work button")
    page.shows(".note.info", "was cancelled")
    page.shows(".drop")
    assert "Update" in page.focused()


def test_going_back_gives_a_reason(page):
    page.device.updates.stages = ["checking", "done"]
    page.admit(place="admin/update")
    page.press(".admin-part > div:last-child button")
    page.write(".dialog [name=reason]", "wrong manuals")
    page.press(".dialog .primary")
    page.shows(".note.good", "manuals, version 2 is ready")
    assert page.device.updates.reason == "wrong manuals"


def test_the_reason_of_an_automatic_rollback_is_told(page):
    page.device.updates.facts["reason"] = "the model does not start"
    page.admit(place="admin/update")
    page.shows(".note.warn", "left for this one", "the model does not start.")
    page.device.updates.facts |= {"reason": "", "stays": "the other slot is damaged"}
    page.open("admin/update")
    page.shows(".note.warn", "nothing can take its place", "the other slot is damaged.")


def test_without_a_supervisor_the_page_says_what_to_do(page):
    ready(page)
    page.device.updates.facts["supervised"] = False
    page.admit(place="admin/update")
    page.shows(".note.good code", "/opt/sfta/bin/sfta-edge serve")
    assert page.run("return document.querySelector('.update-work button')") is None


def test_a_device_without_an_installation_says_so(page):
    page.device.updates.facts = {"possible": False}
    page.admit(place="admin/update")
    page.shows(".note.info", "runs from a folder")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_it_shuts_nobody_out_whatever_it_shows(page, width, language):
    page.errors()  # of the tests before, in the same window
    state = page.device.updates
    state.facts |= {
        "reason": "the model does not start",
        "files": [{"name": "manuals-with-a-long-name.tar.001", "size": 6, "received": 4}],
        "job": {"kind": "install", "state": "refused", "error": "older", "hint": ""},
    }
    page.admit(place="admin/update", width=width, language=language)
    page.shows(".drop")
    assert page.shut_out() == []
    assert page.run(OVERFLOWING) == []
    state.stages = ["checking"] * 1000
    choose(page, ("m.tar", "x"))
    assert until(lambda: state.facts["job"]["state"] == "checking")
    page.shows(".update-work progress")
    page.gone(".note.bad")
    assert page.shut_out() == []
    assert page.run(OVERFLOWING) == []
    state.stages.clear()
    ready(page)
    page.shows(".note.good")
    assert page.shut_out() == []
    assert page.errors() == []
    assert page.outside() == []
