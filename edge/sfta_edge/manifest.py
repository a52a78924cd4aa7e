"""The list of files that identifies an artifact or a bundle.

Rules this module upholds:

- A digest covers the kind and every file's path, size and SHA-256, and nothing else.
- ``Manifest.from_bytes(m.to_bytes()) == m``; bytes that are no manifest raise `IntegrityError`.
- A path stays inside the folder: relative, POSIX, no dot-dot, no link.

Standard library only: this module runs on the device.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from sfta_edge.errors import IntegrityError

SCHEMA = "sfta.manifest/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
MAX_MANIFEST_BYTES = 8 << 20  # read whole before it is trusted: a bound, not a need
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class FileEntry:
    """One file: where it is, how long it is, what it holds."""

    path: str
    """POSIX, relative to the manifest."""
    size: int
    """Bytes."""
    sha256: str
    """Lower-case hex."""

    def __post_init__(self) -> None:
        _check_path(self.path)
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 0:
            raise IntegrityError(f"unusable size in manifest: {self.size!r}")
        if not (
            isinstance(self.sha256, str)
            and len(self.sha256) == 64
            and set(self.sha256) <= set("0123456789abcdef")
        ):
            raise IntegrityError(f"unusable sha256 in manifest for {self.path}")

    @classmethod
    def of(cls, root: Path, path: Path) -> Self:
        """Measure one file on disk."""
        digest, size = sha256_file(path)
        return cls(path.relative_to(root).as_posix(), size, digest)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder is and which files make it up."""

    kind: str
    files: tuple[FileEntry, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    """Provenance and compatibility: signed with the rest, but not identity."""

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not isinstance(self.facts, dict):
            raise IntegrityError("manifest is not readable: kind or facts have the wrong type")
        folded = {entry.path.casefold() for entry in self.files}
        if len(folded) != len(self.files):
            raise IntegrityError("a path is listed twice in the manifest")

    @classmethod
    def of(cls, root: Path, kind: str, facts: dict[str, Any]) -> Self:
        """Measure a folder."""
        return cls(kind, tuple(sorted(FileEntry.of(root, p) for p in payload(root))), facts)

    @property
    def digest(self) -> str:
        """Identity: changes with the kind, a path, a size or a byte, and with nothing else."""
        listing = [[f.path, f.size, f.sha256] for f in sorted(self.files)]
        return hashlib.sha256(canonical_json([self.kind, listing])).hexdigest()

    def to_bytes(self) -> bytes:
        """The exact bytes that are written and signed."""
        return canonical_json({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Parse a manifest; check its signature before you call this on foreign bytes."""
        if len(raw) > MAX_MANIFEST_BYTES:
            raise IntegrityError(f"manifest is larger than {MAX_MANIFEST_BYTES} bytes")
        try:
            data = json.loads(raw)
            if data["schema"] != SCHEMA:
                raise IntegrityError(
                    f"unknown manifest schema {data['schema']!r}",
                    hint=f"This version reads {SCHEMA}. Update sfta-edge.",
                )
            files = tuple(FileEntry(**entry) for entry in data["files"])
            manifest = cls(data["kind"], files, data["facts"])
            # NaN and lone surrogates can be parsed, but not written again.
            if json.loads(manifest.to_bytes()) != data:
                raise IntegrityError("manifest holds more than kind, files and facts")
        # A deeply nested document ends in RecursionError, not in ValueError.
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(f"manifest is not readable: {error}") from error
        return manifest

    @classmethod
    def read(cls, root: Path) -> Self:
        """Parse the manifest of a folder."""
        try:
            return cls.from_bytes((root / MANIFEST).read_bytes())
        except OSError as error:
            raise IntegrityError(f"{root} holds no readable {MANIFEST}: {error}") from error


def verify_files(root: Path, manifest: Manifest) -> None:
    """Compare a folder with its manifest, byte for byte.

    Raises:
        IntegrityError: names every file that is missing, changed or not listed.
    """
    listed = {entry.path: entry for entry in manifest.files}
    found = {p.relative_to(root).as_posix(): p for p in payload(root)}
    problems = [f"missing: {path}" for path in sorted(listed.keys() - found.keys())]
    problems += [f"not listed: {path}" for path in sorted(found.keys() - listed.keys())]
    for path in sorted(listed.keys() & found.keys()):
        if FileEntry.of(root, found[path]) != listed[path]:
            problems.append(f"changed: {path}")
    if problems:
        raise IntegrityError(
            "; ".join(problems), hint="Copy the folder again from a source you trust."
        )


def payload(root: Path) -> Iterator[Path]:
    """Every file below `root` except manifest and signature, sorted; links are refused."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise IntegrityError(f"symbolic links are not allowed: {path.relative_to(root)}")
        if path.is_dir():
            continue
        if not path.is_file():
            raise IntegrityError(f"not a regular file: {path.relative_to(root)}")
        if path.relative_to(root).as_posix() not in (MANIFEST, SIGNATURE):
            yield path


def sha256_file(path: Path) -> tuple[str, int]:
    """Hex SHA-256 and size in bytes of one file."""
    sha256, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            sha256.update(block)
            size += len(block)
    return sha256.hexdigest(), size


def canonical_json(value: object) -> bytes:
    """One value, one spelling: sorted keys, no spaces, UTF-8, no NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` in one step that survives a power cut: scratch name, fsync, rename."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_path(path: object) -> None:
    if not isinstance(path, str):
        raise IntegrityError(f"unsafe path in manifest: {path!r}")
    pure = PurePosixPath(path)
    unsafe = (
        not pure.parts
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in path
        or any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in path)
        or pure.as_posix() != path
    )
    if unsafe:
        raise IntegrityError(f"unsafe path in manifest: {path!r}")
