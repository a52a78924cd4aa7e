"""A report on the terminal: base model against trained model, gates and verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from sfta.cli.screen import print_table

_SHOWN = (
    "token_f1",
    "contains",
    "exact_match",
    "refusal_f1",
    "over_refusal",
    "citation_recall",
    "quote_validity",
    "overall_f1",
)


def print_report(report: Mapping[str, Any], names: Sequence[str]) -> None:
    """Compare two arms metric by metric, with the interval of the difference.

    Args:
        report: content of `report.json`.
        names: the two arms, the base model's first.
    """
    base, trained = (report["arms"][name] for name in names)
    rows = [
        (
            key,
            _figure(base["metrics"][key]),
            _figure(trained["metrics"][key]),
            _difference(report["differences"].get(key) or {}),
        )
        for key in _SHOWN
    ]
    count = report["n"]["questions"]
    click.echo()
    print_table((f"{count} questions", base["label"], trained["label"], "difference"), rows)
    for gate in report["gates"]:
        state = "passed" if gate["passed"] else "not passed"
        click.echo(f"gate {gate['name']} {gate['bound']:g}: {_figure(gate['value'])}, {state}")
    click.echo(report["verdict"])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _difference(found: Mapping[str, Any]) -> str:
    """As `+0.317 [+0.226, +0.415]`; a dash where one arm cannot be measured."""
    if found.get("value") is None:
        return "-"
    low, high = found["interval"]
    return f"{found['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
