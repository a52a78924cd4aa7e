"""The picture of a comparison of two reports. Loaded only when a page is written."""

from collections.abc import Mapping

from matplotlib import style
from matplotlib.figure import Figure

from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.comparison import MAIN, Change, ReportComparison
from sfta.evaluation.dots import Dot, blank, draw_dots, png
from sfta.evaluation.themes import Theme


def comparison_figure(
    found: ReportComparison, labels: Mapping[str, str], theme: Theme
) -> bytes | None:
    """Changes of the main metrics with their intervals, one row per arm, as a PNG.

    Args:
        found: a comparison; one that is not paired has no intervals, so only dots.
        labels: of the arms by name.
        theme: colours.

    Returns:
        None if no metric was measured in both.
    """
    by_metric = {
        key: [c for c in found.changes if c.metric == key and c.difference is not None]
        for key in MAIN
    }
    shown = {key: changes for key, changes in by_metric.items() if changes}
    if not shown:
        return None
    with style.context("default"):
        return png(_draw(shown, labels, theme))


def _draw(shown: Mapping[str, list[Change]], labels: Mapping[str, str], theme: Theme) -> Figure:
    figure, panels = blank(theme, [len(changes) for changes in shown.values()])
    for axes, (key, changes) in zip(panels, shown.items(), strict=True):
        dots = [_dot(change, labels.get(change.arm, change.arm), theme) for change in changes]
        lower = "" if BY_KEY[key].higher_is_better else " (lower is better)"
        draw_dots(axes, dots, theme, title=f"{BY_KEY[key].label}{lower}", zero=True)
    panels[-1].set_xlabel("second report minus first", color=theme.ink)
    return figure


def _dot(change: Change, label: str, theme: Theme) -> Dot:
    """Filled and in the colour of better or worse, where the change is clear."""
    colour = theme.series[0]
    if change.clear:
        colour = theme.series[3 if change.better else 5]
    return Dot(label, change.difference, change.interval, colour, "o", filled=change.clear)
