"""The picture of what a number format costs: quality over size, with the speed of each file."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from sfta.evaluation.themes import THEMES, Theme

_SMALL, _LARGE = 150.0, 520.0  # areas from standstill to the fastest, in square points


@dataclass(frozen=True, slots=True)
class QualityPoint:
    """One file of the model."""

    name: str
    """Of the scheme, as in Q4_K_M."""
    megabytes: float
    value: float
    """Of the metric."""
    interval: Sequence[float] | None = None
    tokens_per_second: float | None = None
    """Of writing an answer; None: not measured."""
    marked: bool = False
    """It has measurably lost something against 16 bits."""
    chosen: bool = False
    """It is the one that ships."""


def quality_picture(points: Sequence[QualityPoint], metric: str, machine: str = "") -> bytes:
    """A PNG: size from left to right, quality upwards with its interval, speed as area and words.

    Args:
        points: one file or more; the order does not matter.
        metric: what `value` is, as it is called on the axis.
        machine: where the speeds were measured.

    Raises:
        ValueError: there is no point.
    """
    if not points:
        raise ValueError("there is no file to draw")
    # Loaded here because matplotlib takes seconds.
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    theme = THEMES["light"]
    ordered = sorted(points, key=lambda point: (point.megabytes, point.name))
    with style.context("default"):
        figure = Figure(figsize=(7.6, 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, color=theme.faint, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9)
        axes.set_xlabel("size of the file, MB", fontsize=9)
        axes.set_ylabel(f"{metric}, 95 % interval", fontsize=9)
        axes.set_title(_explanation(ordered, machine), loc="left", fontsize=8.5)
        _draw(axes, ordered, theme)
        _list(axes, ordered, theme)
        png = io.BytesIO()
        # Without this matplotlib writes its version into the file.
        figure.savefig(png, format="png", dpi=144, metadata={"Software": None})
    return png.getvalue()


def _draw(axes: Any, points: Sequence[QualityPoint], theme: Theme) -> None:
    """Numbered dots; the largest first, so that it hides no other."""
    fastest = max(point.tokens_per_second or 0.0 for point in points)
    numbered = sorted(enumerate(points, 1), key=lambda one: -(one[1].tokens_per_second or 0.0))
    for place, (number, point) in enumerate(numbered, 3):
        colour = theme.series[5 if point.marked else 1]
        if point.interval is not None:
            axes.plot(
                [point.megabytes] * 2, list(point.interval), color=colour, linewidth=2, zorder=2
            )
        share = (point.tokens_per_second or 0.0) / fastest if fastest else 0.0
        axes.scatter(
            [point.megabytes],
            [point.value],
            s=_SMALL + (_LARGE - _SMALL) * share,
            color=colour,
            edgecolors=theme.ink if point.chosen else theme.paper,
            linewidths=2.0 if point.chosen else 0.8,
            marker="s" if point.marked else "o",
            zorder=place,
        )
        axes.annotate(
            str(number),
            (point.megabytes, point.value),
            ha="center",
            va="center_baseline",
            fontsize=8.5,
            fontweight="bold",
            color=theme.paper,
            zorder=place,
        )
    axes.margins(x=0.12, y=0.1)


def _list(axes: Any, points: Sequence[QualityPoint], theme: Theme) -> None:
    """Beside the picture, what each number is."""
    for number, point in enumerate(points, 1):
        said = f"{number}  {point.name}"
        said += ", ships" if point.chosen else ""
        said += ", loses" if point.marked else ""
        facts = [f"{point.megabytes:.0f} MB"]
        if point.tokens_per_second is not None:
            facts.append(f"{point.tokens_per_second:.1f} tokens/s")
        axes.annotate(
            f"{said}\n    {', '.join(facts)}".replace("$", r"\$"),
            (1.03, 1.0 - (number - 1) / max(len(points), 8)),
            xycoords="axes fraction",
            va="top",
            fontsize=8.5,
            color=theme.ink,
            fontweight="bold" if point.chosen else "normal",
        )


def _explanation(points: Sequence[QualityPoint], machine: str) -> str:
    said = []
    if any(point.tokens_per_second is not None for point in points):
        said.append(f"Larger dots write faster{f' ({machine})' if machine else ''}.")
    if any(point.marked for point in points):
        said.append("A square has measurably lost something against 16 bits.")
    return fill(" ".join(said), 100).replace("$", r"\$")
