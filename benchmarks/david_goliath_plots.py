"""Pictures of `david_goliath.py`: cosine by arm with its floor, and the lengths of the chunks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sfta.documents.quantiles import percentile

_BINS = 24
_INK, _DARK, _LIGHT = "#1f2328", "#0b4f6c", "#c9d1d9"
_ACCENT = "#b86e00"
_BARS = (
    ("cosine", "cosine", _DARK),
    ("floor", "highest floor: what says nothing reaches it", _LIGHT),
    ("above_floor", "above the floor, of what is left to 1", _ACCENT),
)
_HEIGHT = 0.26
Figures = Mapping[str, Mapping[str, Any]]


def draw_cosine(found: Mapping[str, Figures], path: Path) -> None:
    """One panel for each corpus; three bars for each arm, with intervals where there are any."""
    with style.context("default"):
        arms = [len(figures) for figures in found.values()]
        figure, panels = _blank(len(found), 1, (7.5, 0.9 + 0.62 * sum(arms)), arms)
        for axes, (name, figures) in zip(panels, found.items(), strict=True):
            for turn, (key, label, colour) in enumerate(_BARS):
                places = [place + (turn - 1) * _HEIGHT for place in range(len(figures))]
                _bars(axes, places, [arm[key] for arm in figures.values()], label, colour)
            axes.set_yticks(range(len(figures)), list(figures))
            axes.invert_yaxis()
            axes.axvline(0, color=_INK, linewidth=0.8)
            axes.set_title(f"{name} paper" + "s" * (name == "joint"), loc="left", fontsize=10)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", fontsize=8, frameon=False)
        _write(figure, path)


def _bars(
    axes: Axes, places: Sequence[float], values: Sequence[Any], label: str, colour: str
) -> None:
    widths = [value or 0.0 for value, _ in values]
    axes.barh(places, widths, _HEIGHT * 0.92, label=label, color=colour)
    for place, (value, interval) in zip(places, values, strict=True):
        if interval:
            axes.plot(interval, [place, place], color=_INK, linewidth=1.2)
        told = "n/a" if value is None else f"{value:.2f}"
        end = max([0.0, value or 0.0, *(interval or ())])
        axes.annotate(f" {told}", (end, place), va="center", fontsize=7, color=_INK)


def draw_chunks(chunks: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Histograms: a row for each corpus, characters beside tokens."""
    with style.context("default"):
        figure, panels = _blank(len(chunks), 2, (7.5, 2.5 * len(chunks)))
        for row, (name, found) in enumerate(chunks.items()):
            characters = [len(chunk["text"]) for chunk in found]
            tokens = [int(chunk["tokens"]) for chunk in found]
            for column, (unit, lengths) in enumerate(
                (("characters", characters), ("tokens", tokens))
            ):
                axes = panels[2 * row + column]
                axes.hist(lengths, bins=_BINS, color=_DARK, edgecolor="white")
                middle = percentile(lengths, 50)
                axes.axvline(middle, color=_ACCENT, linestyle="--", linewidth=1.2)
                axes.set_title(
                    f"{name}: {len(lengths)} chunks, median {middle}", loc="left", fontsize=9
                )
                if name == list(chunks)[-1]:
                    axes.set_xlabel(f"{unit} of a chunk", fontsize=9)
                axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            panels[2 * row].set_ylabel("chunks", fontsize=9)
        _write(figure, path)


def _blank(
    rows: int, columns: int, size: tuple[float, float], heights: Sequence[int] | None = None
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, dpi=144, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharex="col", height_ratios=heights)
    panels: list[Axes] = list(grid.flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure, panels


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without this the file names the version of the plotting library.
    figure.savefig(path, metadata={"Software": None})
