"""The figures as CSV: a line for each probe, condition, arm and figure."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = (
    "probe", "condition", "arm", "figure", "value", "low", "high", "n", "change", "change_low",
    "change_high", "cut",
)  # fmt: skip


def table(probes: Sequence[Mapping[str, Any]]) -> bytes:
    """CSV with a heading; an empty cell was not measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for probe in probes:
        for one in probe["conditions"]:
            for arm, found in one["arms"].items():
                for key, figure in found["figures"].items():
                    change = found.get("changes", {}).get(key, {})
                    writer.writerow(
                        [probe["name"], one["name"], arm, key, *_cells(figure), figure["n"],
                         *_cells(change), found["cut"]]
                    )  # fmt: skip
    return text.getvalue().encode()


def _cells(found: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    low, high = found.get("interval") or ("", "")
    value = found.get("value")
    return ("" if value is None else value, low, high)
