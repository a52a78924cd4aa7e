"""What asking a teacher would cost, for people and for programs."""

from typing import Any

import click

from sfta.cli.screen import print_json, print_table


def print_estimate(estimate: dict[str, Any], *, as_json: bool) -> None:
    """Calls, tokens and money, with the most that they can come to."""
    if as_json:
        print_json(estimate)
        return
    print_table(("", "estimate", "at most"), list(_lines(estimate)))
    basis = f"measured on {n} replies on disk" if (n := estimate["measured_on"]) else (
        "guessed from lengths"
    )  # fmt: skip
    if estimate["calls"]:
        click.echo(f"\nTokens and cost of the calls still to make, {basis}.")
    if verdict := estimate["budget"]:
        click.echo(f"generate.budget: {verdict}")


def _lines(estimate: dict[str, Any]) -> list[tuple[str, str, str]]:
    lines = [
        ("teacher", str(estimate["teacher"]), ""),
        ("chunks", f"{estimate['chunks']:,}", ""),
        ("calls", f"{estimate['calls']:,}", ""),
    ]
    if estimate["on_disk"] or estimate["repeated"]:
        lines.append(("replies on disk", f"{estimate['on_disk']:,}", ""))
        lines.append(("repeated requests", f"{estimate['repeated']:,}", ""))
    for name in ("prompt_tokens", "completion_tokens"):
        most = estimate[f"most_{name}"]
        lines.append((name.replace("_", " "), f"{estimate[name]:,}", f"{most:,}"))
    if estimate["cost"] is None:
        lines.append(("cost", "no price in generate.prices" if estimate["calls"] else "0", ""))
    else:
        money, most = (f"{estimate[key]:,.4f}" for key in ("cost", "most_cost"))
        lines.append((f"cost, {estimate['currency']}", money, most))
    return lines
