"""`sfta fleet`: many devices at a glance, from the status files that somebody carried here."""

import json
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json

_SCHEMA = "sfta.status/1"
_STATUS = "status.json"
_MOST_BYTES = 1 << 20
_LITTLE = 1 << 30
_DAY = 86_400
Status = dict[str, Any]


@click.command("fleet")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Older status files are pointed out.",
)
@JSON
def command(files: tuple[Path, ...], *, days: int, as_json: bool) -> None:
    """Show what runs where, and what needs a look: files of `sfta-edge status --json`, or folders.

    Files of `sfta-edge diagnostics` are read as well; with --label their devices have a name.
    Of each device the newest file counts. Example: sfta fleet /media/stick/status
    """  # fmt: skip
    newest: dict[str, Status] = {}
    for status in sorted(_read(files), key=lambda status: status["time"]):
        newest[str(status["device"])] = status
    latest = _latest(newest)
    rows = [
        {**_row(status), "look_at": list(remarks(status, latest, days * _DAY))}
        for _, status in sorted(newest.items())
    ]
    if as_json:
        print_json({"devices": rows})
        return
    width = max(len(row["device"]) for row in rows)
    for row in rows:
        said = "; ".join(row["look_at"]) or "ok"
        click.echo(f"{row['device']:{width}}  {row['bundle']}  {said}")
    needing = sum(bool(row["look_at"]) for row in rows)
    click.echo(f"{len(rows)} devices, {needing} need a look")


def remarks(status: Status, latest: Mapping[str, int], oldest_seconds: float) -> Iterator[str]:
    """What a person should look at.

    Args:
        status: of one device.
        latest: highest counter of each bundle among all devices.
        oldest_seconds: age from which on a status says little.
    """
    active = _active(status)
    if active is None:
        yield "nothing is installed"
    elif active["counter"] < latest[active["name"]]:
        yield f"behind: {latest[active['name']]} is out"
    if status["reason"]:
        yield f"went back: {status['reason']}"
    if status.get("stays"):
        yield f"did not prove itself and stays: {status['stays']}"
    if status["probation"]:
        yield "a new bundle has not proved itself yet"
    if (status["trust"] or {}).get("problem"):
        yield str(status["trust"]["problem"])
    if status["disk"]["free"] < _LITTLE:
        yield f"{status['disk']['free'] >> 20} MiB of disk free"
    if not status["offline"]["sealed"]:
        yield "it could reach another network"
    if time.time() - status["time"] > oldest_seconds:
        yield f"the status is {int((time.time() - status['time']) // _DAY)} days old"


def _read(paths: tuple[Path, ...]) -> Iterator[Status]:
    from sfta_edge.errors import ConfigError

    found = list(_files(paths))
    for path in found:
        try:
            status = json.loads(_content(path))
            if status["schema"] == _SCHEMA:
                _row(status)
                list(remarks(status, _latest({"": status}), 0))
                yield status
                continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise ConfigError(f"{path} is no status file", hint="Make it: sfta-edge status --json.")
    if not found:
        raise ConfigError(f"there is no status file in {paths[0]}")


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        inside = sorted([*path.glob("*.json"), *path.glob("*.zip")])
        yield from inside if path.is_dir() else [path]


def _content(path: Path) -> bytes:
    """The status in a file; the archive comes from elsewhere and may be anything.

    Raises:
        ValueError: an archive that cannot be read, or is far too large for a status.
    """
    if path.suffix != ".zip":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_STATUS) as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise ValueError(str(error)) from error
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{_STATUS} is too large")
    return content


def _latest(statuses: Mapping[str, Status]) -> dict[str, int]:
    counters: dict[str, int] = {}
    for status in statuses.values():
        if active := _active(status):
            name = active["name"]
            counters[name] = max(counters.get(name, 0), active["counter"])
    return counters


def _active(status: Status) -> Status | None:
    found: Status | None = status["slots"].get(status["active"])
    return found


def _row(status: Status) -> Status:
    active = _active(status)
    bundle = f"{active['name']} {active['counter']}" if active else "-"
    return {
        "device": str(status["device"]), "bundle": bundle, "version": str(status["version"]),
        "time": int(status["time"]),
    }  # fmt: skip
