"""The picture of a parity ladder: how far each rung is from the model, and what that costs."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.plots import THEMES, Theme

_SMALLEST = 1e-7  # where a logarithm still shows a rung that is equal


def picture(rungs: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG of two panels: divergence of every rung, and change of overall F1 over size.

    Args:
        rungs: of parity.json, from the adapter down.
        found: what `scheme_loss.losses` gives.
    """
    # Loaded here because matplotlib takes seconds.
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    theme = THEMES["light"]
    with style.context("default"):
        lines = max(len(rungs), len(found), 4)
        figure = Figure(figsize=(9.6, 0.9 + 0.42 * lines), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(visible=True, axis="x", color=theme.faint, linewidth=0.6)
            axes.set_axisbelow(True)
            axes.tick_params(length=0, labelsize=9)
        _divergences(left, rungs, theme)
        _changes(right, found, theme)
        png = io.BytesIO()
        # Without this matplotlib writes its version into the file.
        figure.savefig(png, format="png", dpi=144, metadata={"Software": None})
    return png.getvalue()


def _divergences(axes: Any, rungs: Sequence[Mapping[str, Any]], theme: Theme) -> None:
    """From the top down, with the limit that each rung has to keep."""
    places = range(len(rungs) - 1, -1, -1)
    for place, rung in zip(places, rungs, strict=True):
        value, limit = max(rung["mean_kl"], _SMALLEST), rung["tolerance"]["mean_kl"]
        axes.plot([_SMALLEST, value], [place, place], color=theme.series[1], linewidth=5)
        axes.plot([limit, limit], [place - 0.3, place + 0.3], color=theme.ink, linewidth=1)
        axes.annotate(f"{rung['mean_kl']:.2g}", (value, place), xytext=(5, -3),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(_SMALLEST, 20)
    axes.set_yticks(list(places), [rung["scheme"] for rung in rungs])
    axes.set_ylim(-0.6, len(rungs) - 0.4)
    axes.set_xlabel("mean KL from the merged model, nats; lines are limits", fontsize=9)


def _changes(axes: Any, found: Sequence[Mapping[str, Any]], theme: Theme) -> None:
    """Difference to 16 bits with its interval, smallest file below."""
    ordered = sorted(found, key=lambda one: int(one["size"]))
    most = max(int(one["questions"]) for one in found)
    for place, one in enumerate(ordered):
        change = one["differences"].get("overall_f1")
        if change is None or change["value"] is None:
            axes.plot([0.0], [place], "s", color=theme.ink, markersize=6)
            continue
        colour = theme.series[2 if one["lost"] else 3]
        axes.plot(change["interval"], [place, place], color=colour, linewidth=2.5)
        axes.plot([change["value"]], [place], "o", color=colour, markersize=7)
        if one["lost"]:
            names = ", ".join(BY_KEY[key].label.lower() for key in one["lost"])
            axes.annotate(f"loses {names}", (change["value"], place), xytext=(0, 8),
                          textcoords="offset points", fontsize=8, ha="center")  # fmt: skip
    axes.axvline(0.0, color=theme.ink, linewidth=1)
    axes.set_yticks(range(len(ordered)), [_label(one, most) for one in ordered])
    axes.set_ylim(-0.6, len(ordered) - 0.4)
    axes.set_xlabel("change of overall F1 against 16 bits, 95 % interval", fontsize=9)


def _label(one: Mapping[str, Any], most: int) -> str:
    """Name and size; how many questions, if they are not all."""
    few = "" if one["questions"] == most else f", n = {one['questions']}"
    return f"{one['scheme']}, {one['size'] / 1e6:.0f} MB{few}"
