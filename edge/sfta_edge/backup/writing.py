"""From the data of a device to one encrypted file."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from sfta_edge.archive import BLOCK, header, read_files
from sfta_edge.backup.encryption import HEADER_BYTES, Opened, Sealing
from sfta_edge.backup.snapshot import KIND, Snapshot, take_snapshot
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, sync_folder

LENGTH_BYTES = 8
_COPY_BYTES = 1 << 20
Progress = Callable[[int, int], None]
"""Called with the bytes that are done and all there are."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was written and read back."""

    path: Path
    files: int
    size: int
    digest: str
    """Identity of what is in it."""


def make_backup(
    data: Path, out: Path, recipient: X25519PublicKey, progress: Progress | None = None
) -> Made:
    """Write a backup, read it back, and only then give it its name.

    Raises:
        ConfigError: `out` is there, or there is no room; see `snapshot.take_snapshot`.
        IntegrityError: the data cannot be read, or the disk gave other bytes back.
    """
    if out.exists():
        raise ConfigError(f"{out} is already there", hint="Choose another name.")
    scratch = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with snapshot_of(data) as snapshot:
            sealing = Sealing(recipient)
            with scratch.open("wb") as stream:
                scratch.chmod(0o600)
                for block in sealing.seal(plain_pieces(snapshot, progress)):
                    stream.write(block)
                stream.flush()
                os.fsync(stream.fileno())
            with scratch.open("rb") as stream:
                _forget_cached(stream)
                stream.seek(HEADER_BYTES)
                verify_content(Opened(stream, sealing.key))
            size = scratch.stat().st_size
            scratch.rename(out)
            sync_folder(out.absolute().parent)
            manifest = snapshot.manifest
            return Made(out, len(manifest.files), size, manifest.digest)
    finally:
        scratch.unlink(missing_ok=True)


def stream_backup(data: Path, recipient: X25519PublicKey) -> Generator[bytes, None, None]:
    """The same for a download; whoever receives it checks it, see `restoring.check_backup`."""
    with snapshot_of(data) as snapshot:
        yield from Sealing(recipient).seal(plain_pieces(snapshot))


@contextmanager
def snapshot_of(data: Path) -> Iterator[Snapshot]:
    """A snapshot that is gone after the block.

    Raises:
        ConfigError, IntegrityError: as `snapshot.take_snapshot`.
    """
    whole = data.absolute()
    if not whole.is_dir():
        raise ConfigError(f"there are no data in {data}")
    _remove_abandoned(whole)
    scratch = whole.with_name(f".{whole.name}.backup-{os.urandom(8).hex()}")
    scratch.mkdir(mode=0o700)
    handle = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield take_snapshot(whole, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(handle)


def _remove_abandoned(data: Path) -> None:
    """Remove snapshots whose backup was killed: nobody holds a lock on them any more."""
    for scratch in data.parent.glob(f".{data.name}.backup-*"):
        handle = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(scratch, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def plain_pieces(snapshot: Snapshot, progress: Progress | None = None) -> Iterator[bytes]:
    """What is encrypted: the manifest behind its length, then the files as a ustar archive.

    Raises:
        IntegrityError: a file changed since the snapshot.
        ConfigError: there are more files than a manifest holds.
    """
    raw = snapshot.manifest.to_bytes()
    if len(raw) > MAX_MANIFEST_BYTES:
        raise ConfigError(f"{len(snapshot.manifest.files)} files are more than a backup holds")
    yield len(raw).to_bytes(LENGTH_BYTES, "big") + raw
    done, whole = 0, snapshot.size
    for entry in sorted(snapshot.manifest.files):
        yield header(entry.path, entry.size)
        for piece in _pieces(snapshot.root, entry):
            yield piece
            done += len(piece)
            if progress is not None:
                progress(done, whole)
        yield bytes(-entry.size % BLOCK)
    yield bytes(2 * BLOCK)


def read_manifest(source: Opened) -> Manifest:
    """The first thing in a backup.

    Raises:
        IntegrityError: it is not what a backup begins with.
    """
    length = int.from_bytes(source.read(LENGTH_BYTES), "big")
    if length > MAX_MANIFEST_BYTES:
        raise IntegrityError(
            f"the backup has a manifest of more than {MAX_MANIFEST_BYTES} bytes"
        )
    raw = source.read(length)
    manifest = Manifest.from_bytes(raw)
    if manifest.to_bytes() != raw or manifest.kind != KIND:
        raise IntegrityError("what is encrypted is no backup")
    return manifest


def verify_content(source: Opened) -> Manifest:
    """Read a whole backup and compare every byte with its manifest.

    Raises:
        IntegrityError: names what is not as it should be.
    """
    manifest = read_manifest(source)
    read_files(as_stream(source), manifest, lambda _entry: lambda _block: None)
    return manifest


def as_stream(source: Opened) -> BinaryIO:
    """What `archive` reads from: it needs nothing but `read`."""
    stream: BinaryIO = source  # type: ignore[assignment]
    return stream


def _pieces(root: Path, entry: FileEntry) -> Iterator[bytes]:
    sha256, size = hashlib.sha256(), 0
    with (root / entry.path).open("rb") as stream:
        while piece := stream.read(_COPY_BYTES):
            sha256.update(piece)
            size += len(piece)
            yield piece
    if (size, sha256.hexdigest()) != (entry.size, entry.sha256):
        raise IntegrityError(f"{entry.path} changed while it was read")


def _forget_cached(stream: BinaryIO) -> None:
    """Ask for the bytes on the disk, not for those in memory."""
    os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
