"""`sfta keygen`: a key pair that signs bundles."""

from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json


@click.command("keygen")
@click.argument("private", type=click.Path(path_type=Path))
@JSON
def command(private: Path, as_json: bool) -> None:
    """Write an Ed25519 private key to PRIVATE and its public key beside it (.pub).

    An existing key is never replaced.

    Example: sfta keygen keys/release.pem
    """
    from sfta_edge.signature import generate_key

    public = private.with_suffix(".pub")
    generate_key(private, public)
    if as_json:
        print_json({"private": str(private), "public": str(public)})
        return
    click.echo(f"private key: {private} (keep it offline)\npublic key:  {public}")
    click.echo(f"next: sfta bundle RECIPE --key {private}")
