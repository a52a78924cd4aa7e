"""`sfta sweep`: try every combination of some settings."""

import json
import shlex
from pathlib import Path
from typing import Any

import click

from sfta.cli.options import JSON, RECIPE, SET, make_runtime, runtime_options
from sfta.cli.screen import print_json, print_table


@click.command("sweep")
@RECIPE
@SET
@runtime_options
@JSON
def command(recipe: Path, assignments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Run RECIPE with every combination of the values in its section `sweep`, best first.

    What trials have in common is made once; a second call goes on where the first one ended.

    Example: sfta sweep my.yaml --set 'sweep.over={train.lora.rank: [8, 16]}'
    """
    from sfta.core.record_cache import record_key
    from sfta.stages.sweep import Tried, make_trials, run_trials
    from sfta.stages.sweep_report import PICTURE, ranked, write_sweep

    trials, runtime = make_trials(recipe, assignments), make_runtime(**options)
    first = trials[0].recipe
    metric, out = first.sweep.compared, runtime.runs / "sweeps"
    out /= f"{first.name}-{record_key([t.values for t in trials])[:16]}"
    tried: list[Tried] = []
    for one in run_trials(trials, runtime):
        tried.append(one)
        write_sweep(out, trials, tried, metric)
    found = ranked(tried, metric)
    if as_json:
        print_json([_facts(one, metric) for one in found])
        return
    keys = sorted(found[0].values)
    rows = [(*(str(one.values[key]) for key in keys), _figure(one)) for one in found]
    print_table((*keys, metric), rows)
    click.echo(f"\nsweep: {out / PICTURE}")
    if (best := found[0]).figure is not None:
        chosen = " ".join(
            f"--set {shlex.quote(f'{key}={json.dumps(value)}')}"
            for key, value in best.values.items()
        )
        click.echo(f"next: sfta run {recipe} {chosen}")


def _figure(one: Any) -> str:
    if one.figure is None:
        return f"failed: {one.problem}"
    shown = f"{one.figure:.4f}"
    if one.interval is None:
        return shown
    low, high = one.interval
    return f"{shown} [{low:.3f}, {high:.3f}]"


def _facts(one: Any, metric: str) -> dict[str, Any]:
    return {
        "values": one.values,
        metric: one.figure,
        "interval": one.interval,
        "artifact": str(one.artifact or ""),
        "problem": one.problem,
    }
