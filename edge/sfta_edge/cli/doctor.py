"""``sfta-edge doctor``: every part checked, one line each."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from sfta_edge.cli.options import bundle_option, json_option, root_option, threads_option


@click.command("doctor")
@root_option
@bundle_option
@threads_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, root: Path, bundle: Path | None, threads: int | None, as_json: bool
) -> None:
    """Check this device and the installed bundle, down to one answered question.

    Ends with the exit code of the first thing that failed. Example:

        sfta-edge doctor
    """
    from sfta_edge.health import examine

    findings = examine(root.expanduser(), bundle, threads=threads)
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    else:
        width = max(len(finding.part) for finding in findings)
        for finding in findings:
            mark = "ok" if finding.ok else "FAILED"
            click.echo(f"{finding.part:{width}}  {mark:6}  {finding.detail}")
            if finding.hint:
                click.echo(f"{'':{width}}          {finding.hint}")
    failed = [finding for finding in findings if not finding.ok]
    if failed:
        ctx.exit(failed[0].exit_code)
    click.echo("next: sfta-edge serve", err=True)
