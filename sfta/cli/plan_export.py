"""`sfta plan export`: which number format a device holds, and how fast it answers there."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfta.cli.options import CACHE, JSON, RECIPE, SET, read_recipe
from sfta.cli.screen import print_json, print_table
from sfta.core.stage import Runtime

if TYPE_CHECKING:
    from sfta.stages.device_plan import DevicePlan
    from sfta_export.plan import Forecast

_MIB = 1 << 20
_HEAD = (
    "scheme", "bits", "file MiB", "memory MiB", "longest context", "prefill tok/s",
    "first token s", "decode tok/s", "",
)  # fmt: skip


@click.command("export")
@RECIPE
@click.option(
    "--device",
    required=True,
    metavar="NAME|FILE",
    help="Profile of the device: a name in configs/devices, or a file of that form.",
)
@click.option(
    "--least-speed",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Tokens per second that an answer is written with at least.",
)
@click.option(
    "--longest-wait",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds until the first token at most.",
)
@SET
@CACHE
@JSON
def command(
    recipe: Path,
    *,
    device: str,
    least_speed: float,
    longest_wait: float,
    assignments: tuple[str, ...],
    cache: Path,
    as_json: bool,
) -> None:
    """Say which schemes of RECIPE's model fit on a device, and how fast they answer.

    Nothing is trained or converted, and no weights are read. Exits with 1 if no scheme fits and is
    fast enough.

    Example: sfta plan export configs/quickstart/quickstart.yaml --device raspberry-pi-5-8gb
    """
    from sfta.adapters.device_profile import read_profile
    from sfta.stages.device_plan import plan_device
    from sfta_export.plan import Floor

    settings = read_recipe(recipe, assignments)
    runtime = Runtime(cache=cache.expanduser())
    floor = Floor(least_speed, longest_wait)
    plan = plan_device(settings, read_profile(device).device(), runtime, floor)
    if as_json:
        print_json(plan.to_json())
    else:
        _print(plan, recipe, assignments)
    if plan.recommended is None:
        raise SystemExit(1)


def _print(plan: "DevicePlan", recipe: Path, assignments: tuple[str, ...]) -> None:
    from sfta_export.plan import SPREAD, why_none

    device, work = plan.device, plan.workload
    print_table(_HEAD, [_row(plan, each) for each in plan.forecasts])
    click.echo(
        f"\n{device.name}: {device.free / _MIB:,.0f} MiB free, {device.bandwidth / 1e9:g} GB/s, "
        f"{device.cores} cores {device.instruction_set}. Prompt of {work.prompt_tokens} tokens, "
        f"context of {work.context_tokens}: {plan.forecasts[0].kv_bytes / _MIB:,.0f} MiB of KV."
        f"\nPredicted, not measured: speeds lie within a factor of {SPREAD:g}."
    )
    best = plan.recommended
    if best is None:
        click.echo(
            f"{why_none(plan.forecasts, plan.floor)}\nnext: a smaller model, fewer or shorter "
            "chunks (retrieval.top_k, chunk.max_tokens), or a shorter evaluate.context_tokens"
        )
        return
    wanted = (f"export.schemes=[{best.scheme}]", f"evaluate.scheme={best.scheme}",
              f"bundle.scheme={best.scheme}")  # fmt: skip
    sets = " ".join(f"--set {shlex.quote(each)}" for each in (*assignments, *wanted))
    click.echo(f"recommended: {best.scheme}\nnext: sfta run {shlex.quote(str(recipe))} {sets}")


def _row(plan: "DevicePlan", each: "Forecast") -> tuple[str, ...]:
    return (
        each.scheme,
        f"{each.bits_per_weight:.2f}",
        f"{each.file_bytes / _MIB:,.0f}",
        f"{each.memory_bytes / _MIB:,.0f}",
        f"{each.longest_context:,}",
        f"{each.prefill_tokens_per_second:.3g}",
        f"{each.first_token_seconds:.3g}",
        f"{each.decode_tokens_per_second:.3g}",
        plan.problem(each) or "fits",
    )
