"""Digests of model folders, and finished files put in place in one step."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from sfta_edge.manifest import canonical_json, sha256_file, sync_folder

_MODEL_FILES = {".json", ".safetensors", ".model", ".jinja", ".txt", ".gguf"}
# Where a model was saved from is no part of what it is.
_NOT_IDENTITY = {"manifest.json"}


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file; computed again only if its size or time changed."""
    state = path.stat()
    return _digest_of_state(path.resolve(), state.st_size, state.st_mtime_ns)


def folder_digest(folder: Path) -> str:
    """Identity of a model folder: the names and contents of its weights and settings."""
    listing = [
        [path.relative_to(folder).as_posix(), file_digest(path)]
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MODEL_FILES and path.name not in _NOT_IDENTITY and path.is_file()
    ]
    return hashlib.sha256(canonical_json(listing)).hexdigest()


@contextmanager
def finished_file(final: Path) -> Iterator[Path]:
    """Yield a scratch path that becomes `final` if the block succeeds, flushed to disk."""
    scratch = _scratch_beside(final)
    try:
        yield scratch
        with scratch.open("rb") as stream:
            os.fsync(stream.fileno())
        scratch.replace(final)
        sync_folder(final.parent)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def finished_folder(final: Path) -> Iterator[Path]:
    """Yield a scratch folder that becomes `final` if the block succeeds, flushed to disk.

    When another process was faster, its folder stays: both were made from the same content.
    """
    scratch = _scratch_beside(final)
    scratch.mkdir()
    try:
        yield scratch
        for path in scratch.rglob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
        try:
            scratch.rename(final)
        except OSError:
            if not final.is_dir():
                raise
        sync_folder(final.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _scratch_beside(final: Path) -> Path:
    """A free name beside `final`; what ended processes left there is deleted."""
    final.parent.mkdir(parents=True, exist_ok=True)
    for left in final.parent.glob(f".partial-*-{final.name}"):
        pid = left.name.split("-")[1]
        if pid == str(os.getpid()) or not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return final.with_name(f".partial-{os.getpid()}-{final.name}")


@lru_cache(maxsize=1024)
def _digest_of_state(path: Path, _size: int, _modified: int) -> str:
    return sha256_file(path)[0]
