"""``sfta-edge serve``: the Edge API and the web page."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    root_option,
    threads_option,
)


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
    "waiting",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Questions answered or waiting at once; more are refused with 429.",
)
@threads_option
@json_option
def command(  # noqa: PLR0917 one parameter per option
    root: Path,
    bundle: Path | None,
    host: str,
    port: int,
    names: tuple[str, ...],
    waiting: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Answer over HTTP, with a web page at /.

    Runs until interrupted; only this machine can connect unless --host says so. Example:

        sfta-edge serve --port 8080
    """
    from sfta_edge.app import ServeLimits, create_app
    from sfta_edge.appliance import Appliance
    from sfta_edge.server import Address, create_server, listening, run

    known = frozenset({"localhost", *(name.lower() for name in names)})
    limits = ServeLimits(places=waiting, names=known)
    with Appliance.open(bundle_folder(root, bundle), threads=threads) as appliance:
        app = create_app(appliance.answerer, appliance.info, limits)
        server = create_server(app, Address(host, port), limits)
        places = [spell(*place) for place in listening(server)]
        if as_json:
            click.echo(json.dumps({"bundle": appliance.info.to_json(), "addresses": places}))
        for place in places:
            click.echo(f"serving {appliance.info.name} on {place}", err=True)
        run(server)


def spell(host: str, port: int) -> str:
    """The address of a server as a browser takes it."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
