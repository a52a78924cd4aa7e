"""Is the log on this disk, or in an export, the one that was written?"""

import json
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.audit.chain import Verdict, Walk
from sfta_edge.audit.files import lines_of, log_files
from sfta_edge.audit.head import HEAD, Head, read_head
from sfta_edge.audit.record import spell
from sfta_edge.errors import IntegrityError

EXPORT = "sfta.audit.export/1"


def verify_log(folder: Path, key: Ed25519PublicKey, *, witness: Path | None = None) -> Verdict:
    """Find the first record that is edited, deleted, moved or missing; also while it grows.

    Args:
        folder: of the log.
        key: public part of the key that signs the log.
        witness: a second head, kept apart from the log: shows that the whole log, with its
            head, is an older copy of itself.
    """
    walk = Walk(key)
    # Before the files: a log that grows meanwhile is longer than its head, never shorter.
    try:
        head = read_head(folder / HEAD, key)
        other = read_head(witness, key) if witness is not None else None
    except IntegrityError as error:
        walk.problems.append((_last_of(folder, key) + 1, str(error)))
        head = other = None
    files = log_files(folder)
    walk.watch(head, other)
    if files and head is None and not walk.problems:
        walk.problems.append((_last_of(folder, key) + 1, "the head is missing"))
    for path in files:
        for line in lines_of(path):
            if not line.endswith(b"\n") and path == files[-1] and _reached(walk, head):
                break  # being written, or cut off by a crash before it was acknowledged
            if not walk.follow(line):
                return walk.verdict()
    return walk.verdict(head, other)


def verify_export(lines: Iterable[bytes], key: Ed25519PublicKey | None = None) -> Verdict:
    """The same for an exported log, which holds all that is needed.

    Args:
        lines: of the file.
        key: who must have signed; default: whoever the file names, see `export_key`.

    Raises:
        IntegrityError: no export, or one of another device.
    """
    stream = iter(lines)
    first = next(stream, b"")
    named = export_key(first)
    if key is not None and spell_key(key) != spell_key(named):
        raise IntegrityError("the export was signed by another device")
    walk, head, held = Walk(named), None, b""
    whole = list(stream)
    try:
        head = Head.from_bytes(whole.pop() if whole else held, named)
    except IntegrityError as error:
        walk.problems.append((len(whole) + 1, str(error)))
    walk.watch(head)
    for line in whole:
        if not walk.follow(line):
            break
    return walk.verdict(head)


def export_header(key: Ed25519PublicKey) -> bytes:
    """The first line of an export."""
    return spell({"export": EXPORT, "key": spell_key(key)}) + b"\n"


def export_key(line: bytes) -> Ed25519PublicKey:
    """The key that the first line of an export names.

    Raises:
        IntegrityError: no export.
    """
    try:
        data = json.loads(line)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(data["key"]))
        sound = export_header(key) == line and data["export"] == EXPORT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(f"this is no export of an audit log: {error}") from error
    if not sound:
        raise IntegrityError("this is no export of an audit log that this version reads")
    return key


def spell_key(key: Ed25519PublicKey) -> str:
    """The raw public key, hex."""
    return key.public_bytes_raw().hex()


def _reached(walk: Walk, head: Head | None) -> bool:
    return head is None or walk.last >= head.sequence


def _last_of(folder: Path, key: Ed25519PublicKey) -> int:
    """Sequence of the last record that continues the chain."""
    walk = Walk(key)
    for path in log_files(folder):
        for line in lines_of(path):
            if not walk.follow(line):
                return walk.last
    return walk.last
