"""The report and the comparison in a real browser: nothing broken, nobody shut out."""

import base64
import shutil
from importlib.resources import files

import pymupdf
import pytest

from full_reports import full_evaluation, shaky, timed
from sfta.evaluation.comparison import compare_reports
from sfta.evaluation.comparison_page import comparison_page
from sfta.evaluation.report import write_report

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER), reason="no chromium with chromedriver on this system"
    ),
]
PAGES = ("ten", "two", "comparison")
WIDTHS = (360, 1280)
APPEARANCES = ("light", "dark")
BROKEN_IMAGES = """
return [...document.images].filter((image) => !image.complete || !image.naturalWidth).length
"""
# What sticks out of the page and lies in nothing that scrolls.
OVERFLOWING = """
const width = document.documentElement.clientWidth;
return [...document.querySelectorAll('main *')]
  .filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest('.scroll'))
  .map((e) => e.outerHTML.slice(0, 120))
"""
AUDIT = """
const done = arguments[arguments.length - 1];
axe.run({resultTypes: ['violations']}).then((found) => done(found.violations.map(
  (v) => [v.impact, v.id, v.nodes.length, v.nodes[0].html.slice(0, 160)])));
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of ten arms with everything, one of two arms, and their comparison."""
    root = tmp_path_factory.mktemp("pages")
    for name, count, trained in (("ten", 10, shaky(0.9)), ("two", 2, shaky(0.7))):
        (root / name).mkdir()
        write_report(full_evaluation(count, trained), timed(count), root / name)
    found = compare_reports(root / "ten", root / "two", 5)
    (root / "comparison").mkdir()
    text = comparison_page(root / "ten", root / "two", found)
    (root / "comparison" / "report.html").write_text(text, "utf-8")
    return {name: root / name / "report.html" for name in PAGES}


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


def visit(window, page, width, appearance):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    media = {"features": [{"name": "prefers-color-scheme", "value": appearance}]}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    window.get(page.as_uri())


@pytest.mark.parametrize("appearance", APPEARANCES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_at_every_width_and_in_both_appearances(
    window, pages, name, width, appearance
):
    visit(window, pages[name], width, appearance)
    assert "owned" not in window.title
    assert window.execute_script("return document.images.length") > 0
    assert window.execute_script(BROKEN_IMAGES) == 0
    assert window.execute_script("return document.documentElement.scrollWidth") <= width
    assert window.execute_script(OVERFLOWING) == []
    shown = window.execute_script("return document.images[0].currentSrc.length")
    source = window.execute_script("return document.images[0].src.length")
    assert (shown == source) == (appearance == "light")
    assert [line for line in window.get_log("browser") if line["level"] == "SEVERE"] == []


@pytest.mark.parametrize("appearance", APPEARANCES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_that_shuts_somebody_out(window, pages, name, width, appearance):
    visit(window, pages[name], width, appearance)
    window.execute_script(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    assert window.execute_async_script(AUDIT) == []


def test_wide_tables_are_scrolled_by_keyboard_beside_a_column_that_stays(window, pages):
    visit(window, pages["ten"], 360, "light")
    script = """
    const boxes = [...document.querySelectorAll('.scroll')];
    const box = boxes.find((e) => e.scrollWidth > e.clientWidth);
    box.focus(); box.scrollLeft = 120;
    const left = (e) => e.getBoundingClientRect().left;
    const gap = left(box.querySelector('tbody th')) - left(box);
    return [document.activeElement === box, box.scrollLeft, gap];
    """
    focused, scrolled, left = window.execute_script(script)
    assert focused
    assert scrolled == 120
    assert abs(left) <= 1


def test_all_marks_and_sections_of_a_full_report_are_on_its_page(window, pages):
    visit(window, pages["ten"], 1280, "light")
    heads = window.execute_script(
        "return [...document.querySelectorAll('h2')].map((e) => e.textContent)"
    )
    assert {"Cosine", "Perplexity", "Judge", "Forgetting", "Time and cost"} <= set(heads)
    assert window.execute_script("return document.querySelectorAll('.output').length") == 200
    links = "return [...document.querySelectorAll('nav a')].map((e) => e.hash.slice(1))"
    targets = "return [...document.querySelectorAll('h2')].map((e) => e.id)"
    assert window.execute_script(links) == window.execute_script(targets)


@pytest.mark.parametrize("name", PAGES)
def test_paper_shows_everything_in_black_on_white_and_cuts_nothing(window, pages, name):
    visit(window, pages[name], 1280, "dark")
    options = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": False}
    printed = window.execute_cdp_cmd("Page.printToPDF", options)
    with pymupdf.open(stream=base64.b64decode(printed["data"])) as document:
        text = "".join(page.get_text() for page in document)
        for page in document:
            assert page.get_pixmap(dpi=20).pixel(2, 2) == (255, 255, 255)
            words = page.get_text("words")
            assert all(word[2] <= page.rect.x1 and word[0] >= 0 for word in words)
    if name != "comparison":
        assert "Keep the door closed while the machine runs" in " ".join(text.split())
        assert "McNemar's p" in " ".join(text.split())
