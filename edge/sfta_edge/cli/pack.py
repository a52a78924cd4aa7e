"""``sfta-edge pack``: a bundle for small media, or only what an older one lacks."""

import json
from pathlib import Path

import click

from sfta_edge.cli.options import json_option

_MEGABYTE = 1 << 20


@click.command("pack")
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--without",
    "older",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a bundle that the device has: its files are left out. Repeatable.",
)
@click.option(
    "--parts",
    "megabytes",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Also cut it into parts of so many MiB: OUT.001, OUT.002, ...",
)
@json_option
def command(
    bundle: Path, out: Path, *, older: tuple[Path, ...], megabytes: int | None, as_json: bool
) -> None:
    """Write BUNDLE, a folder, to the archive OUT, which ends in .tar.

    The signature covers the manifest, which stays the same: no key is needed to make an update
    small. A device takes what is left out from the bundles it has, by hash. Example:

        sfta-edge pack manuals-4 manuals-3-to-4.tar --without manuals-3
    """
    from sfta_edge.archive import write_archive
    from sfta_edge.errors import ConfigError
    from sfta_edge.manifest import Manifest
    from sfta_edge.parts import split

    if out.suffix != ".tar":
        raise ConfigError(f"{out} must end in .tar")
    manifest = Manifest.read(bundle)
    there = {entry.sha256 for path in older for entry in Manifest.read(path).files}
    write_archive(bundle, manifest, out, without=frozenset(there))
    made = split(out, megabytes * _MEGABYTE) if megabytes else [out]
    left_out = sum(entry.sha256 in there for entry in manifest.files)
    facts = {"files": [str(path) for path in made], "bytes": out.stat().st_size}
    if as_json:
        click.echo(json.dumps({**facts, "left_out": left_out}))
        return
    for path in made:
        click.echo(path)
    click.echo(
        f"{len(manifest.files) - left_out} of {len(manifest.files)} files, "
        f"{out.stat().st_size / _MEGABYTE:.1f} MiB"
    )
    click.echo(f"next: sfta-edge install {made[0]} --key KEY   (on the device)", err=True)
