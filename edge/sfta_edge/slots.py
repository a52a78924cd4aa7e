"""Two places for bundles, and one small file that says which of them answers.

Layout of an installation root::

    state.json          which slot is active, what is in each, the highest counter of each key
    slots/a  slots/b    complete, verified bundles; at most one is active
    keys/               public keys that signed what is installed
    environments/       Python environments, one per bundle that brought its wheels
    bin/sfta-edge       starts the program of the active slot

The only switch is the replacement of ``state.json``: before it the old bundle is active, after
it the new one, and there is no moment between.
"""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.launcher import PROGRAM, write_launcher
from sfta_edge.manifest import MANIFEST, canonical_json, sync_folder, write_durably
from sfta_edge.signature import fingerprint, load_public_key, open_verified, public_pem
from sfta_edge.trust import require_trusted

SCHEMA = "sfta.slots/1"
STATE = "state.json"
NAMES = ("a", "b")


@dataclass(frozen=True, slots=True)
class Installed:
    """What one slot holds."""

    name: str
    """Of the bundle."""
    counter: int
    """Version of the bundle: newer ones have a higher counter."""
    digest: str
    """Identity of the bundle's files."""
    manifest: str
    """SHA-256 of the manifest's bytes."""
    key: str
    """Fingerprint of the key that signed it."""
    environment: str = ""
    """Folder below ``environments``; empty when the bundle's wheels were not installed."""


