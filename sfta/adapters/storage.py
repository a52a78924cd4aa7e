"""Where documents come from: local files, folders and globs, object stores, web servers.

URLs go through fsspec (`az://`, `s3://`, `gs://`, `https://`, ...); its drivers are optional
packages. Local paths need nothing.
"""

import fnmatch
import stat
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sfta.adapters.source import Source, fixed_part, has_glob, is_hidden
from sfta.adapters.store import fetch_from_store, list_store
from sfta.core.url import is_url
from sfta_edge.errors import ConfigError


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
        sources = list(list_store(pattern) if is_url(pattern) else _local(pattern, root))
        if not sources:
            missing.append(_nothing(pattern, root))
        for source in sources:
            if not _excluded(source.name, exclude):
                found.setdefault(source.location, source)
    if missing:
        raise ConfigError("; ".join(missing), hint="Check ingest.sources in the recipe.")
    return sorted(_distinct(list(found.values())))


def fetch(source: Source, cache: Path, most_bytes: int) -> Path:
    """A local file with the source's content; a remote file is downloaded once per version.

    Raises:
        ToolError: a store does not answer, or sends more than `most_bytes`.
    """
    if not is_url(source.location):
        return Path(source.location)
    return fetch_from_store(source, cache, most_bytes)


def _nothing(pattern: str, root: Path) -> str:
    if is_url(pattern):
        return f"there is no file at {pattern}"
    path = root / pattern
    if path.is_dir():
        return f"the folder {path} holds no file"
    if has_glob(pattern):
        return f"no file matches {path}"
    return f"there is no file {path}"


def _local(pattern: str, root: Path) -> Iterator[Source]:
    path = root / Path(pattern).expanduser()
    if path.is_file():
        # Named by itself: whoever wrote the recipe may name a link.
        yield _local_source(path, path.parent)
    elif path.is_dir():
        yield from _below(path, "**/*")
    elif has_glob(pattern):
        fixed = fixed_part(path)
        if fixed.is_dir():
            yield from _below(fixed, path.relative_to(fixed).as_posix())


def _below(folder: Path, pattern: str) -> Iterator[Source]:
    inside = folder.resolve()
    for path in sorted(folder.glob(pattern)):
        if is_hidden(path.relative_to(folder).as_posix()):
            continue
        if refused := _refusal(path, inside):
            yield _local_source(path, folder, refused)
        elif path.is_file():
            yield _local_source(path, folder)


def _refusal(path: Path, folder: Path) -> str:
    """Why what was found must not be opened; empty for a file or a folder."""
    if path.is_symlink():
        target = path.resolve()
        if not target.is_relative_to(folder):
            return "it is a link that leads out of its folder"
        if not target.exists():
            return "it is a link that leads nowhere"
        if target.is_dir():
            return "it is a link to a folder; list that folder in ingest.sources"
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        # Opening a pipe waits for a writer, and a device may never end.
        return "it is a pipe, a socket or a device and no file"
    try:
        path.name.encode()
    except UnicodeEncodeError:
        return "its name is not written in UTF-8"
    return ""


def _local_source(path: Path, base: Path, refused: str = "") -> Source:
    return Source(
        _readable(path.relative_to(base).as_posix()),
        str(path),
        0 if refused else path.stat().st_size,
        parents=tuple(_readable(part) for part in base.resolve().parts[-3:]),
        refused=refused,
    )


def _readable(name: str) -> str:
    """The name, with bytes that are no UTF-8 written as numbers."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


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
