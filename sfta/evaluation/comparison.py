"""Two reports side by side, for `sfta compare`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.results import SCHEMA
from sfta_edge.errors import ConfigError, IntegrityError

# What two reports must share, or a difference says nothing about the model.
_CONDITIONS = ("questions_sha256", "top_k", "max_answer_tokens")


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one arm, in both reports."""

    arm: str
    metric: str
    label: str
    first: float | None
    second: float | None
    difference: float | None
    """Second minus first; None if one of them is not measured."""
    clear: bool
    """The two intervals do not overlap. Stricter than a paired test, which two reports that
    were made apart do not allow."""
    better: bool | None
    """Whether the second is better; None if equal or not measured."""


@dataclass(frozen=True, slots=True)
class ReportComparison:
    """What changed from the first report to the second."""

    changes: tuple[Change, ...]
    """By arm, then in the order of the metrics."""
    notes: tuple[str, ...]
    """Why the comparison may be unfair; empty: same questions, same conditions."""


def read_report(path: Path) -> dict[str, Any]:
    """The content of report.json, of the file itself or of a report folder.

    Raises:
        ConfigError: there is no report.
        IntegrityError: the file is no report of this version.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"there is no report at {file}: {error.strerror}",
            hint="Name a report folder, as `sfta evaluate` prints it, or its report.json.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{file} is not a report: {error}") from error
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        raise IntegrityError(f"{file} is not a report with the schema {SCHEMA}")
    return report


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> ReportComparison:
    """Metrics of every arm that both reports have.

    Raises:
        ConfigError: no arm is in both.
    """
    shared = [name for name in first["arms"] if name in second["arms"]]
    if not shared:
        raise ConfigError("the two reports have no arm in common")
    changes = [
        _change(name, metric.key, first["arms"][name], second["arms"][name])
        for name in shared
        for metric in METRICS
    ]
    return ReportComparison(tuple(changes), tuple(_notes(first, second)))


def _change(arm: str, key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Change:
    metric = next(metric for metric in METRICS if metric.key == key)
    before, after = one["metrics"].get(key), other["metrics"].get(key)
    if before is None or after is None:
        return Change(arm, key, metric.label, before, after, None, clear=False, better=None)
    gap = round(after - before, 6)
    (low, high), (low_after, high_after) = one["intervals"][key], other["intervals"][key]
    return Change(
        arm,
        key,
        metric.label,
        before,
        after,
        gap,
        clear=low_after > high or high_after < low,
        better=None if gap == 0 else (gap > 0) == metric.higher_is_better,
    )


def _notes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    notes = []
    for key in _CONDITIONS:
        one, other = first["settings"].get(key), second["settings"].get(key)
        if one != other:
            notes.append(f"{key.replace('_', ' ')} differs: {one} and {other}")
    left, right = set(first["arms"]), set(second["arms"])
    notes += [f"only the first report has the arm {name}" for name in sorted(left - right)]
    notes += [f"only the second report has the arm {name}" for name in sorted(right - left)]
    return notes
