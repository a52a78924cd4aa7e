"""A dataset on the screen: its rows, its funnel, and the mask of the loss."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sfta.cli.screen import print_table
from sfta.stages.dataset_folder import Dataset, open_dataset
from sfta.stages.dataset_view import choose_rows, try_masked_rows
from sfta.training.preview import MaskedRow, Stretch

Rows = Sequence[Mapping[str, Any]]
_LONGEST = 700  # characters of a stretch without loss; its middle says nothing of the mask


def look_into(
    path: Path,
    wanted: Mapping[str, str | None],
    count: int,
    model: str | None,
    cache: Path,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Show a dataset unless `quiet`; what `--json` adds for it.

    Args:
        path: the artifact.
        wanted: kind, split and rejected, as `choose_rows` takes them.
        count: rows to show.
        model: the student whose tokens are shown; none: the one of the rows' corpus.
        cache: folder of prepared models.
        quiet: print nothing.
    """
    dataset = open_dataset(path)
    chosen = choose_rows(dataset, **wanted)
    usable = chosen if wanted["rejected"] is None and count > 0 else []
    masked, why_not = try_masked_rows(dataset, usable, model, cache)
    if not quiet:
        print_dataset(dataset, chosen, count, masked, why_not)
    return dataset_facts(dataset, chosen, count, masked)


def dataset_facts(
    dataset: Dataset, chosen: Rows, count: int, masked: Sequence[MaskedRow]
) -> dict[str, Any]:
    """What `--json` adds for a dataset."""
    return {
        "matching": len(chosen),
        "rows": list(chosen[:count]),
        "funnel": dict(dataset.funnel),
        "masked": [
            {
                "id": row.id,
                "tokens": row.tokens,
                "loss_tokens": row.loss_tokens,
                "stretches": [asdict(stretch) for stretch in row.stretches],
            }
            for row in masked
        ],
    }


def print_dataset(
    dataset: Dataset, chosen: Rows, count: int, masked: Sequence[MaskedRow], why_not: str
) -> None:
    """Funnel, rows, and what training sees."""
    if dataset.funnel:
        click.echo()
        _print_funnel(dataset.funnel)
    click.echo(f"\nrows that fit: {len(chosen)}, shown: {min(count, len(chosen))}")
    for row in chosen[:count]:
        _print_row(row)
    if masked:
        colours = in_colour()
        how = "on a green ground" if colours else "in double brackets"
        click.echo(f"\nas training sees them; tokens that carry loss stand {how}")
    for number, view in enumerate(masked):
        click.echo(f"\n{view.id}  {view.tokens} tokens, {view.loss_tokens} with loss")
        click.echo("".join(spell(stretch, colours=in_colour()) for stretch in view.stretches))
        if number + 1 == len(masked):
            click.echo()
    if why_not:
        click.echo(f"\n{why_not}")
    click.echo(f"next: sfta review {dataset.path}")


def in_colour() -> bool:
    """Colours only on a terminal, and never where `NO_COLOR` is set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def spell(stretch: Stretch, *, colours: bool) -> str:
    """A stretch for the screen: loss is marked token by token, the rest is shortened."""
    if not stretch.loss:
        text = stretch.text
        if len(text) > _LONGEST:
            half = _LONGEST // 2
            left_out = len(text) - 2 * half
            text = f"{text[:half]}\n... {left_out} characters ...\n{text[-half:]}"
        return click.style(text, dim=True) if colours else text
    if not colours:
        # Not [ and ]: the documents of a prompt are numbered with them.
        shown = (token.replace("\n", "\\n") for token in stretch.tokens)
        return "".join(f"\u27e6{token}\u27e7" for token in shown)
    # Two shades in turn, so that the tokens can be told apart.
    shades = ("green", "bright_green")
    return "".join(
        click.style(token, bg=shades[number % 2], fg="black")
        for number, token in enumerate(stretch.tokens)
    )


def _print_funnel(funnel: Mapping[str, Any]) -> None:
    steps = [("entered", str(funnel["entered"]))]
    steps += [(s["step"], str(s["candidates"])) for s in funnel.get("left_after", ())]
    print_table(("funnel", "left"), steps)
    if funnel.get("rejected"):
        lost = [(reason, str(count)) for reason, count in funnel["rejected"].items()]
        print_table(("turned away", "rows"), lost)
    if coverage := funnel.get("coverage"):
        click.echo(
            f"pages with questions: {coverage['pages_with_questions']} of {coverage['pages']}"
        )


def _print_row(row: Mapping[str, Any]) -> None:
    roles = " ".join(entry["role"] for entry in row["context"]) or "none"
    split = f"  {row['split']}" if row.get("split") else ""
    click.echo(f"\n{row['id']}  {row['kind']}{split}  context: {roles}\nQ: {row['question']}")
    if reason := row.get("rejected_because"):
        click.echo(f"turned away: {reason}")
    if row["completion"]:
        click.echo(row["completion"])
        return
    quotes = "".join(f'"{quote["text"]}"\n' for quote in row["quotes"])
    click.echo(f"{quotes}A: {row['answer'] or 'none'}")
