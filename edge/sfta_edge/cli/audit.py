"""``sfta-edge audit``: what happened on this device, and whether the log of it is whole."""

import getpass
import json
from pathlib import Path
from typing import Any

import click

from sfta_edge.cli.options import json_option, root_option
from sfta_edge.errors import ConfigError, IntegrityError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("audit")
def command() -> None:
    """Read, verify, export and redact the log of what happened here.

    The log shows when somebody changed it. Example:

        sfta-edge audit verify
    """


@command.command("verify")
@click.argument("file", type=_FILE, required=False)
@root_option
@click.option("--key", type=_FILE, help="Public key of the device that made an export.")
@json_option
def verify(file: Path | None, root: Path, key: Path | None, as_json: bool) -> None:
    """Find the first record that was edited, deleted, moved or cut off.

    Without FILE the log of this device, with FILE an export, which needs nothing else.

    \b
    Example:
        sfta-edge audit verify audit-2031.jsonl --key device.pub
    """  # noqa: D301 the mark is click's
    from sfta_edge.audit.verification import verify_export, verify_log
    from sfta_edge.signature import load_public_key

    if file is None:
        folder, public = _log_of(root)
        found = verify_log(folder, public, witness=root.expanduser() / "audit.head")
    else:
        with _readable(file).open("rb") as lines:
            found = verify_export(lines, load_public_key(key) if key else None)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    if not found.intact:
        raise IntegrityError(
            f"the audit log is broken at record {found.first_bad}: {found.why}",
            hint=f"The {found.records} records before it hold. Compare with an older export.",
        )
    if not as_json:
        click.echo(f"intact: {found.records} records, the last is {found.last}")
    click.echo("next: sfta-edge audit export OUT", err=True)


@command.command("export")
@click.argument("out", type=_FILE)
@root_option
@json_option
def export(out: Path, root: Path, as_json: bool) -> None:
    """Write the log as JSON lines that can be verified without this device.

    \b
    Example:
        sfta-edge audit export /media/stick/audit-2031.jsonl
    """  # noqa: D301 the mark is click's
    from sfta_edge.audit.export import export_lines
    from sfta_edge.manifest import write_durably

    if out.exists():
        raise ConfigError(f"{out} is already there", hint="Choose another name.")
    lines = list(export_lines(*_log_of(root)))
    write_durably(out, b"".join(lines))
    count = len(lines) - 2
    click.echo(json.dumps({"records": count}) if as_json else f"{out}: {count} records")
    click.echo(f"next: sfta-edge audit verify {out}", err=True)


@command.command("show")
@root_option
@click.option("--before", type=click.IntRange(min=1), help="Only records before this one.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many records.",
)
@json_option
def show(root: Path, before: int | None, limit: int, as_json: bool) -> None:
    """Print the newest records.

    \b
    Example:
        sfta-edge audit show --limit 5
    """  # noqa: D301 the mark is click's
    from sfta_edge.audit.files import newest_first

    folder, _ = _log_of(root)
    found = newest_first(folder, before)
    records = [record.to_json() for record, _ in zip(found, range(limit), strict=False)]
    if as_json:
        click.echo(json.dumps({"records": records}))
    else:
        for record in records:
            click.echo(_line(record))
    click.echo("next: sfta-edge audit verify", err=True)


@command.command("redact")
@click.argument("identity", metavar="ID", type=click.IntRange(min=1))
@root_option
@click.option("--reason", required=True, help="Why; it is recorded.")
@json_option
def redact(identity: int, root: Path, reason: str, as_json: bool) -> None:
    """Take the personal fields out of a record. The chain stays verifiable.

    Who did it and why is itself recorded. Stop the server first, or use its API. Example:

    \b
        sfta-edge audit redact 17 --reason "asked for by the person"
    """  # noqa: D301 the mark is click's
    with _opened(root) as audit:
        audit.redact(identity, reason, f"{getpass.getuser()} at the console")
    click.echo(
        json.dumps({"redacted": identity}) if as_json else f"record {identity} is redacted"
    )
    click.echo("next: sfta-edge audit verify", err=True)


@command.command("drop")
@click.argument("exported", metavar="EXPORT", type=_FILE)
@root_option
@json_option
def drop(exported: Path, root: Path, as_json: bool) -> None:
    """Remove whole log files whose records stand in an export; the log says up to where.

    Keep the export: it holds the only copy then. Example:

    \b
        sfta-edge audit drop /media/stick/audit-2031.jsonl
    """  # noqa: D301 the mark is click's
    with _opened(root) as audit, _readable(exported).open("rb") as lines:
        dropped = audit.drop(lines, f"{getpass.getuser()} at the console")
    click.echo(json.dumps({"dropped": dropped}) if as_json else f"{dropped} records removed")
    click.echo("next: sfta-edge audit verify", err=True)


def _log_of(root: Path) -> tuple[Path, Any]:
    """Folder and public key of a device's log."""
    from sfta_edge.signature import load_public_key

    folder = root.expanduser() / "data/audit"
    if not folder.is_dir():
        raise ConfigError(f"there is no audit log in {folder}", hint="Check --root.")
    return folder, load_public_key(folder.parent / "keys/audit.pub")


def _opened(root: Path) -> Any:
    """The log of a device, for writing."""
    from sfta_edge.audit.log import Audit

    folder, _ = _log_of(root)
    key = folder.parent / "keys/audit.pem"
    return Audit(folder, key, witness=root.expanduser() / "audit.head", unwritable="refuse")


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="Check the path.")
    return path


def _line(record: dict[str, Any]) -> str:
    """A record for a person: control characters of a question do not reach the terminal."""
    rest = {name: what for name, what in record.items() if name not in ("id", "kind", "time")}
    return f"{record['id']}  {record['time'].get('wall')}  {record['kind']}  {json.dumps(rest)}"
