"""Verifying and installing bundles: folders or archives, trusted only after their signature.

Installing never touches what answers now: the bundle is written beside it, verified where it
lies, and only then made active by one replacement of a small file (see `sfta_edge.slots`).
"""

import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge import slots
from sfta_edge.archive import Write, copy_entry, read_files, read_manifest, writing_below
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    FileEntry,
    Manifest,
    payload,
    sync_folder,
    write_durably,
)
from sfta_edge.signature import (
    SIGNATURE_BYTES,
    fingerprint,
    open_verified,
    read_limited,
    verify_manifest,
)
from sfta_edge.trust import require_trusted

KIND = "bundle"
_SPARE_BYTES = 64 << 20  # left free beside the bundle: state, keys, logs
_INCOMING = ".incoming"


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose signature was verified; its files not yet."""

    manifest: Manifest
    raw: bytes
    signature: bytes
    copy: Callable[[Callable[[FileEntry], Write]], None]
    """Streams every file into a sink, hashing as it goes."""


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
        yield Opened(manifest, raw, signature, lambda sink: _copy(bundle, manifest, sink))
        return
    try:
        stream = bundle.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read the bundle {bundle}: {error.strerror}") from error
    with stream:
        manifest, raw, signature = read_manifest(stream, key)
        check_layout(manifest)
        yield Opened(manifest, raw, signature, lambda sink: read_files(stream, manifest, sink))


def verify_bundle(bundle: Path, key: Ed25519PublicKey) -> Manifest:
    """Verify a folder or an archive completely, without writing anything.

    Raises:
        IntegrityError: names what is wrong.
    """
    with opened(bundle, key) as found:
        found.copy(lambda _entry: len)
        return found.manifest


def install(
    bundle: Path,
    root: Path,
    key: Ed25519PublicKey,
    *,
    allow_older: bool = False,
    development: bool = False,
    environment: str = "",
    trial: Callable[[Path], object] | None = None,
) -> slots.Installed:
    """Install a bundle and make it the active one, on probation if there is one to go back to.

    `environment` names the folder below ``environments`` in which its program was installed.
    With `allow_older` a bundle may replace a newer one, with `development` keys count that the
    trust file lists for that. `trial` is given the complete folder before anything changes, and
    raises if the bundle must not answer. Interrupted at any point, the bundle that was active
    before stays active and complete.

    Raises:
        IntegrityError: the bundle is not what was signed, or is older than what is installed.
        ConfigError: the bundle is not made for this device, or there is no room for it.
    """
    try:
        with slots.locked(root), opened(bundle, key) as found:
            require_trusted(root, key, development=development)
            installed = describe(found.manifest, found.raw, key, environment)
            current = slots.read_state(root).current
            if current == installed and _is_intact(root, key):
                return installed
            if not allow_older:
                _require_newer(root, installed, key)
            preflight(found.manifest, root)
            incoming = _write_incoming(found, root, key)
            if trial is not None:
                _try_out(trial, incoming)
            _fill_spare_slot(incoming, root, installed, key)
            return installed
    except OSError as error:
        raise SftaError(
            f"cannot install into {root}: {error}",
            hint="What was active before still is.",
        ) from error


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


def preflight(manifest: Manifest, root: Path) -> None:
    """Check that this device can run the bundle and has room for it.

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
    needed = sum(entry.size for entry in manifest.files) + _SPARE_BYTES
    free = shutil.disk_usage(root).free
    if free < needed:
        problems.append(f"{root} has {free >> 20} MiB free; {needed >> 20} MiB are needed")
    if problems:
        raise ConfigError("\n".join(problems), hint="Nothing has changed on this device.")


def _require_newer(root: Path, installed: slots.Installed, key: Ed25519PublicKey) -> None:
    # The state file may have been lost: what lies in the slots counts as well.
    present = [_in_slot(slots.slot_path(root, name), key) for name in slots.NAMES]
    others = [slot for slot in present if slot is not None]
    recorded = slots.read_state(root).counters.get(installed.key, 0)
    highest = max([recorded, *(slot.counter for slot in others)])
    if installed.counter < highest:
        raise IntegrityError(
            f"bundle {installed.counter} is older than {highest}, which was installed before",
            hint="To go back on purpose, use `sfta-edge rollback` or --allow-older.",
        )
    for slot in others:
        if slot.counter == installed.counter and slot.manifest != installed.manifest:
            raise IntegrityError(
                f"another bundle with the counter {slot.counter} is installed",
                hint="Whoever makes the bundle must raise bundle.counter.",
            )


def _in_slot(path: Path, key: Ed25519PublicKey) -> slots.Installed | None:
    """What a slot holds, if this key signed it."""
    try:
        raw = read_limited(path / MANIFEST, MAX_MANIFEST_BYTES)
        signature = read_limited(path / SIGNATURE, SIGNATURE_BYTES)
        return describe(verify_manifest(raw, signature, key), raw, key)
    except IntegrityError:
        return None


def _is_intact(root: Path, key: Ed25519PublicKey) -> bool:
    try:
        open_verified(slots.active_slot(root), key)
    except IntegrityError:
        return False
    return True


def _write_incoming(found: Opened, root: Path, key: Ed25519PublicKey) -> Path:
    """Write the bundle beside the slots and verify it where it lies."""
    incoming = root / "slots" / _INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    try:
        with writing_below(incoming) as sink:
            found.copy(sink)
        write_durably(incoming / SIGNATURE, found.signature)
        write_durably(incoming / MANIFEST, found.raw)
        for folder in [path for path in incoming.rglob("*") if path.is_dir()]:
            sync_folder(folder)
        open_verified(incoming, key)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    return incoming


def _try_out(trial: Callable[[Path], object], incoming: Path) -> None:
    """What fails goes away before the slot that a rollback needs is touched."""
    try:
        trial(incoming)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise


def _fill_spare_slot(
    incoming: Path, root: Path, installed: slots.Installed, key: Ed25519PublicKey
) -> None:
    state = slots.read_state(root)
    slot = slots.slot_path(root, state.spare)
    # Forgotten before it is replaced: a rollback must never reach a slot that changed.
    slots.write_state(root, state.without(state.spare))
    if slot.exists():
        shutil.rmtree(slot)
    incoming.rename(slot)
    sync_folder(slot.parent)
    slots.activate(root, state.spare, installed, key, slots.State.on_probation)


def _copy(root: Path, manifest: Manifest, sink: Callable[[FileEntry], Write]) -> None:
    listed = {entry.path for entry in manifest.files}
    for path in payload(root):
        name = path.relative_to(root).as_posix()
        if name not in listed:
            raise IntegrityError(f"not listed: {name}")
    for entry in sorted(manifest.files):
        try:
            handle = os.open(root / entry.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise IntegrityError(f"missing: {entry.path} ({error.strerror})") from error
        with os.fdopen(handle, "rb") as source:
            copy_entry(source, entry, sink(entry))
            if source.read(1):
                raise IntegrityError(f"changed: {entry.path}")
