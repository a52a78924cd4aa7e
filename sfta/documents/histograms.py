"""How long chunks are and how many a document has, as pictures: the same numbers, the same bytes.

Loaded only when a corpus is written, because matplotlib is heavy.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sfta.documents.quantiles import percentile

_BINS = 24
_BARS = "#0b4f6c"
_MARK = "#a4161a"
_INK = "#1f2328"


def draw_lengths(lengths: Sequence[int], most: int, path: Path) -> None:
    """Histogram of chunk lengths in tokens, with median, 95th percentile and limit."""
    with style.context("default"):
        figure, axes = _figure()
        axes.hist(lengths, bins=_BINS, range=(0, most), color=_BARS, edgecolor="white")
        marks = [(percentile(lengths, 50), "median"), (percentile(lengths, 95), "95 %")]
        for number, (value, name) in enumerate([*marks, (most, "limit")]):
            limit = name == "limit"
            axes.axvline(value, color=_MARK if limit else _INK, linestyle="--", linewidth=1)
            # One above the other: on a short axis the marks stand close together.
            axes.annotate(
                f"{name} {value} ",
                (value, 1.02 + 0.07 * number),
                xycoords=("data", "axes fraction"),
                ha="right",
                fontsize=8,
                color=_MARK if limit else _INK,
            )
        axes.set_xlabel("tokens of a chunk")
        axes.set_ylabel("chunks")
        _write(figure, path)


def draw_counts(counts: Sequence[int], path: Path) -> None:
    """Histogram of the number of chunks per document."""
    with style.context("default"):
        figure, axes = _figure()
        highest = max(counts)
        width = max(1, -(-(highest + 1) // _BINS))
        edges = [start - 0.5 for start in range(0, highest + width + 1, width)]
        axes.hist(counts, bins=edges, color=_BARS, edgecolor="white")
        axes.set_xlabel("chunks of a document")
        axes.set_ylabel("documents")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(
            f"{len(counts)} documents, median {percentile(counts, 50)}, most {highest}",
            fontsize=9,
            loc="left",
        )
        _write(figure, path)


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 3.4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _write(figure: Figure, path: Path) -> None:
    # Without this the file names the version of the plotting library.
    figure.savefig(path, metadata={"Software": None})
