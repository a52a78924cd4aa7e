"""``sfta-edge backup``: the data of this device in one encrypted file."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option
from sfta_edge.errors import ConfigError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backup")
@click.argument("out", type=_FILE, required=False)
@root_option
@click.option("--new-key", type=_FILE, help="Make a key; the private part goes into this file.")
@click.option(
    "--key", type=_FILE, help="Public key to encrypt for, instead of the device's own."
)
@json_option
def command(
    out: Path | None, root: Path, new_key: Path | None, key: Path | None, as_json: bool
) -> None:
    """Write an encrypted backup of documents, accounts, history, settings and the audit log.

    The device may answer meanwhile. The backup can only be read with the private key, which
    belongs on a stick or in a safe, not on the device. Example:

        sfta-edge backup --new-key /media/stick/backup.pem
        sfta-edge backup /media/stick/monday.sfta-backup
    """
    data = root.expanduser() / "data"
    if (out is None) == (new_key is None):
        raise ConfigError("say either where the backup goes, or --new-key FILE")
    if new_key is not None:
        _make_key(new_key, data, as_json)
    if out is not None:
        _make_backup(out, data, key, as_json)


def _make_key(private: Path, data: Path, as_json: bool) -> None:
    from sfta_edge.backup.keys import new_key

    public = new_key(private, data)
    if as_json:
        click.echo(json.dumps({"private": str(private), "public": str(public)}))
    else:
        click.echo(f"backups can be read with {private}: keep it away from this device")
    click.echo("next: sfta-edge backup OUT", err=True)


def _make_backup(out: Path, data: Path, key: Path | None, as_json: bool) -> None:
    from sfta_edge.backup.keys import PUBLIC_KEY, load_public
    from sfta_edge.backup.writing import make_backup
    from sfta_edge.cli.progress import percent

    made = make_backup(data, out, load_public(key or data / PUBLIC_KEY), percent("writing"))
    if as_json:
        click.echo(json.dumps({**asdict(made), "path": str(made.path)}))
    else:
        click.echo(f"{out}: {made.files} files, {made.size} bytes, read back and verified")
    click.echo(f"next: sfta-edge restore {out} --key PRIVATE --check", err=True)
