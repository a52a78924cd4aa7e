"""The rungs of a parity ladder in their order, and the table of them."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from sfta.evaluation.scheme_loss import COMPARED

Facts = Mapping[str, Any]
_PARITY = ("mean_kl", "top1", "greedy")
_ADAPTER = "adapter"


def rungs_in_order(
    parity: Sequence[Facts], measured: Sequence[Facts]
) -> list[tuple[str, Facts | None, Facts | None]]:
    """Name, parity and figures of the task of each rung, from the adapter down.

    Args:
        parity: rungs of a parity.json.
        measured: what `scheme_loss.losses` gives. The merged model, which all are held against,
            is here and has no parity: it stands below the adapter it was made of.
    """
    figures = {one["scheme"]: one for one in measured}
    rows: list[tuple[str, Facts | None, Facts | None]] = [
        (rung["scheme"], rung, figures.pop(rung["scheme"], None)) for rung in parity
    ]
    below = sum(name.startswith(_ADAPTER) for name, *_ in rows)
    rows[below:below] = [(name, None, one) for name, one in figures.items()]
    return rows


def table(parity: Sequence[Facts], measured: Sequence[Facts]) -> str:
    """CSV with a line for each rung; cells without a figure are empty."""
    text = io.StringIO()
    names = [name for key in COMPARED for name in (key, f"{key}_change", f"{key}_interval")]
    columns = ["rung", "bytes", *_PARITY, "questions", *names, "lost"]
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for name, rung, one in rungs_in_order(parity, measured):
        row = {"rung": name} | ({key: rung[key] for key in _PARITY} if rung else {})
        writer.writerow(row | (_figures(one) if one else {}))
    return text.getvalue()


def _figures(one: Facts) -> dict[str, Any]:
    row = {"bytes": one["size"], "questions": one["questions"], "lost": " ".join(one["lost"])}
    for key in COMPARED:
        change = one["differences"].get(key, {"value": "", "interval": ""})
        row |= {
            key: one["metrics"][key]["value"],
            f"{key}_change": change["value"],
            f"{key}_interval": change["interval"],
        }
    return row
