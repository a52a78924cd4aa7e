"""Figures of the report, as PNG bytes: the same numbers give the same bytes.

Dots with intervals, each beside its own name: ten arms can be told apart without colour, and the
picture is narrow enough for a phone. Loaded only when a report is written, because matplotlib is
heavy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure

from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.config import BASELINE, CANDIDATE
from sfta.evaluation.dots import Dot, blank, draw_dots, draw_legend, marked, png, shorten
from sfta.evaluation.themes import THEMES, Theme

__all__ = ["THEMES", "Theme", "figures"]

_SHOWN = ("token_f1", "overall_f1", "refusal_f1", "quote_validity", "contains")
_GAINED = ("token_f1", "contains", "overall_f1", "refusal_f1", "f1_gr")
_MANY_ARMS = 4
"""Above this, what helps least is left out of a figure; the tables have it all."""


def figures(
    report: Mapping[str, Any], milliseconds: Mapping[str, Sequence[float]], theme: Theme
) -> dict[str, bytes]:
    """Every figure by name: metrics, differences, against, slices, latency."""
    # A matplotlibrc of this machine must not change the picture.
    with style.context("default"):
        drawn = {
            "metrics": _metrics(report, theme),
            "differences": _differences(report, theme),
            "against": _against(report, theme),
            "slices": _slices(report, theme),
            "latency": _latency(report, milliseconds, theme),
        }
        return {name: png(figure) for name, figure in drawn.items() if figure is not None}


def slice_arms(report: Mapping[str, Any]) -> list[str]:
    """Arms in the figure of the slices: the two of the gates and the best of the others."""
    arms = report["arms"]

    def rank(name: str) -> tuple[bool, float]:
        return name not in (BASELINE, CANDIDATE), -(arms[name]["metrics"]["overall_f1"] or 0.0)

    best = sorted(arms, key=rank)[:_MANY_ARMS]
    return [name for name in arms if name in best]


def _metrics(report: Mapping[str, Any], theme: Theme) -> Figure:
    arms = report["arms"]
    keys = [
        key
        for key in _SHOWN[: 4 if len(arms) > _MANY_ARMS else 5]
        if any(arm["metrics"][key] is not None for arm in arms.values())
    ]
    figure, panels = blank(theme, [len(arms)] * max(len(keys), 1))
    for axes, key in zip(panels, keys, strict=False):
        dots = [
            Dot(
                arm["label"],
                arm["metrics"][key],
                arm["intervals"][key],
                *marked(theme, name, list(arms)),
            )
            for name, arm in arms.items()
        ]
        draw_dots(axes, dots, theme, title=BY_KEY[key].label)
        axes.set_xlim(-0.02, 1.02)
    return figure


def _differences(report: Mapping[str, Any], theme: Theme) -> Figure | None:
    gained = report["differences"]
    keys = [key for key in _GAINED if gained and gained[key]["value"] is not None]
    if not keys:
        return None
    figure, (axes,) = blank(theme, [len(keys)], title=False)
    dots = [_gain(BY_KEY[key].label, gained[key], theme) for key in keys]
    draw_dots(axes, dots, theme, zero=True)
    axes.set_xlabel("trained model minus base model, 95 % interval", color=theme.ink)
    return figure


def _against(report: Mapping[str, Any], theme: Theme) -> Figure | None:
    others = report.get("against", {})
    if len(others) < 2:
        return None
    keys = ("token_f1", "refusal_f1")
    figure, panels = blank(theme, [len(others)] * len(keys))
    for axes, key in zip(panels, keys, strict=True):
        dots = [_gain(o["label"], o["differences"][key], theme) for o in others.values()]
        draw_dots(axes, dots, theme, title=BY_KEY[key].label, zero=True)
    panels[-1].set_xlabel("trained model minus the other, 95 % interval", color=theme.ink)
    return figure


def _gain(label: str, found: Mapping[str, Any], theme: Theme) -> Dot:
    """Filled where the interval leaves out zero."""
    clear = found["interval"] and (found["interval"][0] > 0 or found["interval"][1] < 0)
    colour = theme.series[1] if clear else theme.series[0]
    return Dot(label, found["value"], found["interval"], colour, "o", filled=bool(clear))


def _slices(report: Mapping[str, Any], theme: Theme) -> Figure | None:
    rows = [row for row in report["slices"] if row["by"] == "kind"]
    if len(rows) < 2:
        return None
    names = slice_arms(report)
    figure, (axes,) = blank(theme, [len(rows) * (1 + len(names)) * 0.55], title=False)
    series = {name: marked(theme, name, list(report["arms"])) for name in names}
    step = 1 / (1 + len(names))
    for index, name in enumerate(names):
        for place, row in enumerate(rows):
            cell, at = row["arms"][name], place + (index + 1) * step
            if cell["value"] is None or cell["low"] is None:
                continue
            colour, marker = series[name]
            axes.plot([cell["low"], cell["high"]], [at, at], color=colour, linewidth=1.8)
            axes.plot([cell["value"]], [at], marker, color=colour, markersize=5.5)
    labels = [shorten(f"{row['name'].replace('_', ' ')}, n = {row['n']}") for row in rows]
    axes.set_yticks([place + 0.5 for place in range(len(rows))], labels)
    for place in range(1, len(rows)):
        axes.axhline(place, color=theme.faint, linewidth=0.6)
    axes.set_ylim(len(rows), 0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("overall F1", color=theme.ink)
    draw_legend(figure, theme, {report["arms"][name]["label"]: series[name] for name in names})
    return figure


def _latency(
    report: Mapping[str, Any], milliseconds: Mapping[str, Sequence[float]], theme: Theme
) -> Figure | None:
    arms = [name for name in report["arms"] if milliseconds.get(name)]
    if not arms:
        return None
    figure, (axes,) = blank(theme, [len(arms)], title=False)
    for place, name in enumerate(arms):
        colour, marker = marked(theme, name, list(report["arms"]))
        seconds = sorted(ms / 1000 for ms in milliseconds[name])
        axes.plot(seconds, [place] * len(seconds), "|", color=colour, markersize=9)
        middle = (seconds[(len(seconds) - 1) // 2] + seconds[len(seconds) // 2]) / 2
        axes.plot([middle], [place], marker, color=colour, markersize=6.5)
    every = [ms for name in arms for ms in milliseconds[name]]
    if min(every) > 0 and max(every) > 20 * min(every):
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0.0)
    axes.set_yticks(range(len(arms)), [shorten(report["arms"][n]["label"]) for n in arms])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_xlabel("seconds from question to last token", color=theme.ink)
    return figure
