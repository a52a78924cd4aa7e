"""Tells trouble of the disk, which passes, from trouble of a file, which stays."""

from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS

import apsw

from sfta_edge.library.refusals import DiskLowError

_NUMBERS = frozenset({EDQUOT, EFBIG, EIO, ENOSPC, EROFS})
# On a full disk SQLite also fails to make the file that readers and writers share.
_ERRORS = (
    DiskLowError,
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
)


def is_disk_trouble(error: BaseException | None) -> bool:
    """Whether an error, or what it was caused by, is that the disk is full or fails."""
    while error is not None:
        if isinstance(error, _ERRORS):
            return True
        if isinstance(error, OSError) and error.errno in _NUMBERS:
            return True
        error = error.__cause__
    return False
