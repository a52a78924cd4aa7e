"""What commands print: tables for people, JSON for programs."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sfta.core.stage import Outcome, Planned

_NEXT = {
    "ingest": "sfta chunk {recipe}",
    "chunk": "sfta index {recipe}",
    "index": "sfta generate {recipe}",
    "generate": "sfta train {recipe}",
    "adopt": "sfta train {recipe}",
    "train": "sfta export {recipe}",
    "prefer": "sfta export {recipe}",
    "train-retriever": "sfta train {recipe}",
    "merge": "sfta export {recipe}",
    "export": "sfta evaluate {recipe}",
    "export-onnx": "sfta evaluate {recipe}",
    "evaluate": "sfta bundle {recipe}",
    "ladder": "sfta inspect {artifact}",
    "robustness": "sfta inspect {artifact}",
    "bundle": "sh {artifact}/bundle/install.sh --key PUBLIC.pem --prefix FOLDER",
}
_SHOWN_METRICS = 5


def print_json(value: Any) -> None:
    """One JSON value on stdout."""
    click.echo(json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False))


def print_outcomes(
    outcomes: Sequence[Outcome], *, as_json: bool, recipe: Path, dataset: Path | None = None
) -> None:
    """What each stage did, its key figures, and the next command."""
    if as_json:
        print_json([_outcome(outcome) for outcome in outcomes])
        return
    rows = [
        (
            outcome.stage,
            "reused" if outcome.reused else "made",
            f"{outcome.seconds:.1f}",
            figures(outcome.artifact.metrics),
        )
        for outcome in outcomes
    ]
    print_table(("stage", "", "seconds", "key figures"), rows)
    last = outcomes[-1]
    named = f"{recipe} --dataset {shlex.quote(str(dataset))}" if dataset else str(recipe)
    following = _following(last).format(recipe=named, artifact=last.artifact.path)
    click.echo(f"\n{last.artifact.kind}: {last.artifact.path}\nnext: {following}")


def _following(last: Outcome) -> str:
    """The command that comes next."""
    if last.stage == "train-retriever" and last.artifact.metrics.get("better"):
        # Relative paths in a recipe start at its own folder.
        model = shlex.quote(f"index.embedder={last.artifact.path.resolve() / 'model'}")
        return f"sfta run {{recipe}} --set {model}"
    return _NEXT[last.stage]


def print_plan(planned: Sequence[Planned], *, as_json: bool) -> None:
    """What would run, and what is there already."""
    if as_json:
        print_json(
            [{"stage": p.stage, "state": p.state, "path": str(p.path or "")} for p in planned]
        )
        return
    print_table(
        ("stage", "", "artifact"), [(p.stage, p.state, str(p.path or "")) for p in planned]
    )


def figures(metrics: dict[str, Any], most: int = _SHOWN_METRICS) -> str:
    """The first plain figures of a stage, in the order it reported them."""
    plain = [(k, v) for k, v in metrics.items() if isinstance(v, int | float | str)]
    return "  ".join(f"{k} {_short(v)}" for k, v in plain[:most])


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need, no lines."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "stage": outcome.stage,
        "reused": outcome.reused,
        "seconds": outcome.seconds,
        "path": str(outcome.artifact.path),
        "digest": outcome.artifact.digest,
        "metrics": outcome.artifact.metrics,
    }
