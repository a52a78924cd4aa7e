"""The page of the robustness in a real browser: on a phone, in the dark, on paper."""

import base64

import pytest

import opened_pages
from fake_engines import CONTRACT, REFUSAL
from opened_pages import MARKS, until
from robust_records import SUBJECTS, record_of, right
from robust_world import CHUNKS
from sfta.evaluation.robustness.contradictions import contradictions
from sfta.evaluation.robustness.curves import picture
from sfta.evaluation.robustness.documents import more_distractors
from sfta.evaluation.robustness.injections import injections
from sfta.evaluation.robustness.page import render_page
from sfta.evaluation.themes import THEMES

pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = MARKS
window = opened_pages.window
DRAWN = "document.images.length == 3 && [...document.images].every(i => i.complete)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    probes = [
        more_distractors(SUBJECTS, CHUNKS, 7, (0, 1, 5)),
        contradictions(SUBJECTS, [], 7),
        injections(SUBJECTS, CHUNKS, 7, 1, CONTRACT),
    ]
    record = record_of(probes, lambda v: REFUSAL if v.origin == "q3" else right(v))
    light, dark = (
        {p["name"]: picture(p, record["arms"], THEMES[name]) for p in record["probes"]}
        for name in ("light", "dark")
    )
    path = tmp_path_factory.mktemp("page") / "robustness.html"
    path.write_text(render_page(record, light, dark), "utf-8")
    return path


def shown(window, page, width=1000, scheme="light"):
    """The page on a screen of this width, drawn."""
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    # Another address each time, so that what was drawn before is not taken for it.
    window.get(f"{page.as_uri()}?{scheme}{width}")
    there = f"location.search == '?{scheme}{width}' && {DRAWN}"
    assert until(lambda: measured(window, there))
    return window


def measured(window, expression):
    return window.execute_cdp_cmd(
        "Runtime.evaluate", {"expression": expression, "returnByValue": True}
    )["result"]["value"]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(window, page, width):
    shown(window, page, width)
    assert measured(window, "document.documentElement.scrollWidth") <= width
    assert measured(window, "[...document.images].every(i => i.naturalWidth > 0)")


def test_a_picture_fits_a_phone_without_its_text_becoming_small(window, page):
    shown(window, page, 360)
    widths = measured(window, "[...document.images].map(i => i.clientWidth)")
    assert all(250 < width <= 360 for width in widths)


def test_the_dark_pictures_are_shown_in_the_dark(window, page):
    source = "document.images[0].currentSrc"
    light, dark = (
        measured(shown(window, page, scheme=scheme), source) for scheme in ("light", "dark")
    )
    assert light.startswith("data:image/png")
    assert light != dark


def test_nothing_is_refused_by_the_policy_of_the_page(window, page):
    shown(window, page, 1000)
    assert [
        entry for entry in window.get_log("browser") if "favicon" not in entry["message"]
    ] == []


def test_the_page_prints(window, page):
    shown(window, page, 1000)
    pdf = base64.b64decode(window.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert pdf.startswith(b"%PDF")
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open(stream=pdf) as document:
        text = " ".join(sheet.get_text() for sheet in document)
    assert "distractors cost nothing measurable" in " ".join(text.split())
