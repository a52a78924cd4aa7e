"""``sfta-edge install``: put a bundle into the spare slot and switch to it."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option


@click.command("install")
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    "key_path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Public key of the bundle's maker, PEM.",
)
@root_option
@click.option("--allow-older", is_flag=True, help="Accept a bundle older than the last one.")
@click.option(
    "--development",
    is_flag=True,
    help="Accept a key that the trust file lists for development.",
)
@click.option(
    "--test/--no-test",
    "tested",
    default=True,
    help="Try the bundle's golden questions on this device before it may answer.",
)
@click.option("--environment", default="", hidden=True, help="Set by install.sh.")
@json_option
def command(
    bundle: Path,
    *,
    key_path: Path,
    root: Path,
    allow_older: bool,
    development: bool,
    tested: bool,
    environment: str,
    as_json: bool,
) -> None:
    """Verify BUNDLE, a folder or a .tar, and make it the one that answers.

    What was active before stays complete in the other slot, and comes back by itself if the new
    one does not prove itself. Example:

        sfta-edge install manuals-3.tar --key maker.pem
    """
    from sfta_edge.installation import install as install_bundle
    from sfta_edge.selftest import try_bundle
    from sfta_edge.signature import load_public_key
    from sfta_edge.slots import active_slot

    root = root.expanduser()

    def trial(folder: Path) -> None:
        click.echo("trying its golden questions on this device", err=True)
        try_bundle(root, folder)

    installed = install_bundle(
        bundle,
        root,
        load_public_key(key_path),
        allow_older=allow_older,
        development=development,
        environment=environment,
        trial=trial if tested else None,
    )
    if as_json:
        click.echo(json.dumps({**asdict(installed), "slot": str(active_slot(root))}))
        return
    click.echo(f"installed {installed.name} {installed.counter} in {active_slot(root)}")
    if not environment:  # install.sh says its own last line
        click.echo(f'next: sfta-edge ask "..." --root {root}', err=True)
