"""Installing a bundle: beside what answers, tried there, and made active in one step.

Installing never touches what answers now: the bundle is written beside it, verified where it
lies, tried, and only then made active by one replacement of a small file (see `sfta_edge.slots`).
Files that are on the device already are linked and not written again.

A program comes with `install.sh` alone: a bundle that is installed without it has to bring the
program that is there, or none.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge import slots
from sfta_edge.archive import Sink, Write, writing_below
from sfta_edge.bundle import Opened, describe, opened, preflight
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    FileEntry,
    Manifest,
    sync_folder,
    write_durably,
)
from sfta_edge.present import PresentFiles
from sfta_edge.signature import (
    SIGNATURE_BYTES,
    open_verified,
    read_limited,
    verify_manifest,
)
from sfta_edge.trust import require_trusted

_INCOMING = ".incoming"
_WHEELS = "wheels/"


def install(
    bundle: Path,
    root: Path,
    key: Ed25519PublicKey,
    *,
    allow_older: bool = False,
    development: bool = False,
    environment: str = "",
    trial: Callable[[Path], object] | None = None,
    written: Callable[[int], None] = lambda _bytes: None,
) -> slots.Installed:
    """Install a bundle and make it the active one, on probation if there is one to go back to.

    `environment` names the folder below ``environments`` in which its program was installed;
    without it the program that is there goes on.
    With `allow_older` a bundle may replace a newer one, with `development` keys count that the
    trust file lists for that. `trial` is given the complete folder before anything changes, and
    raises if the bundle must not answer. `written` is told the bytes of each block, and may end
    the installation by raising. Interrupted at any point, the bundle that was active before stays
    active and complete.

    Raises:
        IntegrityError: the bundle is not what was signed, or is older than what is installed.
        ConfigError: the bundle is not made for this device, brings another program, or there is
            no room for it.
    """
    try:
        with slots.locked(root), opened(bundle, key) as found:
            require_trusted(root, key, development=development)
            program = environment or _present_program(root, found.manifest)
            installed = describe(found.manifest, found.raw, key, program)
            current = slots.read_state(root).current
            if current == installed and _is_intact(root, key):
                return installed
            if not allow_older:
                _require_newer(root, installed, key)
            present = PresentFiles(root, root / "slots" / _INCOMING)
            preflight(found.manifest, root, present.lists)
            incoming = _write_incoming(found, present, key, written)
            with _gone_if_it_fails(incoming):
                written(0)
                if trial is not None:
                    trial(incoming)
                _fill_spare_slot(incoming, root, installed, key)
            return installed
    except OSError as error:
        raise SftaError(
            f"cannot install into {root}: {error}",
            hint="What was active before still is.",
        ) from error


def examine(bundle: Path, root: Path, key: Ed25519PublicKey) -> Manifest:
    """Everything that can be refused before the files of a bundle are read.

    Only the beginning of an archive has to be there yet.

    Raises:
        IntegrityError, ConfigError: as `install`.
    """
    with opened(bundle, key) as found:
        require_trusted(root, key)
        program = _present_program(root, found.manifest)
        _require_newer(root, describe(found.manifest, found.raw, key, program), key)
        preflight(found.manifest, root, PresentFiles(root, root / "slots" / _INCOMING).lists)
        return found.manifest


def _present_program(root: Path, manifest: Manifest) -> str:
    """The environment that goes on, if the bundle brings the same program or none."""
    current = slots.read_state(root).current
    if current is None or not current.environment:
        return ""
    brought = _program_of(manifest)
    if brought:
        try:
            present = _program_of(Manifest.read(slots.active_slot(root)))
        except IntegrityError:
            present = frozenset()
        if brought != present:
            raise ConfigError(
                "the bundle brings another program than the one that is installed",
                hint="Install it on the device itself: sh install.sh of the unpacked bundle.",
            )
    return current.environment


def _program_of(manifest: Manifest) -> frozenset[FileEntry]:
    return frozenset(entry for entry in manifest.files if entry.path.startswith(_WHEELS))


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


def _write_incoming(
    found: Opened,
    present: PresentFiles,
    key: Ed25519PublicKey,
    written: Callable[[int], None],
) -> Path:
    """Write the bundle beside the slots and verify it where it lies."""
    incoming = present.incoming
    try:
        present.start()
        with writing_below(incoming) as sink:
            found.copy(_counted(sink, written), present.adopt)
        write_durably(incoming / SIGNATURE, found.signature)
        write_durably(incoming / MANIFEST, found.raw)
        for folder in [path for path in incoming.rglob("*") if path.is_dir()]:
            sync_folder(folder)
        open_verified(incoming, key)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    finally:
        present.close()
    return incoming


def _counted(sink: Sink, written: Callable[[int], None]) -> Sink:
    def begin(entry: FileEntry) -> Write:
        write = sink(entry)

        def both(block: bytes) -> None:
            write(block)
            written(len(block))

        return both

    return begin


@contextmanager
def _gone_if_it_fails(incoming: Path) -> Iterator[None]:
    """What fails its trial, or finds the disk full, does not stay and take the room of others."""
    try:
        yield
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
