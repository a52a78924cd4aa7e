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
import os
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sfta_edge.llama import variant
from sfta_edge.manifest import canonical_json, sha256_file, write_durably
from sfta_edge.model import Model
from sfta_edge.prefill import PIECE

log = logging.getLogger("sfta")
_MAGIC = b"SFTAKV01"
_HEADER = struct.Struct("<8s32s32sQ")  # magic, key, sha256 of the state, its length
_SUFFIX = ".state"
_MOST_FILES = 4
_MOST_SEEN = 64
_MOST_BYTES = 1 << 30


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
    """States of prefixes in one folder. Not safe for two threads at once; it writes in its own."""

    def __init__(self, folder: Path, identity: dict[str, object]) -> None:
        """`identity`: everything besides adapter and tokens that a state depends on."""
        self._folder, self._identity = folder, identity
        self._seen: dict[bytes, None] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sfta-snapshot")

    def load(self, adapter: str | None, tokens: Sequence[int]) -> bytes | None:
        """The state after some tokens; None if there is no file that holds it."""
        key = self._key(adapter, tokens)
        path = self._path(key)
        try:
            if path.stat().st_size > _MOST_BYTES:
                return None
            state = _unpacked(path.read_bytes(), key)
        except OSError:
            return None
        if state is None:
            log.warning("%s is damaged or was made elsewhere; it is made again", path.name)
            _remove(path)
            return None
        with suppress(OSError):
            os.utime(path)
        return state

    def wants(self, adapter: str | None, tokens: Sequence[int]) -> bool:
        """Whether the state after these tokens, which was just computed, should be saved."""
        key = self._key(adapter, tokens)
        if self._path(key).exists():
            return False
        again = key in self._seen
        if len(self._seen) >= _MOST_SEEN:
            self._seen.pop(next(iter(self._seen)))
        self._seen[key] = None
        return again or len(self._files()) < _MOST_FILES

    def save(self, adapter: str | None, tokens: Sequence[int], state: bytes) -> None:
        """Write a state, in another thread; a full disk loses nothing but time."""
        if len(state) <= _MOST_BYTES - _HEADER.size:
            self._writer.submit(self._write, self._key(adapter, tokens), state)

    def discard(self, adapter: str | None, tokens: Sequence[int]) -> None:
        """Remove a state that the model did not take."""
        _remove(self._path(self._key(adapter, tokens)))

    def close(self) -> None:
        """Finish writing."""
        self._writer.shutdown()

    def _write(self, key: bytes, state: bytes) -> None:
        digest = hashlib.sha256(state).digest()
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(
                self._path(key), _HEADER.pack(_MAGIC, key, digest, len(state)) + state
            )
            for path in self._files()[:-_MOST_FILES]:
                _remove(path)
        except OSError as error:
            log.warning("the state of the prefix was not saved: %s", error)

    def _files(self) -> list[Path]:
        """The oldest first."""
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.name, path))
        return [path for _, _, path in sorted(found)]

    def _path(self, key: bytes) -> Path:
        return self._folder / f"{key.hex()}{_SUFFIX}"

    def _key(self, adapter: str | None, tokens: Sequence[int]) -> bytes:
        facts = {**self._identity, "adapter": adapter, "tokens": list(tokens)}
        return hashlib.sha256(canonical_json(facts)).digest()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _unpacked(content: bytes, key: bytes) -> bytes | None:
    """The state in a file; None if the file is not whole or belongs to another key."""
    if len(content) < _HEADER.size:
        return None
    magic, found, digest, length = _HEADER.unpack_from(content)
    state = content[_HEADER.size :]
    if magic != _MAGIC or not hmac.compare_digest(found, key) or length != len(state):
        return None
    return state if hmac.compare_digest(hashlib.sha256(state).digest(), digest) else None
