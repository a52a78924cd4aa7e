"""Files in object stores and on web servers, through fsspec and its drivers.

Credentials and endpoints come from the environment that each driver honours, or from the
machine's identity; never from a recipe. What a store says is shown without secrets.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from sfta.adapters.source import Source, fixed_part, has_glob, is_hidden
from sfta.core.url import without_secrets
from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError

_WEB = frozenset({"http", "https"})
_STAMPS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "Last-Modified",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
_EXTRAS = {
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "http": "http",
    "https": "http",
}
# Bases of what drivers raise besides OSError and ValueError, if they are loaded at all.
_FOREIGN = (
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
)
_PIECE = 1 << 20
_BLOCK = 8 << 20  # bytes of one request to a store


class TooLargeError(ToolError):
    """A store sends more bytes than may be read."""


def list_store(url: str) -> Iterator[Source]:
    """The files behind a URL: one object, all below a folder, or those a glob matches.

    A web server lists no files, so its URL names one.

    Raises:
        ConfigError: the scheme is unknown, or a web address names no single file.
        MissingDependencyError: the driver is not installed.
        ToolError: the store does not answer, or refuses.
    """
    scheme = _scheme(url)
    filesystem, path = _filesystem(url)
    try:
        if scheme in _WEB:
            yield from _web_file(filesystem, url)
            return
        base, entries = _entries(filesystem, path)
    except _failures() as error:
        raise _store_error(url, error) from error
    for place, info in sorted(entries.items()):
        name = place[len(base) :].lstrip("/") if place.startswith(base) else place
        if info.get("type") == "file" and (place == path or not is_hidden(name)):
            parents = tuple(PurePosixPath(base).parts[-3:])
            location = _location(url, place)
            yield Source(name, location, int(info.get("size") or 0), _stamp(info), parents)


def fetch_from_store(source: Source, cache: Path, most_bytes: int) -> Path:
    """A local copy of the file, downloaded once per version.

    Raises:
        TooLargeError: it has more bytes than allowed; they are not read to the end.
        ToolError: the store does not answer, or the file changes while it is read.
    """
    key = hashlib.sha256(f"{source.location}\n{source.size}\n{source.stamp}".encode())
    target = cache / "sources" / key.hexdigest()[:32]
    if source.stamp and target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with _open(source.location) as stream, scratch.open("wb") as copy:
            size = _copy(stream, copy, most_bytes)
        if source.size and size != source.size:
            raise ToolError(
                f"{source.location} has {size} bytes, and had {source.size} a moment ago",
                hint="Run again when nobody writes there.",
            )
        scratch.replace(target)
    except _failures() as error:
        raise _store_error(source.location, error) from error
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _open(url: str) -> IO[bytes]:
    scheme, rest = _scheme(url), url.partition("://")[2]
    if scheme in _WEB:
        # In one stream: not every server sends ranges.
        web: IO[bytes] = _filesystem(url)[0].open(url, "rb", block_size=0)
        return web
    authority, _, path = rest.partition("/")
    # Opened by its place, not by its URL: a file's name may look like a query or a chain.
    filesystem, container = _filesystem(f"{scheme}://{authority}")
    place = f"{container.rstrip('/')}/{path}"
    stored: IO[bytes] = filesystem.open(place, "rb", block_size=_BLOCK)
    return stored


def _copy(stream: IO[bytes], copy: IO[bytes], most_bytes: int) -> int:
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > most_bytes:
            raise TooLargeError(f"a store sends more than {most_bytes >> 20} MiB")
        copy.write(piece)
    return size


def _entries(filesystem: Any, path: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Folder that names start below, and the files by place."""
    if has_glob(path):
        return fixed_part(Path(path)).as_posix(), filesystem.glob(path, detail=True)
    if filesystem.isdir(path):
        return path.rstrip("/"), filesystem.find(path, detail=True)
    if filesystem.exists(path):
        return path.rpartition("/")[0], {path: filesystem.info(path)}
    return "", {}


def _web_file(filesystem: Any, url: str) -> Iterator[Source]:
    plain = unquote(urlsplit(url).path)
    path = PurePosixPath(plain)
    if not path.name or plain.endswith("/") or "*" in url or "[" in url:
        raise ConfigError(
            f"{url} names no single file", hint="A web server lists no files: name each one."
        )
    try:
        info = filesystem.info(url)
    except FileNotFoundError as error:
        # The driver says so of every failure; the answer of the server is the cause.
        if error.__cause__ is None or getattr(error.__cause__, "status", None) in (404, 410):
            return
        raise OSError(str(error.__cause__)) from error
    yield Source(path.name, url, int(info.get("size") or 0), _stamp(info), path.parts[-4:-1])


def _location(url: str, place: str) -> str:
    """The URL of one listed file; the account in `abfs://container@account/...` stays."""
    scheme = _scheme(url)
    authority = urlsplit(url).netloc
    if "@" in authority:
        container = authority.partition("@")[0]
        return f"{scheme}://{authority}/{place.removeprefix(container).lstrip('/')}"
    return f"{scheme}://{place.lstrip('/')}"


def _stamp(info: dict[str, Any]) -> str:
    return next((str(info[key]) for key in _STAMPS if info.get(key)), "")


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _filesystem(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    scheme = _scheme(url)
    # A proxy and the netrc file are part of the environment, too.
    options = {"client_kwargs": {"trust_env": True}} if scheme in _WEB else {}
    try:
        # A listing that an earlier look has kept would hide what came since.
        filesystem, path = url_to_fs(url, use_listings_cache=False, **options)
    except ImportError as error:
        extra = _EXTRAS.get(scheme, "")
        hint = f"Run `pip install 'sfta[{extra}]'`." if extra else "Install its fsspec driver."
        raise MissingDependencyError(
            f"{scheme}:// needs a driver: {error}", hint=hint
        ) from error
    except _failures() as error:
        raise ConfigError(
            f"cannot read the source {url}: {without_secrets(str(error))}"
        ) from error
    return filesystem, str(path)


def _failures() -> tuple[type[Exception], ...]:
    """What a driver may raise when its store fails."""
    loaded = ((sys.modules.get(module), name) for module, name in _FOREIGN)
    return (OSError, ValueError, *(getattr(module, name) for module, name in loaded if module))


def _store_error(url: str, error: Exception) -> ToolError:
    said = " ".join(without_secrets(str(error)).split())[:500]
    return ToolError(
        f"cannot read {url}: {type(error).__name__}: {said}",
        hint="Check the address, the network and the credentials of the store.",
    )
