"""What is known after the system prefix, kept in files for the next start.

The prefix is the same for every question, so its state is computed once and read from a file
afterwards. Rules this module upholds:

- A file is for exactly one model, build of llama.cpp, processor variant and list of tokens: all
  are in its key. Anything else, and anything damaged, is not there.
- Files are replaced in one step, and there are few: a prefix that is new takes the place of the
  oldest only when it is needed a second time.
- The format is a header of our own with a checksum, never a pickle. The folder belongs to the
  device: whoever can write to it can write what a model remembers.
"""

import hashlib
import hmac
import logging
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sfta_edge.batching.state_files import StateFolder, StateStore, state_name
from sfta_edge.llama import variant
from sfta_edge.manifest import canonical_json, sha256_file
from sfta_edge.model import Model
from sfta_edge.prefill import PIECE

log = logging.getLogger("sfta")
_MAGIC = b"SFTAKV01"
_HEADER = struct.Struct("<8s32s32sQ")  # magic, key, sha256 of the state, its length
_MOST_SEEN = 64


def state_identity(
    model: Model, adapters: Mapping[str, Path], model_sha256: str | None
) -> dict[str, object]:
    """Everything besides adapter and tokens that a state depends on.

    Args:
        model: the loaded model.
        adapters: files by name.
        model_sha256: of the model's file, if it is known; reading a large one takes seconds.
    """
    library: Any = model.native._lib  # noqa: SLF001 the binding gives no other way to it
    return {
        "model": model_sha256 or sha256_file(model.path)[0],
        "adapters": {name: sha256_file(path)[0] for name, path in adapters.items()},
        "library": sha256_file(Path(library._name))[0],  # noqa: SLF001 same
        "processor": variant(),
        "cells": "f16",  # llama.cpp's default, which `Context` does not change
        "piece": PIECE,
    }


class Snapshots:
    """States of prefixes in one place. Not safe for two threads at once; it writes in its own."""

    def __init__(self, place: Path | StateStore, identity: dict[str, object]) -> None:
        """Keep states in a folder, or wherever a store keeps them.

        `identity`: everything besides adapter and tokens that a state depends on.
        """
        self._store = StateFolder(place) if isinstance(place, Path) else place
        self._identity = identity
        self._seen: dict[bytes, None] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sfta-snapshot")

    def load(self, adapter: str | None, tokens: Sequence[int]) -> bytes | None:
        """The state after some tokens; None if there is no file that holds it."""
        key = self._key(adapter, tokens)
        content = self._store.read(state_name(key))
        if content is None:
            return None
        state = _unpacked(content, key)
        if state is None:
            name = state_name(key)
            log.warning("%s is damaged or was made elsewhere; it is made again", name)
            self._store.remove(name)
        return state

    def wants(self, adapter: str | None, tokens: Sequence[int]) -> bool:
        """Whether the state after these tokens, which was just computed, should be saved."""
        key = self._key(adapter, tokens)
        if self._store.has(state_name(key)):
            return False
        again = key in self._seen
        if len(self._seen) >= _MOST_SEEN:
            self._seen.pop(next(iter(self._seen)))
        self._seen[key] = None
        return again or self._store.has_room

    def save(self, adapter: str | None, tokens: Sequence[int], state: bytes) -> None:
        """Keep a state, in another thread; one that is too long is computed every time."""
        most = self._store.most_bytes - _HEADER.size
        if len(state) > most:
            log.info("a state of %d bytes is not saved: at most %d are", len(state), most)
            return
        self._writer.submit(self._write, self._key(adapter, tokens), state)

    def discard(self, adapter: str | None, tokens: Sequence[int]) -> None:
        """Remove a state that the model did not take."""
        self._store.remove(state_name(self._key(adapter, tokens)))

    def close(self) -> None:
        """Finish writing."""
        self._writer.shutdown()

    def _write(self, key: bytes, state: bytes) -> None:
        digest = hashlib.sha256(state).digest()
        header = _HEADER.pack(_MAGIC, key, digest, len(state))
        self._store.keep(state_name(key), header + state)

    def _key(self, adapter: str | None, tokens: Sequence[int]) -> bytes:
        facts = {**self._identity, "adapter": adapter, "tokens": list(tokens)}
        return hashlib.sha256(canonical_json(facts)).digest()


def _unpacked(content: bytes, key: bytes) -> bytes | None:
    """The state in a file; None if the file is not whole or belongs to another key."""
    if len(content) < _HEADER.size:
        return None
    magic, found, digest, length = _HEADER.unpack_from(content)
    state = content[_HEADER.size :]
    if magic != _MAGIC or not hmac.compare_digest(found, key) or length != len(state):
        return None
    return state if hmac.compare_digest(hashlib.sha256(state).digest(), digest) else None
