"""Figures: always PNG, always the same bytes, whatever is missing."""

import io

import matplotlib as mpl
import pytest
from PIL import Image

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.plots import THEMES, figures

MILLISECONDS = {"base_rag": [900.0, 1100.0], "raft_rag": [400.0, 500.0, 450.0]}


def arm(label, value):
    interval = None if value is None else [value - 0.1, value + 0.1]
    return {
        "label": label,
        "metrics": {metric.key: value for metric in METRICS},
        "intervals": {metric.key: interval for metric in METRICS},
    }


def cell(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def make_report(*, base=0.4, trained=0.8, kinds=("torque", "code_meaning")):
    gained = {"value": 0.4, "interval": [0.3, 0.5]}
    return {
        "arms": {"base_rag": arm("Base", base), "raft_rag": arm("Trained", trained)},
        "differences": {metric.key: gained for metric in METRICS},
        "slices": [
            {
                "by": "kind",
                "name": kind,
                "n": 10,
                "arms": {"base_rag": cell(0.3), "raft_rag": cell(0.7)},
            }
            for kind in kinds
        ],
    }


@pytest.mark.parametrize("theme", list(THEMES))
def test_every_figure_is_an_image_on_its_themes_paper(theme):
    drawn = figures(make_report(), MILLISECONDS, THEMES[theme])
    assert set(drawn) == {"metrics", "differences", "slices", "latency"}
    for png in drawn.values():
        image = Image.open(io.BytesIO(png)).convert("RGB")
        assert image.width > 800
        assert "#{:02x}{:02x}{:02x}".format(*image.getpixel((0, 0))) == THEMES[theme].paper


def test_the_same_numbers_give_the_same_bytes_whatever_the_machine_prefers():
    first = figures(make_report(), MILLISECONDS, THEMES["light"])
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10}):
        again = figures(make_report(), MILLISECONDS, THEMES["light"])
    assert first == again


def test_no_file_names_the_program_that_drew_it():
    for png in figures(make_report(), {}, THEMES["light"]).values():
        assert b"Software" not in png
        assert b"matplotlib" not in png


def test_other_numbers_give_another_picture():
    one = figures(make_report(), {}, THEMES["light"])
    other = figures(make_report(trained=0.5), {}, THEMES["light"])
    assert one["metrics"] != other["metrics"]


def test_what_was_not_measured_is_left_out():
    report = make_report(base=None, kinds=("torque",))
    report["differences"] = {}
    assert set(figures(report, {}, THEMES["light"])) == {"metrics"}
    assert "latency" in figures(report, {"raft_rag": [5.0]}, THEMES["dark"])
    assert "latency" not in figures(report, {"base_rag": [], "raft_rag": []}, THEMES["dark"])


def test_the_colours_of_arms_can_be_told_apart_without_colour():
    for theme in THEMES.values():
        greys = [
            0.299 * int(c[1:3], 16) + 0.587 * int(c[3:5], 16) + 0.114 * int(c[5:7], 16)
            for c in theme.series[:2]
        ]
        assert abs(greys[0] - greys[1]) > 20


def contrast(one, other):
    """WCAG 2.2 contrast ratio."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", list(THEMES.values()), ids=list(THEMES))
def test_text_and_the_bars_that_are_compared_stand_out_from_the_paper(theme):
    assert contrast(theme.ink, theme.paper) >= 7.0
    for colour in theme.series[:2]:
        assert contrast(colour, theme.paper) >= 3.0
