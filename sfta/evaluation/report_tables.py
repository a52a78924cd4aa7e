"""Tables of the report: one row per arm, so that ten arms are as easy to read as two."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.aggregate import BY_KEY, METRICS
from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.costs import PER
from sfta.evaluation.spelling import clear, interval, number, probability, signed, whole


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and in smaller print its interval."""

    value: str
    under: str = ""
    clear: bool = False
    """A difference whose interval leaves out zero."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line."""

    label: str
    cells: Sequence[Cell]
    chosen: bool = False
    """The arm that the gates judge."""


@dataclass(frozen=True, slots=True)
class Table:
    """Everything the page needs of one table."""

    caption: str
    first: str
    columns: Sequence[str]
    rows: Sequence[Row]
    meanings: Sequence[tuple[str, str]] = ()
    """What the columns mean."""


_GROUPS: Mapping[str, Sequence[str]] = {
    "Answers": (
        "token_f1", "exact_match", "contains", "rouge_l", "overall_f1", "token_f1_in_context",
        "token_f1_in_form",
    ),
    "Refusals": (
        "refusal_f1", "refusal_precision", "refusal_recall", "f1_gr", "over_refusal",
        "unsupported_answers",
    ),
    "Quotes": ("quote_validity", "supported_answers", "citation_precision", "citation_recall"),
}  # fmt: skip
_REST = "Form, and refusals by question"
_AGAINST = ("token_f1", "contains", "overall_f1", "refusal_f1", "over_refusal")
_TRIVIAL = ("token_f1", "contains", "overall_f1", "refusal_f1", "over_refusal")


def metric_tables(report: Mapping[str, Any]) -> list[Table]:
    """Every metric of every arm, in groups."""
    grouped = {key for keys in _GROUPS.values() for key in keys}
    rest = [metric.key for metric in METRICS if metric.key not in grouped]
    known = {name: [key for key in keys if key in BY_KEY] for name, keys in _GROUPS.items()}
    return [
        Table(
            f"{name}, with 95 % intervals.",
            "Arm",
            [BY_KEY[key].label for key in keys],
            [
                _metrics_row(arm, keys, chosen=name == CANDIDATE)
                for name, arm in report["arms"].items()
            ],
            [(BY_KEY[key].label, _meaning(key)) for key in keys],
        )
        for name, keys in {**known, _REST: rest}.items()
    ]


def baseline_table(report: Mapping[str, Any]) -> Table:
    """What needs no model."""
    return Table(
        "What systems without a model reach on the same questions.",
        "Baseline",
        [BY_KEY[key].label for key in _TRIVIAL],
        [
            _metrics_row({**arm, "label": arm["label"].capitalize()}, _TRIVIAL)
            for arm in report["baselines"].values()
        ],
    )


def against_table(report: Mapping[str, Any]) -> Table | None:
    """What the trained model gains over each other arm, with McNemar's test."""
    rows = []
    for other in report["against"].values():
        gained = [other["differences"][key] for key in _AGAINST]
        test = other["mcnemar"]
        counts = [whole(test["only_trained_right"]), whole(test["only_other_right"])]
        cells = [*map(_gain, gained), *map(Cell, counts), Cell(probability(test["p_value"]))]
        rows.append(Row(other["label"], cells))
    columns = [BY_KEY[key].label for key in _AGAINST]
    columns += ["Only trained right", "Only the other right", "McNemar's p"]
    caption = (
        "What the trained model has more than each other arm on the same questions. Differences "
        "in bold have an interval that leaves out zero."
    )
    return Table(caption, "Trained model minus", columns, rows) if rows else None


def slice_tables(report: Mapping[str, Any]) -> list[Table]:
    """Overall F1 of parts of the questions; a division into one part says nothing."""
    divided: dict[str, list[Mapping[str, Any]]] = {}
    for part in report["slices"]:
        divided.setdefault(part["by"], []).append(part)
    return [
        Table(
            f"Overall F1 by {dimension}.",
            "Arm",
            [f"{part['name'].replace('_', ' ')} (n = {part['n']})" for part in parts],
            [
                Row(
                    arm["label"],
                    [_sliced(part["arms"][name]) for part in parts],
                    name == CANDIDATE,
                )
                for name, arm in report["arms"].items()
            ],
        )
        for dimension, parts in divided.items()
        if len(parts) > 1
    ]


