"""``sfta-edge trust``: which keys may sign bundles for this device."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option, root_option


@click.command("trust")
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
@root_option
@json_option
def command(file: Path | None, root: Path, as_json: bool) -> None:
    """Adopt the trust file FILE, or say which keys count now.

    The first one is taken as it comes: compare its fingerprints with its maker's. Later ones
    have to be newer and signed by root keys of the one before. Example:

        sfta-edge trust /media/stick/trust-2.json
    """
    from sfta_edge.errors import ConfigError
    from sfta_edge.signature import raw_fingerprint
    from sfta_edge.trust import TrustRoot, adopt, current_trust

    root = root.expanduser()
    if file is not None:
        adopt(root, TrustRoot.read(file))
    trust = current_trust(root)
    if trust is None:
        raise ConfigError(
            f"{root} has no trust file", hint="Bundles are checked with --key alone."
        )
    keys = {raw_fingerprint(key): use for key, use in trust.signing_keys.items()}
    if as_json:
        facts = {"version": trust.version, "threshold": trust.threshold}
        click.echo(json.dumps({**facts, "signing_keys": keys, "revoked": list(trust.revoked)}))
        return
    click.echo(f"trust file {trust.version}; {trust.threshold} root keys sign the next")
    for name, use in sorted(keys.items()):
        click.echo(f"{use:11}  {name}{'  revoked' if name in trust.revoked else ''}")
