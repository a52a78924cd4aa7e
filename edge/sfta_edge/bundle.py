"""Bundles: a folder, an archive, or an archive in parts; trusted only after their signature."""

import hashlib
import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge import slots
from sfta_edge.archive import (
    Adopt,
    Sink,
    copy_entry,
    nothing_adopted,
    read_files,
    read_manifest,
)
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    Manifest,
    payload,
)
from sfta_edge.parts import is_part, open_parts
from sfta_edge.signature import (
    SIGNATURE_BYTES,
    fingerprint,
    read_limited,
    verify_manifest,
)

KIND = "bundle"
_SPARE_BYTES = 64 << 20  # left free beside the bundle: state, keys, logs


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose signature was verified; its files not yet."""

    manifest: Manifest
    raw: bytes
    signature: bytes
    copy: Callable[[Sink, Adopt], None]
    """Streams every file that is not adopted into a sink, hashing as it goes."""


@contextmanager
def opened(bundle: Path, key: Ed25519PublicKey) -> Iterator[Opened]:
    """Verify signature and layout of a folder or an archive.

    Raises:
        IntegrityError: no bundle, or signed with another key.
    """
    if bundle.is_dir():
        raw = read_limited(bundle / MANIFEST, MAX_MANIFEST_BYTES)
        signature = read_limited(bundle / SIGNATURE, SIGNATURE_BYTES)
        manifest = verify_manifest(raw, signature, key)
        check_layout(manifest)
        yield Opened(
            manifest, raw, signature, lambda sink, adopt: _copy(bundle, manifest, sink, adopt)
        )
        return
    try:
        stream = open_parts(bundle) if is_part(bundle) else bundle.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read the bundle {bundle}: {error.strerror}") from error
    with stream:
        manifest, raw, signature = read_manifest(stream, key)
        check_layout(manifest)
        yield Opened(
            manifest, raw, signature,
            lambda sink, adopt: read_files(stream, manifest, sink, adopt),
        )  # fmt: skip


def verify_bundle(bundle: Path, key: Ed25519PublicKey) -> Manifest:
    """Verify a folder or an archive completely, without writing anything.

    Raises:
        IntegrityError: names what is wrong.
    """
    with opened(bundle, key) as found:
        found.copy(lambda _entry: len, nothing_adopted)
        return found.manifest


def describe(
    manifest: Manifest, raw: bytes, key: Ed25519PublicKey, environment: str = ""
) -> slots.Installed:
    """The facts of a bundle that its slot is known by."""
    name, counter = manifest.facts.get("name"), manifest.facts.get("counter")
    if not isinstance(name, str) or not isinstance(counter, int) or counter < 1:
        raise IntegrityError("the bundle has no usable name and counter")
    return slots.Installed(
        name=name,
        counter=counter,
        digest=manifest.digest,
        manifest=hashlib.sha256(raw).hexdigest(),
        key=fingerprint(key),
        environment=environment,
    )


def check_layout(manifest: Manifest) -> None:
    """Refuse a manifest that cannot be a folder of its own.

    Raises:
        IntegrityError: another kind of artifact, a reserved name, or a file that another
            file lies below.
    """
    if manifest.kind != KIND:
        raise IntegrityError(f"this is an artifact of the kind {manifest.kind!r}, no bundle")
    folded = {entry.path.casefold() for entry in manifest.files}
    for path in sorted(folded):
        if path in (MANIFEST, SIGNATURE):
            raise IntegrityError(f"the manifest lists itself: {path}")
        for parent in PurePosixPath(path).parents:
            if parent.as_posix() in folded:
                raise IntegrityError(f"{parent} is both a file and a folder in the manifest")


def preflight(manifest: Manifest, root: Path, is_there: Adopt = nothing_adopted) -> None:
    """Check that this device can run the bundle and has room for what `is_there` does not name.

    Raises:
        ConfigError: one sentence for each thing that does not fit.
    """
    compat = manifest.facts.get("compat")
    if not isinstance(compat, dict):
        raise IntegrityError("the bundle does not say which devices it is made for")
    here = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": platform.machine(),
        "system": platform.system().lower(),
    }
    problems = []
    for name, value in here.items():
        wanted = compat.get(name, [])
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if value not in allowed:
            listing = " or ".join(str(one) for one in allowed) or "(not stated)"
            problems.append(f"the bundle is made for {name} {listing}; this device has {value}")
    problems += _libc_problems(compat.get("glibc"))
    needed = sum(e.size for e in manifest.files if not is_there(e)) + _SPARE_BYTES
    free = shutil.disk_usage(root).free
    if free < needed:
        problems.append(f"{root} has {free >> 20} MiB free; {needed >> 20} MiB are needed")
    if problems:
        raise ConfigError("\n".join(problems), hint="Nothing has changed on this device.")


def _libc_problems(wanted: object) -> list[str]:
    """Packages for a newer C library fail as they are loaded: after the switch, not before."""
    asked = [str(one) for one in wanted] if isinstance(wanted, list) else []
    name, here = platform.libc_ver()
    if not asked or (name == "glibc" and _numbers(here) >= max(map(_numbers, asked))):
        return []
    found = f"glibc {here}" if name == "glibc" else "another C library"
    least = max(asked, key=_numbers)
    return [f"the bundle needs glibc {least} or newer; this device has {found}"]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _copy(root: Path, manifest: Manifest, sink: Sink, adopt: Adopt) -> None:
    listed = {entry.path for entry in manifest.files}
    for path in payload(root):
        name = path.relative_to(root).as_posix()
        if name not in listed:
            raise IntegrityError(f"not listed: {name}")
    for entry in sorted(manifest.files):
        if adopt(entry):
            continue
        try:
            # Without O_NONBLOCK a pipe in the place of the file would be waited for without end.
            handle = os.open(root / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise IntegrityError(f"missing: {entry.path} ({error.strerror})") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise IntegrityError(f"not a regular file: {entry.path}")
        with os.fdopen(handle, "rb") as source:
            copy_entry(source, entry, sink(entry))
            if source.read(1):
                raise IntegrityError(f"changed: {entry.path}")