def retrieval_table(report: Mapping[str, Any]) -> Table | None:
    """How well the search finds; None if it was not measured."""
    found = report["retrieval"]
    if not found["n"]:
        return None
    caption = (
        f"Over {found['n']} questions whose oracle chunks are known. The model is given the "
        f"first {found['top_k']} chunks."
    )
    cells = [
        Cell(number(value), interval(found["intervals"][key]))
        for key, value in found["metrics"].items()
    ]
    return Table(caption, "Metric", list(found["metrics"]), [Row("Value", cells)])


def time_table(report: Mapping[str, Any], timings: Mapping[str, Any]) -> Table | None:
    """How long an answer takes, and what memory; columns that nobody measured are left out."""
    arms = timings["arms"]
    columns = {
        "Questions": lambda arm: whole(arm["answers"]),
        "Median": lambda arm: _seconds(arm["median_ms"]),
        "95 % are faster than": lambda arm: _seconds(arm["p95_ms"]),
        "First token, median": lambda arm: _seconds(arm.get("first_token_median_ms")),
        "First token, 95 %": lambda arm: _seconds(arm.get("first_token_p95_ms")),
        "Memory, MB": lambda arm: whole(arm.get("resident_mb")),
        "Prompt tokens": lambda arm: whole(arm["prompt_tokens"]),
        "Answer tokens": lambda arm: whole(arm["answer_tokens"]),
    }
    caption = "Time of one answer on this machine, in seconds."
    return _measured(caption, report, arms, columns)


def cost_table(report: Mapping[str, Any], timings: Mapping[str, Any]) -> Table | None:
    """What a thousand questions cost."""
    columns = {
        "Prompt tokens": lambda arm: whole(arm["tokens_in"]),
        "Answer tokens": lambda arm: whole(arm["tokens_out"]),
        "Seconds here": lambda arm: whole(arm["seconds"]),
        "Money": _money,
    }
    caption = (
        f"Cost of {whole(PER)} questions, asked one after the other. Money is what an endpoint "
        "takes at the price that the recipe names; a local model costs time."
    )
    return _measured(caption, report, timings.get("costs", {}), columns)


def _measured(
    caption: str,
    report: Mapping[str, Any],
    arms: Mapping[str, Any],
    columns: Mapping[str, Any],
) -> Table | None:
    kept = [n for n, spell in columns.items() if any(spell(a) != "n/a" for a in arms.values())]
    rows = [
        Row(
            report["arms"][name]["label"],
            [Cell(columns[n](arm)) for n in kept],
            name == CANDIDATE,
        )
        for name, arm in arms.items()
    ]
    return Table(caption, "Arm", kept, rows) if rows else None


def _metrics_row(arm: Mapping[str, Any], keys: Iterable[str], *, chosen: bool = False) -> Row:
    cells = [Cell(number(arm["metrics"][k]), interval(arm["intervals"][k])) for k in keys]
    return Row(arm["label"], cells, chosen=chosen)


def _gain(found: Mapping[str, Any]) -> Cell:
    pair = found["interval"]
    return Cell(signed(found["value"]), interval(pair, sign=True), clear(pair))


def _sliced(found: Mapping[str, Any]) -> Cell:
    return Cell(number(found["value"]), interval([found["low"], found["high"]]))


def _meaning(key: str) -> str:
    lower = "" if BY_KEY[key].higher_is_better else "; lower is better"
    return f"{BY_KEY[key].meaning}{lower}"


def _seconds(milliseconds: float | None) -> str:
    return "n/a" if milliseconds is None else f"{milliseconds / 1000:.2f}"


def _money(arm: Mapping[str, Any]) -> str:
    return "n/a" if arm["money"] is None else f"{arm['money']:.2f}\u00a0{arm['currency']}"
