"""Size, speed and quality of each file: measured here, and drawn."""

import json

from packaged_base import SMOL
from sfta.stages import scheme_speed
from sfta.stages.scheme_speed import QUALITY, SPEEDS, measured_speeds, write_quality


def loss(scheme, size, value, *, lost=()):
    shown = {"value": value, "interval": [value - 0.05, value + 0.05]}
    return {
        "scheme": scheme,
        "size": size,
        "metrics": {"overall_f1": shown},
        "lost": list(lost),
    }


def speeds_of(**decode):
    return {
        "schemes": {
            name: {"decode_tokens_per_second": value} for name, value in decode.items()
        },
        "environment": {"processor": "x"},
    }


def test_a_real_file_is_measured_with_what_the_figures_hold_for(packaged):
    found = measured_speeds({"Q4_1": packaged}, prompt_tokens=8)
    speed = found["schemes"]["Q4_1"]
    assert SMOL.endswith(packaged.name)
    assert speed["prefill_tokens_per_second"] > 0
    assert speed["first_token_seconds"] > 0
    assert speed["prompt_tokens"] == 8
    assert {"processor", "threads", "llama-cpp-python"} <= set(found["environment"])


def test_the_picture_shows_what_ships_and_what_has_lost_something(tmp_path, monkeypatch):
    drawn = []

    def draw(points, metric, machine):
        drawn.append((points, metric, machine))
        return b"\x89PNG"

    monkeypatch.setattr(scheme_speed, "quality_picture", draw)
    found = [loss("F16", 271_000_000, 0.46), loss("Q4_0", 92_000_000, 0.41, lost=["token_f1"])]
    write_quality(tmp_path, found, speeds_of(F16=30.0, Q4_0=None), "F16")
    ((points, metric, machine),) = drawn
    assert [(p.name, p.megabytes, p.value) for p in points] == [
        ("F16", 271.0, 0.46), ("Q4_0", 92.0, 0.41),
    ]  # fmt: skip
    assert [(p.marked, p.chosen) for p in points] == [(False, True), (True, False)]
    assert [p.tokens_per_second for p in points] == [30.0, None]
    assert metric == "Overall F1 (SQuAD 2.0)"
    assert machine


def test_speeds_and_a_real_picture_are_written(tmp_path):
    found = [loss("F16", 271_000_000, 0.46), loss("IQ4_XS", 91_000_000, 0.45)]
    speeds = speeds_of(F16=30.0, IQ4_XS=55.5)
    write_quality(tmp_path, found, speeds, "IQ4_XS")
    assert json.loads((tmp_path / SPEEDS).read_bytes()) == speeds
    assert (tmp_path / QUALITY).read_bytes().startswith(b"\x89PNG")


def test_a_metric_that_counts_nothing_is_drawn_at_the_bottom(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        scheme_speed, "quality_picture", lambda points, *_: drawn.extend(points) or b""
    )
    empty = {
        **loss("F16", 1, 0.0),
        "metrics": {"overall_f1": {"value": None, "interval": None}},
    }
    write_quality(tmp_path, [empty], speeds_of(F16=1.0), "F16")
    assert drawn[0].value == 0.0
    assert drawn[0].interval is None