@dataclass(frozen=True, slots=True)
class State:
    """Content of ``state.json``."""

    active: str | None = None
    slots: Mapping[str, Installed] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    """Highest counter that was ever active, by fingerprint: older bundles are refused."""
    probation: str = ""
    """Manifest of the active bundle while it has to prove itself; empty once it has."""
    reason: str = ""
    """Why the bundle before the active one was left, if a rollback did that."""
    stays: str = ""
    """Why the active bundle answers without having proved itself: nothing can take its place."""

    @property
    def current(self) -> Installed | None:
        """What answers now."""
        return self.slots[self.active] if self.active else None

    @property
    def spare(self) -> str:
        """The slot that the next bundle goes to."""
        return NAMES[1] if self.active == NAMES[0] else NAMES[0]

    @property
    def other(self) -> Installed | None:
        """What a rollback would go back to."""
        return self.slots.get(self.spare)

    def without(self, slot: str) -> "State":
        """The same, with an empty slot."""
        kept = {name: what for name, what in self.slots.items() if name != slot}
        return replace(self, slots=kept)

    def switched(self, slot: str, installed: Installed) -> "State":
        """The same, with another active slot; counters only rise."""
        highest = max(installed.counter, self.counters.get(installed.key, 0))
        filled = {**self.slots, slot: installed}
        return State(slot, filled, {**self.counters, installed.key: highest})

    def on_probation(self) -> "State":
        """The same; the active bundle has to prove itself, if there is one to go back to."""
        return (
            replace(self, probation=self.current.manifest)
            if self.current and self.other
            else self
        )

    def to_bytes(self) -> bytes:
        """The exact bytes of the state file."""
        launch = self.current.environment if self.current else ""
        fallback = self.other.environment if self.other else ""
        told = {"schema": SCHEMA, "launch": launch, "fallback": fallback}
        return canonical_json({**told, **asdict(self)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Parse a state file; anything else raises `IntegrityError`."""
        try:
            data = json.loads(raw)
            if data["schema"] != SCHEMA:
                raise IntegrityError(f"unknown schema {data['schema']!r} in {STATE}")
            slots = {name: Installed(**what) for name, what in data["slots"].items()}
            # A state that an older program wrote knows of no probation.
            told = {name: data.get(name, "") for name in ("probation", "reason", "stays")}
            state = cls(data["active"], slots, dict(data["counters"]), **told)
            if not _is_sound(state):
                raise IntegrityError(f"{STATE} is not readable: it contradicts itself")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(
                f"{STATE} is not readable: {error}", hint="Restore it, or install again."
            ) from error
        return state


def read_state(root: Path) -> State:
    """What is installed; an empty state if nothing ever was."""
    try:
        return State.from_bytes((root / STATE).read_bytes())
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise IntegrityError(f"cannot read {root / STATE}: {error}") from error


def write_state(root: Path, state: State) -> None:
    """Replace the state in one durable step; whoever does holds the lock."""
    write_durably(root / STATE, state.to_bytes())


def slot_path(root: Path, slot: str) -> Path:
    """Folder of a slot."""
    return root / "slots" / slot


def active_slot(root: Path) -> Path:
    """Folder of the bundle that answers.

    Raises:
        ConfigError: nothing is installed.
        IntegrityError: the state names a slot that is not there.
    """
    state = read_state(root)
    if state.active is None:
        raise ConfigError(
            f"nothing is installed in {root}", hint="Install a bundle: sfta-edge install."
        )
    path = slot_path(root, state.active)
    if not (path / MANIFEST).is_file():
        raise IntegrityError(
            f"the active slot {path} holds no bundle", hint="Install it again."
        )
    return path


def activate(
    root: Path,
    slot: str,
    installed: Installed,
    key: Ed25519PublicKey,
    change: Callable[[State], State] = lambda state: state,
) -> State:
    """Make a complete slot the active one; `change` is part of the same step."""
    keys = root / "keys"
    keys.mkdir(exist_ok=True)
    named, pem = keys / f"{fingerprint(key)}.pem", public_pem(key)
    # A service that goes back to the bundle before may not write there, and need not.
    if not named.is_file() or named.read_bytes() != pem:
        write_durably(named, pem)
    sync_folder(root)
    if installed.environment:
        write_launcher(root)
    state = change(read_state(root).switched(slot, installed))
    write_state(root, state)
    _remove_unused_environments(root, state)
    return state


def trusted_key(root: Path, installed: Installed) -> Ed25519PublicKey:
    """The public key that an installed bundle was verified with."""
    key = load_public_key(root / "keys" / f"{installed.key}.pem")
    if fingerprint(key) != installed.key:
        raise IntegrityError(f"the stored key {installed.key[:16]} was changed")
    return key


def rollback(root: Path, reason: str = "") -> State:
    """Switch back to the other slot, after verifying it; the reason is kept for `status`.

    Raises:
        ConfigError: there is no other bundle.
        IntegrityError: the other slot is damaged; the active one stays.
    """
    with locked(root):
        state = read_state(root)
        other = state.slots.get(state.spare)
        if other is None or state.active is None:
            raise ConfigError(f"{root} holds no other bundle to go back to")
        key = trusted_key(root, other)
        # What is for development got here only because somebody allowed it.
        require_trusted(root, key, development=True)
        open_verified(slot_path(root, state.spare), key)
        return activate(
            root, state.spare, other, key, lambda found: replace(found, reason=reason)
        )


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep other installations out until the block ends; a crash releases the lock.

    What a writer was writing when the power went is removed first.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SftaError(
                f"another installation is working in {root}", hint="Wait until it ends."
            ) from None
        _remove_leftovers(root)
        yield


def _remove_leftovers(root: Path) -> None:
    """Scratch files of the dead: who holds the lock is the only one that writes these."""
    for folder, name in ((root, STATE), (root / "keys", "*.pem"), (root / "bin", PROGRAM)):
        for path in folder.glob(f".{name}.*"):
            # A service may not write beside its data; the next installation can.
            with suppress(OSError):
                path.unlink()


def _is_sound(state: State) -> bool:
    """Values come from parsed JSON: their annotations are claims until this was asked."""
    if not set(state.slots) <= set(NAMES) or state.active not in (None, *state.slots):
        return False
    texts: list[Any] = [state.probation, state.reason, state.stays]
    if not all(isinstance(text, str) for text in texts):
        return False
    counters: list[Any] = list(state.counters.values())
    for slot in state.slots.values():
        facts: dict[str, Any] = asdict(slot)
        counters.append(facts.pop("counter"))
        if not all(isinstance(text, str) for text in facts.values()):
            return False
        if not set(slot.key + slot.environment) <= set("0123456789abcdef"):
            return False
    return all(isinstance(counter, int) for counter in counters)


def _remove_unused_environments(root: Path, state: State) -> None:
    used = {installed.environment for installed in state.slots.values()}
    folder = root / "environments"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)
