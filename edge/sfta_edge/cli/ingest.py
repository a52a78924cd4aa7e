"""``sfta-edge ingest``: read documents into the index of this device."""

import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sfta_edge.cli.options import (
    bundle_folder,
    bundle_option,
    json_option,
    root_option,
    threads_option,
)
from sfta_edge.errors import ConfigError, IntegrityError, SftaError

if TYPE_CHECKING:
    from sfta_edge.library.job import Job
    from sfta_edge.library.library import Library

_POLL_SECONDS = 0.2
_TOLD_EVERY_SECONDS = 5.0
Refused = list[tuple[str, str]]
"""Names of files that were not taken in, with the reason."""


@click.command("ingest")
@click.argument("sources", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--collection", default="", help="Collection the documents belong to.")
@click.option(
    "--access", default="", help="Groups that may read them, as in a,b. Default: all."
)
@root_option
@bundle_option
@threads_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    sources: tuple[Path, ...],
    collection: str,
    access: str,
    root: Path,
    bundle: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Read SOURCES, files and folders, so that questions are answered from them too.

    What was interrupted goes on when the command is called again, also without SOURCES. A file
    that was read before is not read again. Example:

        sfta-edge ingest manuals/ --collection pumps
    """
    with _library(root, bundle, threads) as library:
        asked, refused = _submitted(library, sources, collection, access)
        _follow(library)
        jobs = [library.job(identity) for identity in asked]
    failed = [*refused, *((job.name, job.error or job.state) for job in jobs if not _fine(job))]
    if as_json:
        documents = [job.to_json() for job in jobs]
        click.echo(json.dumps({"jobs": documents, "refused": [list(pair) for pair in refused]}))
    else:
        for job in jobs:
            if _fine(job):
                click.echo(f"{job.name}: {job.pages} pages, {job.chunks} chunks")
    for name, reason in failed:
        click.echo(f"not read: {name}: {reason}", err=True)
    if failed:
        ctx.exit(1)
    click.echo('next: sfta-edge ask "..."', err=True)


@contextmanager
def _library(root: Path, bundle: Path | None, threads: int | None) -> "Iterator[Library]":
    """The library of an installation, at work."""
    from sfta_edge.appliance import BundleFiles
    from sfta_edge.documents.rules import ChunkSizes
    from sfta_edge.embedder import Embedder
    from sfta_edge.library.library import Library
    from sfta_edge.lock import DataLock
    from sfta_edge.manifest import Manifest

    folder = bundle_folder(root, bundle)
    manifest = Manifest.read(folder)
    files = BundleFiles.of(folder, manifest)
    listed = {folder / entry.path: entry.sha256 for entry in manifest.files}
    data = root.expanduser() / "data"
    with ExitStack() as opened:
        try:
            opened.enter_context(DataLock(data, "ingest"))
        except ConfigError as error:
            hint = (
                "While the device answers, hand files in on its page or to POST /v1/documents."
            )
            raise ConfigError(str(error), hint=hint) from error
        embedder = opened.enter_context(Embedder(files.embedder, threads=threads))
        if embedder.identity.sha256 != listed[files.embedder]:
            raise IntegrityError(
                f"changed: {files.embedder.name}", hint="Install the bundle again."
            )
        rules = ChunkSizes.of(manifest.facts)
        yield opened.enter_context(Library(data, embedder, rules=rules))


def _submitted(
    library: "Library", sources: Sequence[Path], collection: str, access: str
) -> tuple[list[str], Refused]:
    """Ids of the jobs of all files, and what was refused."""
    asked: dict[str, None] = {}
    refused: Refused = []
    for name, path in _files(sources):
        try:
            # A pipe or a device would be waited for, or never end.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as stream:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ConfigError("it is no regular file")
                made = library.submit(
                    stream, name, collection=collection, access=access, owner="ingest"
                )
        except SftaError as error:
            refused.append((name, str(error)))
        except OSError as error:
            refused.append((name, error.strerror or str(error)))
        else:
            asked[made.job.id] = None
    return list(asked), refused


def _files(sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Name and path of each file; hidden files of a folder, and links in it, are left out."""
    for source in sources:
        if not source.is_dir():
            yield source.name, source
            continue
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source)
            hidden = any(part.startswith(".") for part in name.parts)
            if not hidden and path.is_file() and not path.is_symlink():
                yield name.as_posix(), path


def _follow(library: "Library") -> None:
    """Wait until everything is read; say from time to time how far it is."""
    told = time.monotonic()
    while not library.wait(_POLL_SECONDS):
        if time.monotonic() - told < _TOLD_EVERY_SECONDS:
            continue
        told = time.monotonic()
        open_jobs = [job for job in library.jobs() if job.finished is None]
        for job in open_jobs:
            if job.state == "running" or job.error:
                share = (
                    f"{job.done} of {job.total} chunks" if job.total else job.error or job.step
                )
                click.echo(f"{job.name}: {share}; {len(open_jobs)} files to go", err=True)


def _fine(job: "Job") -> bool:
    return job.state == "done"
