"""``sfta-edge serve``: the device, for people and programs."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    root_option,
    threads_option,
)
from sfta_edge.errors import ConfigError

if TYPE_CHECKING:
    from sfta_edge.device import Device
    from sfta_edge.updates.updates import Updates

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_MEBIBYTE = 1 << 20
_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: whoever has started this is asked to do so again


@click.command("serve")
@root_option
@bundle_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--name", "names", multiple=True, help="A host name the device is called by; repeatable."
)
@click.option(
    "--places",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Questions answered or waiting at once; more are refused with 429.",
)
@click.option(
    "--accounts/--no-accounts",
    default=True,
    help="Without accounts everybody on this machine is the admin, and nobody else gets in.",
)
@click.option(
    "--behind-proxy", is_flag=True, help="A proxy in front speaks TLS with the browsers."
)
@click.option(
    "--inbox",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder whose files are read into the index by themselves.",
)
@click.option(
    "--upload-mib",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Longest document that is taken in.",
)
@click.option(
    "--log-first",
    is_flag=True,
    help="Refuse questions that the audit log cannot record, as on a full disk.",
)
@threads_option
@json_option
def command(*, root: Path, bundle: Path | None, as_json: bool, **told: Any) -> None:
    """Answer over HTTP, with a web page at /.

    Runs until interrupted; only this machine can connect unless --host says so. On the first start
    a one-time token is printed, with which the first admin is made on the page. Example:

        sfta-edge serve --port 8080
    """
    from sfta_edge.device import Device, DeviceOptions

    if not told["accounts"] and told["host"] not in _HERE:
        raise ConfigError(
            "--no-accounts would make everybody on the network an admin",
            hint="Leave --host out, or leave the accounts in.",
        )
    options = DeviceOptions(
        threads=told["threads"],
        accounts=told["accounts"],
        unwritable="refuse" if told["log_first"] else "answer",
        inbox=told["inbox"],
    )
    root = root.expanduser()
    folder = bundle_folder(root, bundle)
    with Device.open(folder, root / "data", options) as device:
        _serve(device, root, told, slot=folder if bundle is None else None, as_json=as_json)


def _serve(
    device: "Device", root: Path, told: dict[str, Any], *, slot: Path | None, as_json: bool
) -> None:
    """Listen until the process is asked to end, or a bundle on probation has failed.

    `slot` is the one that answers; None if the bundle lies elsewhere.
    """
    from sfta_edge.api.admission import AdmissionSettings
    from sfta_edge.api.asking import ServeLimits
    from sfta_edge.device_app import device_app
    from sfta_edge.server import (
        Address,
        create_server,
        listening,
        responds,
        run,
        stop,
    )

    limits = ServeLimits(
        places=told["places"],
        file_bytes=told["upload_mib"] * _MEBIBYTE,
        names=frozenset({"localhost", *(name.lower() for name in told["names"])}),
    )
    again = threading.Event()

    def leave() -> None:
        again.set()
        stop(server)

    updates = None if slot is None else _updates(device, root, slot, limits.file_bytes, leave)
    admission = AdmissionSettings(behind_proxy=told["behind_proxy"])
    app = device_app(device, limits, admission, updates)
    server = create_server(app, Address(told["host"], told["port"]), limits)
    _announce(device, [spell(*place) for place in listening(server)], as_json=as_json)
    ends, well = lambda: stop(server), lambda: responds(server)
    try:
        with _watched(device, root, ends, well, proves=slot is not None):
            run(server)
    finally:
        if updates is not None:
            updates.close()
    if again.is_set():
        sys.exit(_AGAIN)


def _announce(device: "Device", places: list[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"bundle": device.info.to_json(), "addresses": places}))
    for place in places:
        click.echo(f"serving {device.info.name} on {place}", err=True)
    _greet(device)


def _updates(
    device: "Device", root: Path, slot: Path, most: int, leave: Callable[[], None]
) -> "Updates":
    """The updates of this installation; `leave` is used only if somebody starts it again."""
    from sfta_edge.notify import is_supervised
    from sfta_edge.updates.receiving import SLICE_BYTES, UpdateLimits
    from sfta_edge.updates.updates import Surroundings, Updates

    restart = leave if is_supervised() else None
    around = Surroundings(restart=restart, on_event=device.audit.append)
    return Updates(root, slot, around, UpdateLimits(slice_bytes=min(SLICE_BYTES, most)))


def _greet(device: "Device") -> None:
    """On the first boot, the token for the first admin; it stands on the console alone."""
    token = device.accounts.setup.begin() if device.accounts else None
    if token:
        click.echo(f"\nnobody has an account yet. One-time token: {token}\n", err=True)


@contextmanager
def _watched(
    device: "Device",
    root: Path,
    end: Callable[[], None],
    well: Callable[[], bool],
    *,
    proves: bool,
) -> Iterator[None]:
    """Tell systemd that all is well, and let a new bundle prove itself."""
    from sfta_edge.notify import Heartbeat, tell
    from sfta_edge.probation import Probation

    failed: list[str] = []

    def leave(reason: str) -> None:
        failed.append(reason)
        end()

    probation = Probation(root, lambda: device.failing, leave) if proves else None
    tell("READY=1")
    heart = Heartbeat(well)
    try:
        yield
    finally:
        heart.close()
        if probation is not None:
            probation.close()
    if failed:
        raise ConfigError(
            f"the new bundle was left for the one before: {failed[0]}",
            hint="Start again: the bundle before answers.",
        )


def spell(host: str, port: int) -> str:
    """The address of a server as a browser takes it."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
