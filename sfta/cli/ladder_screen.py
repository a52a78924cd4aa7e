"""The parity ladder on a terminal: one line for each rung."""

from collections.abc import Mapping
from typing import Any

import click

from sfta.cli.screen import print_table
from sfta.evaluation.ladder_table import rungs_in_order

_HEADS = (
    *("rung", "MB", "mean KL", "same token", "same answer"),
    *("questions", "overall F1", "change", "lost"),
)


def print_ladder(record: Mapping[str, Any]) -> None:
    """Rungs from the adapter down, with what the task says of each file, and the verdict."""
    measured = [*record["schemes"], *record["beside"]]
    print_table(_HEADS, [_row(*rung) for rung in rungs_in_order(record["parity"], measured)])
    click.echo(record["verdict"])


def _row(
    name: str, rung: Mapping[str, Any] | None, one: Mapping[str, Any] | None
) -> tuple[str, ...]:
    first = ("", "", "")
    if rung is not None:
        first = (f"{rung['mean_kl']:.2g}", f"{rung['top1']:.1%}", f"{rung['greedy']:.0%}")
    if one is None:
        return (name, "", *first, "", "", "", "")
    f1, change = one["metrics"]["overall_f1"]["value"], one["differences"].get("overall_f1")
    shown = "" if f1 is None else f"{f1:.3f}"
    return (
        name, f"{one['size'] / 1e6:.0f}", *first, str(one["questions"]), shown,
        _change(change), " ".join(one["lost"]),
    )  # fmt: skip


def _change(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return ""
    low, high = found["interval"]
    return f"{found['value']:+.3f} [{low:.3f}, {high:.3f}]"
