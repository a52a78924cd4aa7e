"""A restore does not undo what was recorded: the log goes on, and says what it does not hold."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sfta_edge.audit.chain import RESTORE
from sfta_edge.audit.clock import clock_facts
from sfta_edge.audit.files import GrowingFile, file_after, find_record, newest_first
from sfta_edge.audit.head import HEAD, Head, read_head, write_head
from sfta_edge.audit.record import Record
from sfta_edge.audit.verification import verify_log
from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.signature import load_private_key, load_public_key

LOG = "audit"
KEY = "keys/audit.pem"
PUBLIC_KEY = "keys/audit.pub"


def carry_on(restored: Path, present: Path) -> bool:
    """Keep the log of the present data, if it is the restored one and what came after.

    So the records since the backup stay, and what was redacted since then stays redacted.

    Args:
        restored: data from a backup, not yet in their place; their log is replaced.
        present: the data that they will replace.
    """
    with suppress(SftaError):
        key = load_public_key(restored / PUBLIC_KEY)
        head = read_head(restored / LOG / HEAD, key)
        if head is None or not verify_log(present / LOG, key).intact:
            return False
        record = find_record(present / LOG, head.sequence)
        if record is None or record.digest != head.digest:
            return False
        shutil.rmtree(restored / LOG)
        shutil.copytree(present / LOG, restored / LOG)
        return True
    return False


def note_restore(data: Path, witness: Path | None, facts: Mapping[str, Any]) -> None:
    """Record a restore in the log of the restored data.

    If the witness has seen later records than the log holds, the new record says which are
    missing, and the chain goes on after them. A log that is broken, or that there is none of, is
    left as it is: a record after the break would make it look whole.

    Raises:
        ConfigError: the key of the log cannot be read.
    """
    folder = data / LOG
    last = next(newest_first(folder, None), None)
    if last is None or not (data / KEY).is_file():
        return
    key = load_private_key(data / KEY)
    if not verify_log(folder, key.public_key()).intact:
        return
    seen, more = _witnessed(witness, key.public_key()), dict(facts)
    if seen > last.sequence:
        more["missing"] = [last.sequence + 1, seen]
    place = (max(seen, last.sequence) + 1, last.digest)
    record = Record.make(place, RESTORE, clock_facts(), more).signed(key)
    file = GrowingFile(file_after(folder))
    try:
        file.add([record])
    finally:
        file.close()
    write_head(folder / HEAD, Head.of(record, key))


def _witnessed(witness: Path | None, key: Ed25519PublicKey) -> int:
    """Last record that the witness knows of; one that is signed by another key is removed."""
    try:
        head = read_head(witness, key) if witness is not None else None
    except IntegrityError:
        # Of the log that is replaced: it would call the restored one damaged.
        assert witness is not None
        witness.unlink()
        return 0
    return head.sequence if head is not None else 0
