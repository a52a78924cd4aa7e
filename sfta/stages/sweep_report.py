"""What a sweep has found: one table and one picture, written anew after every trial."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfta.evaluation.aggregate import BY_KEY
from sfta.stages.sweep import Trial, Tried
from sfta_edge.manifest import write_durably

TABLE, PICTURE = "trials.csv", "trials.png"
_PANEL_INCHES = (3.6, 3.4)
_SPREAD = 0.5  # of the room between two values


def lower_is_better(metric: str) -> bool:
    """Whether a smaller figure is the better one."""
    return metric not in BY_KEY or not BY_KEY[metric].higher_is_better


def ranked(tried: Sequence[Tried], metric: str) -> list[Tried]:
    """Best first; of equals the one that was tried first; trials without a figure last."""
    sign = 1.0 if lower_is_better(metric) else -1.0
    return sorted(tried, key=lambda one: (one.figure is None, sign * (one.figure or 0.0)))


def write_sweep(
    out: Path, trials: Sequence[Trial], tried: Sequence[Tried], metric: str
) -> None:
    """Write the table, as CSV and JSON lines, and the picture of all trials so far."""
    out.mkdir(parents=True, exist_ok=True)
    keys = sorted(trials[0].values)
    rows = [_row(one, keys, metric) for one in ranked(tried, metric)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_durably(out / TABLE, text.getvalue().encode())
    lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    write_durably(out / "trials.jsonl", lines.encode())
    write_durably(out / PICTURE, _picture(tried, keys, metric))


def _row(one: Tried, keys: Sequence[str], metric: str) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    found = {metric: one.figure, "low": low, "high": high}
    place = {"artifact": str(one.artifact or ""), "problem": one.problem}
    return {**{key: one.values[key] for key in keys}, **found, **place}


def _picture(tried: Sequence[Tried], keys: Sequence[str], metric: str) -> bytes:
    """A panel for each setting: the figure of every trial over its value."""
    # Loaded here because matplotlib takes seconds.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide, high = _PANEL_INCHES
    figure = Figure(figsize=(wide * len(keys), high), layout="constrained")
    panels = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    known = [one for one in ranked(tried, metric) if one.figure is not None]
    for key, axes in zip(keys, panels, strict=True):
        names = sorted({str(one.values[key]): one.values[key] for one in tried}.items(),
                       key=lambda item: _order(item[1]))  # fmt: skip
        for place, (name, _) in enumerate(names):
            here = [one for one in known if str(one.values[key]) == name]
            for turn, one in enumerate(here):
                # Beside one another, or their intervals would hide each other.
                across = place + (turn - (len(here) - 1) / 2) * _SPREAD / len(here)
                _mark(axes, across, one, best=one is known[0])
        axes.set_xticks(range(len(names)), [name for name, _ in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_xlabel(key)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(metric.replace("_", " "))
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": "sfta"})  # type: ignore[no-untyped-call]
    return png.getvalue()


def _mark(axes: Any, place: float, one: Tried, *, best: bool) -> None:
    colour = "#c1440e" if best else "#1f4e8c"
    if one.interval is not None:
        axes.plot([place, place], one.interval, color=colour, alpha=0.35, linewidth=1.5)
    axes.plot([place], [one.figure], "o", color=colour, markersize=8 if best else 5)


def _order(value: Any) -> tuple[int, Any]:
    """Numbers by size, before texts."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 0, value
    return 1, str(value)
