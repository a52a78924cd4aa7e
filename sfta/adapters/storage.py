"""Where documents come from: local files, folders and globs, and object stores by URL.

URLs go through fsspec (`az://`, `s3://`, `gs://`, `https://`, ...); its drivers are optional
packages. Local paths need nothing.
"""

import fnmatch
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError

_GLOB = frozenset("*?[")
_STAMPS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
_DRIVERS = {
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
}


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to read."""

    name: str
    """POSIX path below the listed source: the same on every machine."""
    location: str
    """Local path or URL."""
    size: int
    """Bytes."""
    stamp: str = ""
    """Version of a remote file; empty when the store gives none."""
    parents: tuple[str, ...] = ()
    """Folder names above the name, nearest last; used when two names are the same."""


def list_sources(
    patterns: Sequence[str], root: Path, *, exclude: Sequence[str] = ()
) -> list[Source]:
    """All files behind the patterns, sorted by name, each once.

    Raises:
        ConfigError: a pattern matches nothing, or two files cannot be told apart by name.
        MissingDependencyError: the driver of a URL is not installed.
        ToolError: an object store does not answer.
    """
    found: dict[str, Source] = {}
    missing: list[str] = []
    for pattern in patterns:
        sources = list(_remote(pattern) if _is_url(pattern) else _local(pattern, root))
        if not sources:
            missing.append(_nothing(pattern, root))
        for source in sources:
            if not _excluded(source.name, exclude):
                found.setdefault(source.location, source)
    if missing:
        raise ConfigError("; ".join(missing), hint="Check ingest.sources in the recipe.")
    return sorted(_distinct(list(found.values())))


def fetch(source: Source, cache: Path) -> Path:
    """A local file with the source's content; a remote file is downloaded once per version."""
    if not _is_url(source.location):
        return Path(source.location)
    key = hashlib.sha256(f"{source.location}\n{source.size}\n{source.stamp}".encode())
    target = cache / "sources" / key.hexdigest()[:32]
    if source.stamp and target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    filesystem, path = _filesystem(source.location)
    try:
        filesystem.get_file(path, str(scratch))
        scratch.replace(target)
    except (OSError, ValueError) as error:
        raise _store_error(source.location, error) from error
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _is_url(text: str) -> bool:
    return "://" in text


def _nothing(pattern: str, root: Path) -> str:
    if _is_url(pattern):
        return f"there is no file at {pattern}"
    path = root / pattern
    if path.is_dir():
        return f"the folder {path} holds no file"
    if _has_glob(pattern):
        return f"no file matches {path}"
    return f"there is no file {path}"


def _local(pattern: str, root: Path) -> Iterator[Source]:
    path = root / Path(pattern).expanduser()
    if path.is_file():
        yield _local_source(path, path.parent)
    elif path.is_dir():
        yield from _below(path, "**/*")
    elif _has_glob(pattern):
        fixed = _fixed_part(path)
        if fixed.is_dir():
            yield from _below(fixed, path.relative_to(fixed).as_posix())


def _below(folder: Path, pattern: str) -> Iterator[Source]:
    for path in sorted(folder.glob(pattern)):
        parts = path.relative_to(folder).parts
        # Names with a dot and locks of office programs are no documents.
        hidden = any(part.startswith((".", "~$")) for part in parts)
        if path.is_file() and not hidden:
            yield _local_source(path, folder)


def _local_source(path: Path, base: Path) -> Source:
    return Source(
        path.relative_to(base).as_posix(),
        str(path),
        path.stat().st_size,
        parents=tuple(base.resolve().parts[-3:]),
    )


def _remote(url: str) -> Iterator[Source]:
    filesystem, path = _filesystem(url)
    scheme = url.partition("://")[0]
    try:
        if _has_glob(path):
            base = _fixed_part(Path(path)).as_posix()
            entries = filesystem.glob(path, detail=True)
        elif filesystem.isdir(path):
            base = path.rstrip("/")
            entries = filesystem.find(path, detail=True)
        elif filesystem.exists(path):
            base = path.rpartition("/")[0]
            entries = {path: filesystem.info(path)}
        else:
            return
    except (OSError, ValueError) as error:
        raise _store_error(url, error) from error
    for place, info in sorted(entries.items()):
        if info.get("type") == "file":
            yield _remote_source(filesystem, place, info, base, scheme)


def _remote_source(
    filesystem: Any, place: str, info: dict[str, Any], base: str, scheme: str
) -> Source:
    name = place[len(base) :].lstrip("/") if place.startswith(base) else place
    location = str(filesystem.unstrip_protocol(place))
    if not _is_url(location):
        location = f"{scheme}://{place}"
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    parents = tuple(PurePosixPath(base).parts[-3:])
    return Source(name, location, int(info.get("size") or 0), stamp, parents)


def _filesystem(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    scheme = url.partition("://")[0]
    try:
        filesystem, path = url_to_fs(url)
    except ImportError as error:
        package = _DRIVERS.get(scheme, "")
        hint = f"Run `pip install {package}`." if package else "Install its fsspec driver."
        raise MissingDependencyError(
            f"{scheme}:// needs a driver: {error}", hint=hint
        ) from error
    except ValueError as error:
        raise ConfigError(f"cannot read the source {url}: {error}") from error
    return filesystem, str(path)


def _store_error(url: str, error: Exception) -> ToolError:
    return ToolError(
        f"cannot read {url}: {type(error).__name__}: {error}",
        hint="Check the address, the network and the credentials of the store.",
    )


def _has_glob(text: str) -> bool:
    return any(char in _GLOB for char in text)


def _fixed_part(path: Path) -> Path:
    """The folder above the first part with a wildcard."""
    parts = path.parts
    first = next(i for i, part in enumerate(parts) if _has_glob(part))
    return Path(*parts[:first])


def _excluded(name: str, exclude: Sequence[str]) -> bool:
    last = PurePosixPath(name).name
    return any(fnmatch.fnmatch(name, glob) or fnmatch.fnmatch(last, glob) for glob in exclude)


def _distinct(sources: list[Source]) -> list[Source]:
    """Longer names, folder by folder, until no two sources share one."""
    for depth in range(4):
        counts = Counter(source.name for source in sources)
        if max(counts.values(), default=0) < 2:
            return sources
        if depth == 3:
            break
        sources = [_longer(s) if counts[s.name] > 1 else s for s in sources]
    same: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        same[source.name].append(source.location)
    pairs = next(places for places in same.values() if len(places) > 1)
    raise ConfigError(
        f"two sources have the same name: {' and '.join(pairs[:2])}",
        hint="Rename one of them, or list their common folder instead.",
    )


def _longer(source: Source) -> Source:
    if not source.parents:
        return source
    *rest, nearest = source.parents
    return replace(source, name=f"{nearest}/{source.name}", parents=tuple(rest))
