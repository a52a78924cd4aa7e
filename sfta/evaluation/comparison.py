"""Two reports side by side, for `sfta compare`.

If both hold the answers to the same questions, the comparison is paired: every resample draws the
same questions for both, as between the arms of one report. Else intervals are compared.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.evaluation.aggregate import BY_KEY, METRICS, Array
from sfta.evaluation.paired_answers import Pairs, drawn, pair_answers
from sfta.evaluation.results import SCHEMA
from sfta.evaluation.spelling import clear
from sfta.evaluation.statistics import Resampling, difference, estimate, mcnemar
from sfta_edge.errors import ConfigError, IntegrityError

# What two reports must share, or a difference says nothing about the model.
_CONDITIONS = ("questions_sha256", "top_k", "max_answer_tokens")
MAIN = ("token_f1", "overall_f1", "refusal_f1", "over_refusal", "quote_validity")
"""Metrics that the summary and the picture show."""
_RESAMPLES, _MOST_RESAMPLES = 5000, 1_000_000


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
    """Paired: the interval of the difference leaves out zero. Else: the two intervals do not
    overlap, which is stricter than a paired test."""
    better: bool | None
    """Whether the second is better; None if equal or not measured."""
    interval: Sequence[float] | None = None
    """Of the difference; None if it is not paired."""


@dataclass(frozen=True, slots=True)
class Right:
    """Right or wrong, question by question; McNemar's exact test."""

    arm: str
    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Turned:
    """A question that is right in one report and wrong in the other."""

    arm: str
    id: str
    question: str
    answers: Sequence[str]
    first: str
    """The output in the first report."""
    second: str
    better: bool
    """It is the second that is right."""


@dataclass(frozen=True, slots=True)
class ReportComparison:
    """What changed from the first report to the second."""

    changes: tuple[Change, ...]
    """By arm, then in the order of the metrics."""
    notes: tuple[str, ...]
    """Why the comparison may be unfair; empty: same questions, same conditions."""
    paired: int = 0
    """Questions that both reports ask; 0: the comparison is not paired."""
    right: tuple[Right, ...] = ()
    """By arm, if paired."""
    turned: tuple[Turned, ...] = ()
    """Some, drawn by a hash of their ids, for each arm."""


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


def compare_reports(first: Path, second: Path, examples: int = 0) -> ReportComparison:
    """Compare two reports, paired if the answers of both are there.

    Args:
        first: report folder, or its report.json.
        second: likewise.
        examples: most questions of each arm that are shown where right and wrong changed.

    Raises:
        ConfigError: there is no report, or no arm is in both.
        IntegrityError: a file is no report of this version.
    """
    one, other = read_report(first), read_report(second)
    pairs = pair_answers(_folder(first), _folder(second), _shared(one, other))
    return compare(one, other, pairs, examples)


def compare(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    pairs: Pairs | None = None,
    examples: int = 0,
) -> ReportComparison:
    """Metrics of every arm that both reports have.

    Raises:
        ConfigError: no arm is in both.
    """
    shared = _shared(first, second)
    if not shared:
        raise ConfigError("the two reports have no arm in common")
    notes = _notes(first, second)
    if pairs is None or not pairs.ids:
        changes = [
            _change(name, metric.key, first["arms"][name], second["arms"][name])
            for name in shared
            for metric in METRICS
        ]
        return ReportComparison(tuple(changes), (*notes, *(pairs.notes if pairs else ())))
    levels = [report["settings"].get("cluster") for report in (first, second)]
    if levels[0] != levels[1]:
        notes.append(
            f"resampled over {levels[0]}s, as the first report; the second: {levels[1]}s"
        )
    return _paired(first["settings"], shared, pairs, (*notes, *pairs.notes), examples)


def _paired(
    settings: Mapping[str, Any],
    arms: Sequence[str],
    pairs: Pairs,
    notes: tuple[str, ...],
    examples: int,
) -> ReportComparison:
    seed, resamples = settings.get("seed"), settings.get("resamples")
    seed = seed if isinstance(seed, int) else 0
    resamples = resamples if isinstance(resamples, int) else _RESAMPLES
    resampling = Resampling(pairs.clusters(), min(max(resamples, 1000), _MOST_RESAMPLES), seed)
    changes, right, turned = [], [], []
    for arm in arms:
        changes += _changes(arm, pairs.tables(arm), resampling)
        found = mcnemar(*pairs.right(arm))
        right.append(Right(arm, found.only_first, found.only_second, found.p_value))
        turned += _turned(arm, pairs, examples, seed)
    return ReportComparison(tuple(changes), notes, len(pairs.ids), tuple(right), tuple(turned))


def _changes(arm: str, tables: tuple[Array, Array], resampling: Resampling) -> list[Change]:
    one, other = (resampling.sums(table) for table in tables)
    found = []
    for metric in METRICS:
        gap = difference(metric, other, one)
        before, after = estimate(metric, one).value, estimate(metric, other).value
        better = None if not gap.value else (gap.value > 0) == metric.higher_is_better
        found.append(
            Change(
                arm, metric.key, metric.label, before, after, gap.value,
                clear=clear(gap.interval), better=better, interval=gap.interval,
            )
        )  # fmt: skip
    return found


def _turned(arm: str, pairs: Pairs, most: int, seed: int) -> list[Turned]:
    first, second = pairs.first[arm], pairs.second[arm]
    changed = [name for name in pairs.ids if first[name].right != second[name].right]
    return [
        Turned(
            arm, name, first[name].question, first[name].answers,
            first[name].completion, second[name].completion, second[name].right,
        )
        for name in drawn(changed, most, seed)
    ]  # fmt: skip


def _change(arm: str, key: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Change:
    metric = BY_KEY[key]
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


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _shared(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return [name for name in first["arms"] if name in second["arms"]]


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
