"""Dots with intervals, one named row each: the parts that figures are made of."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sfta.evaluation.config import BASE, TRAINED
from sfta.evaluation.themes import Theme

_INCHES_WIDE = 5.2
_ROW, _TITLE, _AXIS = 0.2, 0.3, 0.5  # inches
_DPI = 192
_LONGEST_LABEL = 34
_MARKERS = {"rag": "o", "few_shot": "s", "closed": "D", "oracle": "^"}


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a figure."""

    label: str
    value: float | None
    """None: not measured, and said so."""
    interval: Sequence[float] | None
    colour: str
    marker: str
    filled: bool = True


def marked(theme: Theme, name: str, every: Sequence[str]) -> tuple[str, str]:
    """Colour of an arm's model, and marker of what it is given."""
    model, _, context = name.partition("_")
    others = list(dict.fromkeys(arm.partition("_")[0] for arm in every))
    others = [other for other in others if other not in (BASE, TRAINED)]
    if model in others:
        colour = theme.series[2 + others.index(model) % (len(theme.series) - 2)]
    else:
        colour = theme.series[model == TRAINED]
    return colour, _MARKERS.get(context, "o")


def blank(
    theme: Theme, rows: Sequence[float], *, title: bool = True
) -> tuple[Figure, list[Axes]]:
    """One panel below the other, as high as their numbers of rows."""
    heights = [_ROW * (count + 0.6) + (_TITLE if title else 0.0) for count in rows]
    figure = Figure(figsize=(_INCHES_WIDE, sum(heights) + _AXIS), layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor(theme.paper)
    panels = figure.subplots(len(rows), 1, sharex=True, height_ratios=heights, squeeze=False)
    for axes in panels[:, 0]:
        axes.set_facecolor(theme.paper)
        axes.set_axisbelow(True)
        axes.tick_params(colors=theme.ink, labelsize=9, length=0)
        axes.xaxis.label.set_size(9)
        axes.grid(visible=True, axis="x", color=theme.faint, linewidth=0.6)
        for name, spine in axes.spines.items():
            spine.set_visible(name == "bottom")
            spine.set_color(theme.faint)
    return figure, list(panels[:, 0])


def draw_dots(
    axes: Axes, dots: Sequence[Dot], theme: Theme, *, title: str = "", zero: bool = False
) -> None:
    """Rows from the top down; `zero` draws the line of no difference and signs the values."""
    for place, dot in enumerate(dots):
        beside = "n/a"
        if dot.value is not None:
            beside = f"{dot.value:+.2f}" if zero else f"{dot.value:.2f}"
            if dot.interval is not None:
                axes.plot(dot.interval, [place, place], color=dot.colour, linewidth=2)
            axes.plot(
                [dot.value],
                [place],
                dot.marker,
                color=dot.colour,
                markersize=6.5,
                markerfacecolor=dot.colour if dot.filled else theme.paper,
                clip_on=False,
            )
        axes.annotate(
            beside.replace("-", "\u2212"),
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=theme.ink,
        )
    if zero:
        axes.axvline(0.0, color=theme.ink, linewidth=1, zorder=1)
    if title:
        axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold", color=theme.ink)
    axes.set_yticks(range(len(dots)), [shorten(dot.label) for dot in dots])
    axes.set_ylim(len(dots) - 0.4, -0.6)


def draw_legend(figure: Figure, theme: Theme, series: Mapping[str, tuple[str, str]]) -> None:
    """Names under the picture, two in a line."""
    lines = [
        Line2D([], [], color=colour, marker=marker, linewidth=1.8, label=shorten(label))
        for label, (colour, marker) in series.items()
    ]
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=2 if len(lines) > 1 else 1,
        frameon=False,
        fontsize=8.5,
        labelcolor=theme.ink,
    )


def shorten(label: str) -> str:
    """A label that fits beside a picture; a dollar sign is no formula."""
    cut = (
        label
        if len(label) <= _LONGEST_LABEL
        else f"{label[: _LONGEST_LABEL - 1].rstrip()}\u2026"
    )
    return cut.replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """The picture as a file, without the name of the program that drew it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
