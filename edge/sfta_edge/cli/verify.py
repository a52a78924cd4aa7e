"""``sfta-edge verify``: is this bundle what its maker signed?"""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option


@click.command("verify")
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    "key_path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Public key of the bundle's maker, PEM.",
)
@json_option
def command(bundle: Path, key_path: Path, as_json: bool) -> None:
    """Check the signature and every file of BUNDLE, a folder or a .tar.

    Nothing is written. Example:

        sfta-edge verify manuals-3.tar --key maker.pem
    """
    from sfta_edge.bundle import verify_bundle
    from sfta_edge.signature import fingerprint, load_public_key

    key = load_public_key(key_path)
    manifest = verify_bundle(bundle, key)
    result = {
        "name": manifest.facts.get("name"),
        "counter": manifest.facts.get("counter"),
        "digest": manifest.digest,
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
        "key": fingerprint(key),
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(
        f"verified {result['name']} {result['counter']}: {result['files']} files, "
        f"{result['bytes']} bytes, digest {manifest.digest[:16]}"
    )
    click.echo(f"next: sfta-edge install {bundle} --key {key_path}", err=True)
