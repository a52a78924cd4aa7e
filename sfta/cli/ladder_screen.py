"""The parity ladder on a terminal: one line for each rung."""

from collections.abc import Mapping
from typing import Any

import click

from sfta.cli.screen import print_table

_HEADS = ("rung", "MB", "mean KL", "same token", "same answer", "overall F1", "change", "lost")


def print_ladder(record: Mapping[str, Any]) -> None:
    """Rungs from the adapter down, with what the task says of each file, and the verdict."""
    measured = {one["scheme"]: one for one in record["schemes"]}
    print_table(_HEADS, [_row(rung, measured.get(rung["scheme"])) for rung in record["parity"]])
    click.echo(record["verdict"])


def _row(rung: Mapping[str, Any], one: Mapping[str, Any] | None) -> tuple[str, ...]:
    first = (f"{rung['mean_kl']:.2g}", f"{rung['top1']:.1%}", f"{rung['greedy']:.0%}")
    if one is None:
        return (rung["scheme"], "", *first, "", "", "")
    f1, change = one["metrics"]["overall_f1"]["value"], one["differences"].get("overall_f1")
    shown = "" if f1 is None else f"{f1:.3f}"
    return (
        rung["scheme"], f"{one['size'] / 1e6:.0f}", *first, shown, _change(change),
        " ".join(one["lost"]),
    )  # fmt: skip


def _change(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return ""
    low, high = found["interval"]
    return f"{found['value']:+.3f} [{low:.3f}, {high:.3f}]"
