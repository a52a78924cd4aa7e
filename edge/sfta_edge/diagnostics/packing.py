"""The one file: a zip archive that any machine opens, the same bytes for the same parts."""

import io
import os
import secrets
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sfta_edge.errors import ConfigError
from sfta_edge.manifest import sync_folder

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip archive knows
_UNIX = 3
_MODE = 0o600


def packed(parts: Mapping[str, bytes]) -> bytes:
    """An archive that depends on the parts alone: not on their order, the time or the machine."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, parts[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    return whole.getvalue()


def refuse_to_replace(out: Path) -> None:
    """Nothing that is there is written over.

    Raises:
        ConfigError: the name is taken, or its folder is missing.
    """
    if os.path.lexists(out):
        raise ConfigError(f"{out} is already there", hint="Choose another name.")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {out.absolute().parent}", hint="Make it first.")


def write_new(out: Path, content: bytes) -> None:
    """Write a file for its owner alone, in one step that survives a power cut.

    Raises:
        ConfigError: as `refuse_to_replace`, also if the name was taken meanwhile.
    """
    refuse_to_replace(out)
    scratch = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(scratch, flags, _MODE), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _name(scratch, out)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(out.absolute().parent)


def _name(scratch: Path, out: Path) -> None:
    """A link is refused where the name is taken; a rename would take the place."""
    with suppress(OSError):
        os.link(scratch, out)
        return
    # A stick knows no links: between these two lines somebody else would have to write.
    refuse_to_replace(out)
    scratch.rename(out)
