"""One folder in the place of another, in one step, and what a power cut left of that.

The new folder waits as ``.data.ready-TOKEN`` and holds its token in a file. After the exchange
the old one has that name, without that token: so it is clear at any moment which is which.
"""

import ctypes
import os
import shutil
import time
from pathlib import Path

from sfta_edge.manifest import sync_folder, write_durably

TOKEN = ".restored"  # noqa: S105 the name of a file
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_HERE = -100  # AT_FDCWD


def begin(data: Path) -> Path:
    """An empty folder beside the data, to fill."""
    scratch = data.absolute().with_name(f".{data.name}.new-{os.urandom(8).hex()}")
    scratch.mkdir(mode=0o700)
    return scratch


def swap(data: Path, scratch: Path) -> Path | None:
    """Put a filled folder in the place of the data; returns where the old data are now.

    None if there were no data. A crash at any moment leaves the old data or the new ones in
    their place, and `settle` finishes the rest.
    """
    token = scratch.name.rpartition("-")[2]
    write_durably(scratch / TOKEN, token.encode())
    _sync_tree(scratch)
    ready, older = scratch.with_name(f".{data.name}.ready-{token}"), old_data(data)
    scratch.rename(ready)
    sync_folder(ready.parent)
    if data.exists():
        exchange(ready, data)
    else:
        ready.rename(data)
    sync_folder(ready.parent)
    settle(data)
    return next((path for path in old_data(data) if path not in older), None)


def settle(data: Path) -> None:
    """Finish or undo what was cut off. Call it while the data are locked."""
    whole = data.absolute()
    left = sorted(whole.parent.glob(f".{whole.name}.ready-*"))
    unfilled = sorted(whole.parent.glob(f".{whole.name}.new-*"))
    for ready in left:
        if not _is_new(ready):
            _keep(whole, ready)
        elif whole.exists():
            shutil.rmtree(ready)  # cut off before the exchange: the restore did not happen
        else:
            ready.rename(whole)  # cut off in the middle, on a disk that cannot exchange
    for scratch in unfilled:
        shutil.rmtree(scratch)
    if left or unfilled:
        sync_folder(whole.parent)


def old_data(data: Path) -> list[Path]:
    """What restores replaced and nobody discarded yet."""
    whole = data.absolute()
    return sorted(whole.parent.glob(f"{whole.name}.before-*"))


def exchange(one: Path, other: Path) -> None:
    """Two names change places in one step; where the disk cannot, in two."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameat2", None)
    if call is not None:
        names = (os.fsencode(one), os.fsencode(other))
        if call(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
            return
    _keep(other.absolute(), other)
    one.rename(other)


def _keep(data: Path, folder: Path) -> None:
    """Give a folder with old data its name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target, number = data.with_name(f"{data.name}.before-{stamp}"), 1
    while target.exists():  # the clock of a device may stand still
        number += 1
        target = data.with_name(f"{data.name}.before-{stamp}-{number}")
    folder.rename(target)


def _is_new(ready: Path) -> bool:
    try:
        return (ready / TOKEN).read_text("ascii") == ready.name.rpartition("-")[2]
    except (OSError, ValueError):
        return False


def _sync_tree(root: Path) -> None:
    for folder, _folders, _files in os.walk(root):
        sync_folder(Path(folder))
