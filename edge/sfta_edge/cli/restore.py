"""``sfta-edge restore``: a backup in the place of the data of this device."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sfta_edge.cli.options import json_option, root_option
from sfta_edge.errors import ConfigError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("restore")
@click.argument("file", type=_FILE, required=False)
@root_option
@click.option("--key", type=_FILE, help="Private key that the backup was made for.")
@click.option("--check", is_flag=True, help="Only verify the backup; change nothing.")
@click.option("--discard-old", is_flag=True, help="Remove the data that restores replaced.")
@json_option
def command(
    file: Path | None,
    root: Path,
    key: Path | None,
    check: bool,
    discard_old: bool,
    as_json: bool,
) -> None:
    """Put the data of a backup in the place of this device's data.

    Stop the server first. Every byte is verified before anything is touched; the data from
    before stay beside as data.before-TIME. Bundles, and which of them is the newest that was
    installed, are not part of a backup. Example:

        sfta-edge restore monday.sfta-backup --key /media/stick/backup.pem
        sfta-edge restore --discard-old
    """
    if file is None and not discard_old:
        raise ConfigError("say which backup", hint="Or remove old data with --discard-old.")
    folder = root.expanduser()
    facts: dict[str, Any] = {}
    if file is not None:
        facts |= _restore(file, folder, key, check)
    if discard_old:
        from sfta_edge.backup.restoring import discard_old as discard

        facts["discarded"] = [str(path) for path in discard(folder / "data")]
    _say(facts, check, as_json)


def _restore(file: Path, root: Path, key: Path | None, check: bool) -> dict[str, Any]:
    from sfta_edge import history
    from sfta_edge.backup.keys import load_private
    from sfta_edge.backup.restoring import check_backup, restore
    from sfta_edge.cli.progress import percent

    if key is None:
        raise ConfigError("a backup is opened with its private key", hint="Give --key FILE.")
    private = load_private(key)
    if check:
        done = check_backup(file, private)
    else:
        done = restore(
            file,
            private,
            root / "data",
            schemas={history.KIND: len(history.MIGRATIONS)},
            witness=root / "audit.head",
            progress=percent("restoring"),
        )
    return {**asdict(done), "replaced": str(done.replaced) if done.replaced else None}


def _say(facts: dict[str, Any], check: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
    else:
        if "files" in facts:
            verb = "sound" if check else "restored"
            click.echo(f"{verb}: {facts['files']} files, {facts['size']} bytes")
        if facts.get("replaced"):
            click.echo(f"the data from before are in {facts['replaced']}")
        for path in facts.get("discarded", []):
            click.echo(f"removed {path}")
    log = facts.get("facts", {}).get("audit")
    if log is not None and not log["intact"]:
        click.echo(f"warning: its audit log was broken at record {log['first_bad']}", err=True)
    click.echo(
        "next: sfta-edge serve" if "files" in facts else "next: sfta-edge status", err=True
    )
