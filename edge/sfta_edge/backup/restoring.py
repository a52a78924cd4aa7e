"""From an encrypted file back to the data of a device."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sfta_edge.archive import Write, read_files, writing_below
from sfta_edge.audit.restored import carry_on, note_restore
from sfta_edge.backup.checks import check_data, check_version
from sfta_edge.backup.encryption import Opened, open_sealed
from sfta_edge.backup.swap import begin, old_data, swap
from sfta_edge.backup.writing import Progress, as_stream, read_manifest, verify_content
from sfta_edge.errors import ConfigError
from sfta_edge.lock import DataLock
from sfta_edge.manifest import FileEntry, Manifest

_SPARE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    files: int
    size: int
    digest: str
    """Identity of what was in the backup."""
    facts: Mapping[str, Any]
    """When it was made, by which version, and whether its audit log was intact."""
    replaced: Path | None = None
    """Where the data from before lie."""


def check_backup(source: Path, private: X25519PrivateKey) -> Restored:
    """Verify every byte of a backup; writes nothing.

    Raises:
        ConfigError: it cannot be read.
        IntegrityError: it was changed, cut off, or made for another key.
    """
    with _opened(source, private) as opened:
        return _summary(verify_content(opened))


def restore(
    source: Path,
    private: X25519PrivateKey,
    data: Path,
    *,
    schemas: Mapping[str, int] | None = None,
    witness: Path | None = None,
    progress: Progress | None = None,
) -> Restored:
    """Put the data of a backup in the place of those that are there.

    Nothing is touched before all of it is verified; then one step switches. The data that were
    there stay beside, until `discard_old`.

    Args:
        source: the backup.
        private: key it was made for.
        data: the folder, which does not have to be there.
        schemas: newest version of each kind of database that this program knows.
        witness: second head of the audit log, outside of the data; see `audit.log.Audit`.
        progress: is told the bytes that are done.

    Raises:
        ConfigError: the data are in use, the backup cannot be read, or there is no room.
        IntegrityError: the backup or what is in it is damaged, or of a newer version.
    """
    with DataLock(data, "restore"), _opened(source, private) as opened:
        manifest = read_manifest(opened)
        check_version(manifest, schemas or {})
        size = sum(entry.size for entry in manifest.files)
        _check_room(data, size)
        scratch = begin(data)
        try:
            _unpack(opened, manifest, scratch, progress)
            check_data(scratch, manifest)
            carry_on(scratch, data)
            note_restore(scratch, witness, {"backup": manifest.digest, **_when(manifest)})
            replaced = swap(data, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return _summary(manifest, replaced)


def discard_old(data: Path) -> list[Path]:
    """Remove the data that restores replaced; returns what was removed.

    Raises:
        ConfigError: the data are in use.
    """
    with DataLock(data, "restore"):
        found = old_data(data)
        for path in found:
            shutil.rmtree(path)
        return found


@contextmanager
def _opened(source: Path, private: X25519PrivateKey) -> Iterator[Opened]:
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {error.strerror}") from error
    with stream:
        yield open_sealed(stream, private)


def _unpack(
    opened: Opened, manifest: Manifest, scratch: Path, progress: Progress | None
) -> None:
    whole = sum(entry.size for entry in manifest.files)
    done = 0
    with writing_below(scratch) as writes:

        def sink(entry: FileEntry) -> Write:
            write = writes(entry)

            def counted(block: bytes) -> None:
                nonlocal done
                write(block)
                done += len(block)
                if progress is not None:
                    progress(done, whole)

            return counted

        read_files(as_stream(opened), manifest, sink)
    for path in scratch.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _check_room(data: Path, size: int) -> None:
    free = shutil.disk_usage(data.absolute().parent).free
    if free < size + _SPARE_BYTES:
        raise ConfigError(
            f"the backup needs {(size + _SPARE_BYTES) >> 20} MiB, {free >> 20} MiB are free",
            hint="Make room, or discard the data of an earlier restore with --discard-old.",
        )


def _when(manifest: Manifest) -> dict[str, Any]:
    return {name: manifest.facts.get(name) for name in ("made", "program")}


def _summary(manifest: Manifest, replaced: Path | None = None) -> Restored:
    size = sum(entry.size for entry in manifest.files)
    facts = {**_when(manifest), "audit": manifest.facts.get("audit")}
    return Restored(len(manifest.files), size, manifest.digest, facts, replaced)
