"""Pictures of the robustness: a curve where something grows, dots with intervals elsewhere.

They look like the figures of the report. Loaded only when one is drawn: matplotlib is heavy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sfta.evaluation.dots import Dot, blank, draw_dots, draw_legend, marked, png
from sfta.evaluation.robustness.outcomes import BY_KEY
from sfta.evaluation.themes import THEMES, Theme

_AXES = {
    "distractors": "distractors beside the oracle chunk",
    "position": "place of the oracle chunk",
}
_PANEL_ROWS = 5.0
_APART = (
    0.06  # of the horizontal range, so that the intervals of two arms do not cover each other
)


def picture(
    probe: Mapping[str, Any], labels: Mapping[str, str], theme: Theme | None = None
) -> bytes:
    """One probe as PNG bytes.

    Args:
        probe: as `findings.find` gives it.
        labels: what the arms are called, by name.
        theme: colours; none: the light ones.
    """
    theme = theme or THEMES["light"]
    keys = list(next(iter(probe["conditions"][0]["arms"].values()))["figures"])
    # A matplotlibrc of this machine must not change the picture.
    with style.context("default"):
        draw = _curves if probe["name"] in _AXES else _dots
        return png(draw(probe, labels, keys, theme))


def _curves(
    probe: Mapping[str, Any], labels: Mapping[str, str], keys: Sequence[str], theme: Theme
) -> Figure:
    figure, panels = blank(theme, [_PANEL_ROWS] * len(keys))
    for axes, key in zip(panels, keys, strict=True):
        axes.set_title(
            BY_KEY[key].label, loc="left", fontsize=9.5, fontweight="bold", color=theme.ink
        )
        for number, arm in enumerate(labels):
            _curve(axes, probe, (arm, key), marked(theme, arm, list(labels)), number)
        axes.set_ylim(-0.02, 1.02)
        axes.set_yticks([0.0, 0.5, 1.0])
        axes.grid(visible=True, axis="y", color=theme.faint, linewidth=0.6)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel(_AXES[probe["name"]], color=theme.ink)
    draw_legend(figure, theme, _series(labels, theme))
    return figure


def _curve(
    axes: Axes,
    probe: Mapping[str, Any],
    shown: tuple[str, str],
    look: tuple[str, str],
    number: int,
) -> None:
    """One arm's line, each point with its interval."""
    (arm, key), (colour, marker) = shown, look
    asked = [
        (one["x"], one["arms"][arm]["figures"][key])
        for one in probe["conditions"]
        if one["arms"][arm]["figures"][key]["value"] is not None
    ]
    xs = [x + number * _APART for x, _ in asked]
    axes.plot(xs, [f["value"] for _, f in asked], color=colour, marker=marker,
              markersize=4.5, linewidth=1.6)  # fmt: skip
    for x, (_, found) in zip(xs, asked, strict=True):
        axes.plot([x, x], found["interval"], color=colour, linewidth=1.2, alpha=0.6)


def _dots(
    probe: Mapping[str, Any], labels: Mapping[str, str], keys: Sequence[str], theme: Theme
) -> Figure:
    """A row for each condition and arm, a panel for each figure."""
    rows = [(one, arm) for one in probe["conditions"] for arm in labels]
    figure, panels = blank(theme, [len(rows)] * len(keys))
    for axes, key in zip(panels, keys, strict=True):
        dots = []
        for one, arm in rows:
            found = one["arms"][arm]["figures"][key]
            first = arm == next(iter(labels))
            look = marked(theme, arm, list(labels))
            name = one["name"] if first else ""
            dots.append(Dot(name, found["value"], found["interval"], *look))
        draw_dots(axes, dots, theme, title=BY_KEY[key].label)
        axes.set_xlim(-0.02, 1.02)
    draw_legend(figure, theme, _series(labels, theme))
    return figure


def _series(labels: Mapping[str, str], theme: Theme) -> dict[str, tuple[str, str]]:
    return {label: marked(theme, arm, list(labels)) for arm, label in labels.items()}
