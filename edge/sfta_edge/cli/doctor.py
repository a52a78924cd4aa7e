"""``sfta-edge doctor``: every part checked, one line each, and how fast the device is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    root_option,
    threads_option,
)

if TYPE_CHECKING:
    from sfta_edge.examined_speed import Examined
    from sfta_edge.health import Finding


@click.command("doctor")
@root_option
@bundle_option
@threads_option
@click.option(
    "--speed/--no-speed",
    default=True,
    help="Measure memory and model as well: a minute or two.",
)
@click.option(
    "--device",
    "plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Plan to compare with, as `sfta plan export --json` prints it. Default: the bundle's.",
)
@click.option("--profile", is_flag=True, help="Print a device profile for `sfta plan export`.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    root: Path,
    bundle: Path | None,
    threads: int | None,
    speed: bool,
    plan: Path | None,
    profile: bool,
    as_json: bool,
) -> None:
    """Check this device and the installed bundle, down to one answered question.

    Then measure how fast it reads and writes, and compare with what was planned. Slow is no
    failure. Ends with the exit code of the first thing that failed. Example:

        sfta-edge doctor
    """
    from sfta_edge.health import examine

    if profile and as_json:
        raise click.UsageError("--profile prints YAML and --json prints JSON: choose one")
    findings = examine(root.expanduser(), bundle, threads=threads)
    failed = [finding for finding in findings if not finding.ok]
    examined = None
    if not failed and (speed or profile):
        from sfta_edge.examined_speed import examine_speed

        examined = examine_speed(bundle_folder(root, bundle), plan, threads=threads)
    if as_json:
        parts = {"findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(parts | (examined.to_json() if examined else {})))
    else:
        _print_findings(findings, to_stderr=profile)
        if examined is not None:
            _print_speed(examined, to_stderr=profile)
            if profile:
                click.echo(examined.profile, nl=False)
    if failed:
        ctx.exit(failed[0].exit_code)
    click.echo("next: sfta-edge serve", err=True)


def _print_findings(findings: "list[Finding]", *, to_stderr: bool) -> None:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        mark = "ok" if finding.ok else "FAILED"
        click.echo(f"{finding.part:{width}}  {mark:6}  {finding.detail}", err=to_stderr)
        if finding.hint:
            click.echo(f"{'':{width}}          {finding.hint}", err=to_stderr)


def _print_speed(examined: "Examined", *, to_stderr: bool) -> None:
    for line in examined.lines():
        click.echo(line, err=to_stderr)
