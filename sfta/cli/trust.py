"""`sfta trust`: the file that says which keys may sign bundles, made and signed by root keys."""

from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json

_FILE = click.Path(path_type=Path)
_THERE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("trust")
def command() -> None:
    """Say which keys may sign bundles, and change that when a key is lost.

    Example: sfta trust make trust.json --root-key safe-a.pub --signing-key release.pub
    """


@command.command("make")
@click.argument("out", type=_FILE)
@click.option(
    "--root-key", "roots", type=_THERE, multiple=True, help="Public root key; repeat."
)
@click.option("--signing-key", "release", type=_THERE, multiple=True, help="May sign bundles.")
@click.option(
    "--development-key",
    "development",
    type=_THERE,
    multiple=True,
    help="May sign bundles for devices that are not in production.",
)
@click.option("--revoke", type=_THERE, multiple=True, help="Public key that no longer counts.")
@click.option(
    "--threshold",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Root keys that have to sign the next file.",
)
@click.option("--after", type=_THERE, help="The file that this one replaces.")
@JSON
def make(
    out: Path,
    *,
    roots: tuple[Path, ...],
    release: tuple[Path, ...],
    development: tuple[Path, ...],
    revoke: tuple[Path, ...],
    threshold: int,
    after: Path | None,
    as_json: bool,
) -> None:
    """Write a trust file without signatures to OUT.

    What `--after` names has the version before; its root keys stay unless others are given, and
    what it has revoked stays revoked.

    Example: sfta trust make trust-2.json --after trust.json --signing-key new.pub --revoke old.pub
    """  # fmt: skip
    from sfta_edge.errors import ConfigError
    from sfta_edge.signature import fingerprint, load_public_key
    from sfta_edge.trust import TrustRoot, make_trust, raw_key

    before = TrustRoot.read(after) if after else None
    kept = before.root_keys if before else ()
    root_keys = tuple(raw_key(load_public_key(path)) for path in roots) or kept
    if not root_keys:
        raise ConfigError("a trust file needs a root key", hint="Make one with `sfta keygen`.")
    gone = {fingerprint(load_public_key(path)) for path in revoke}
    uses = {raw_key(load_public_key(path)): "release" for path in release}
    uses |= {raw_key(load_public_key(path)): "development" for path in development}
    made = make_trust(
        version=before.version + 1 if before else 1,
        threshold=threshold,
        root_keys=root_keys,
        signing_keys=uses,
        revoked=tuple(sorted(gone | set(before.revoked if before else ()))),
    )
    _write(out, made.to_bytes())
    if as_json:
        print_json({"path": str(out), "version": made.version, "signatures": 0})
        return
    click.echo(f"{out}: version {made.version}, {len(uses)} signing keys, not signed yet")
    click.echo(f"next: sfta trust sign {out} --key ROOT_KEY.pem")


@command.command("sign")
@click.argument("file", type=_THERE)
@click.option("--key", type=_THERE, required=True, help="Private root key.")
@JSON
def sign(file: Path, *, key: Path, as_json: bool) -> None:
    """Add the signature of a root key to FILE. Root keys of the file before sign as well.

    Example: sfta trust sign trust.json --key safe-a.pem
    """
    from sfta_edge.signature import load_private_key
    from sfta_edge.trust import TrustRoot

    signed = TrustRoot.read(file).signed_by(load_private_key(key))
    _write(file, signed.to_bytes())
    if as_json:
        facts = {"path": str(file), "version": signed.version}
        print_json({**facts, "signatures": len(signed.signatures)})
        return
    click.echo(f"{file}: {len(signed.signatures)} signatures")
    click.echo(f"next: sfta-edge trust {file}   (on the device)")


def _write(path: Path, content: bytes) -> None:
    from sfta_edge.errors import ConfigError
    from sfta_edge.manifest import write_durably

    try:
        write_durably(path, content)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
