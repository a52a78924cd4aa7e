"""A real device in a real browser, from the first boot to the last logout."""

import os
import shutil
import threading

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the PDF, is not installed")
import pymupdf

import web_window
from opened_pages import MARKS, until
from sfta_edge.api.asking import ServeLimits
from sfta_edge.device import Device, DeviceOptions
from sfta_edge.device_app import device_app
from sfta_edge.manifest import Manifest
from sfta_edge.seal import seal
from sfta_edge.server import Address, create_server, listening, serve, stop
from web_world import PASSWORD

pytestmark = MARKS
browser = web_window.browser
SENTENCE = "The feed pump of line seven is rinsed with lye every forty hours"
# Only the embedder decides: what is less alike than 0.4 is refused, whatever the model thinks.
WEIGHTS = {
    "likelihood": 0.0,
    "similarity": 10.0,
    "refusal_constant": 20.0,
    "refusal_slope": 5.0,
}


@pytest.fixture(name="device", scope="module")
def _device(small_bundle, signing_key, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    bundle = folder / "bundle"
    shutil.copytree(small_bundle, bundle, copy_function=os.link)
    facts = Manifest.read(bundle).facts
    for name in ("manifest.json", "manifest.sig", "SHA256SUMS"):
        (bundle / name).unlink()
    answer = {"top_k": 2, "max_tokens": 64, "choose_quotes": True, "weights": WEIGHTS}
    seal(bundle, {**facts, "answer": answer}, signing_key)
    with Device.open(bundle, folder / "data", DeviceOptions(threads=1)) as opened:
        yield opened


@pytest.fixture(name="page")
def _page(browser, device):
    limits = ServeLimits()
    server = create_server(device_app(device, limits), Address(port=0), limits)
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    host, port = listening(server)[0]
    browser.delete_all_cookies()
    yield web_window.Page(browser, device, f"http://{host}:{port}")
    browser.get("about:blank")
    stop(server)
    thread.join(20)


@pytest.fixture(name="manual")
def _manual(tmp_path):
    path = tmp_path / "rinsing.pdf"
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 120), f"{SENTENCE}.", fontsize=11)
        document.save(path)
    return path


def test_from_the_first_boot_to_the_last_logout(page, device, manual):
    page.open()
    page.shows("h1", "Welcome")
    page.write("[name=token]", device.accounts.setup.begin())
    page.write("[name=name]", "anna")
    page.write("[name=password]", PASSWORD)
    page.press(".entry button[type=submit]")
    page.shows(".menu-button", "anna")

    page.open("documents")
    page.shows(".drop")
    page.window.find_element("css selector", ".drop input").send_keys(str(manual))
    page.shows("main", "rinsing.pdf")
    assert until(lambda: [job.name for job in device.library.jobs()] == ["rinsing.pdf"])
    assert device.library.wait(120)

    page.open("ask")
    page.answered("How often is the feed pump of line seven rinsed with lye?")
    page.shows(".card:first-child", SENTENCE)
    # The untrained model quotes rightly and then says another number: the page marks it.
    page.shows(".card:first-child", "not supported")
    page.press(".card:first-child .source-place")
    page.shows(".viewer h2")
    picture = "return document.querySelector('.sheet img').naturalWidth"
    assert until(lambda: page.run(picture) >= 600)
    page.shows(".quote-box")

    page.open("ask")
    page.answered("Which poet wrote the national anthem of France?")
    page.shows(".card:first-child", "The documents do not answer this")

    page.open("admin/audit")
    page.shows("main", "Which poet wrote the national anthem of France?")

    page.press(".menu-button")
    page.press("#menu .menu-action:last-child")
    page.shows("[name=password]")
    assert page.run("return document.querySelector('.views')") is None
