"""Figures of the report, as PNG bytes: the same numbers give the same bytes.

Loaded only when a report is written, because matplotlib is heavy.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sfta.evaluation.aggregate import BY_KEY

_SHOWN = ("token_f1", "contains", "overall_f1", "refusal_f1", "quote_validity")
_INCHES_WIDE = 7.6


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one appearance."""

    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]


# Okabe and Ito's palette: told apart with any colour vision, and in print by lightness.
THEMES: Mapping[str, Theme] = {
    "light": Theme(
        "#ffffff", "#1f2328", "#d8dee4", ("#8c959f", "#0072b2", "#e69f00", "#009e73")
    ),
    "dark": Theme(
        "#161b22", "#e6edf3", "#30363d", ("#6e7681", "#56b4e9", "#e69f00", "#2fbf97")
    ),
}


def figures(
    report: Mapping[str, Any], milliseconds: Mapping[str, Sequence[float]], theme: Theme
) -> dict[str, bytes]:
    """Every figure by name: metrics, differences, slices, latency."""
    # A matplotlibrc of this machine must not change the picture.
    with style.context("default"):
        drawn = {
            "metrics": _metrics(report, theme),
            "differences": _differences(report, theme) if report["differences"] else None,
            "slices": _slices(report, theme),
            "latency": _latency(report, milliseconds, theme)
            if any(milliseconds.values())
            else None,
        }
        return {name: _png(figure) for name, figure in drawn.items() if figure is not None}


def _metrics(report: Mapping[str, Any], theme: Theme) -> Figure:
    keys = [
        key
        for key in _SHOWN
        if any(arm["metrics"][key] is not None for arm in report["arms"].values())
    ]
    figure, axes = _blank(theme, height=3.1)
    bars = [
        (arm["label"], [(arm["metrics"][k], arm["intervals"][k]) for k in keys])
        for arm in report["arms"].values()
    ]
    _grouped(axes, [BY_KEY[key].label for key in keys], bars, theme)
    return figure


def _slices(report: Mapping[str, Any], theme: Theme) -> Figure | None:
    rows = [row for row in report["slices"] if row["by"] == "kind"]
    if len(rows) < 2:
        return None
    figure, axes = _blank(theme, height=3.1)
    bars = []
    for name, arm in report["arms"].items():
        cells = [row["arms"][name] for row in rows]
        bars.append((arm["label"], [(c["value"], [c["low"], c["high"]]) for c in cells]))
    labels = [f"{row['name'].replace('_', ' ')} (n = {row['n']})" for row in rows]
    _grouped(axes, labels, bars, theme)
    axes.set_ylabel("Overall F1", color=theme.ink)
    return figure


def _differences(report: Mapping[str, Any], theme: Theme) -> Figure:
    keys = [
        key
        for key in ("token_f1", "contains", "overall_f1", "refusal_f1", "f1_gr")
        if report["differences"][key]["value"] is not None
    ]
    figure, axes = _blank(theme, height=0.7 + 0.42 * max(len(keys), 1))
    for place, key in enumerate(reversed(keys)):
        found = report["differences"][key]
        low, high = found["interval"]
        clear = low > 0 or high < 0
        colour = theme.series[1] if clear else theme.series[0]
        axes.plot([low, high], [place, place], color=colour, linewidth=2.5)
        axes.plot([found["value"]], [place], "o", color=colour, markersize=7)
    axes.axvline(0.0, color=theme.ink, linewidth=1)
    axes.set_yticks(range(len(keys)), [BY_KEY[key].label for key in reversed(keys)])
    axes.set_ylim(-0.6, len(keys) - 0.4)
    axes.set_xlabel("trained model minus base model, 95 % interval", color=theme.ink)
    axes.grid(visible=True, axis="x", color=theme.faint, linewidth=0.6)
    return figure


def _latency(
    report: Mapping[str, Any], milliseconds: Mapping[str, Sequence[float]], theme: Theme
) -> Figure:
    figure, axes = _blank(theme, height=2.6)
    arms = [name for name in report["arms"] if milliseconds.get(name)]
    seconds = [[ms / 1000 for ms in milliseconds[name]] for name in arms]
    axes.hist(
        seconds,
        bins=20,
        label=[report["arms"][name]["label"] for name in arms],
        color=_colours(theme, len(arms)),
    )
    axes.set_xlabel("seconds from question to last token", color=theme.ink)
    axes.set_ylabel("questions", color=theme.ink)
    _legend(axes, theme)
    return figure


def _grouped(
    axes: Axes,
    labels: Sequence[str],
    arms: Sequence[tuple[str, Sequence[tuple[float | None, Sequence[float] | None]]]],
    theme: Theme,
) -> None:
    """Bars with intervals, one group per label, one bar per arm; unmeasured ones are left out."""
    width = 0.8 / max(len(arms), 1)
    for index, (label, cells) in enumerate(arms):
        bars = [
            (place + (index - (len(arms) - 1) / 2) * width, value, interval)
            for place, (value, interval) in enumerate(cells)
            if value is not None and interval is not None
        ]
        heights = [value for _, value, _ in bars]
        below = [max(0.0, value - interval[0]) for _, value, interval in bars]
        above = [max(0.0, interval[1] - value) for _, value, interval in bars]
        axes.bar(
            [place for place, _, _ in bars],
            heights,
            width * 0.92,
            yerr=[below, above],
            label=label,
            color=theme.series[index % len(theme.series)],
            ecolor=theme.ink,
            capsize=3,
            error_kw={"linewidth": 1},
        )
    axes.set_xticks(range(len(labels)), [fill(label, 18) for label in labels])
    axes.set_ylim(0.0, 1.05)
    axes.grid(visible=True, axis="y", color=theme.faint, linewidth=0.6)
    _legend(axes, theme)


def _blank(theme: Theme, *, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_INCHES_WIDE, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor(theme.paper)
    axes = figure.add_subplot()
    axes.set_facecolor(theme.paper)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.ink, labelsize=9, length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(theme.faint)
    return figure, axes


def _legend(axes: Axes, theme: Theme) -> None:
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        frameon=False,
        fontsize=9,
        labelcolor=theme.ink,
    )


def _colours(theme: Theme, count: int) -> list[str]:
    return [theme.series[index % len(theme.series)] for index in range(count)]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without this matplotlib writes its version into the file.
    figure.savefig(buffer, format="png", dpi=144, metadata={"Software": None})
    return buffer.getvalue()
