"""Transactions that let the other threads of the process go on.

apsw's own (``with connection:``) keeps the interpreter's lock while it waits for another writer
and while it flushes: every thread stands still, and a writer that is such a thread can never
end. Statements do not keep it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def transaction(connection: apsw.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """All or nothing. Inside another one it is a part of that.

    Args:
        connection: waits as long as its busy timeout says.
        mode: "IMMEDIATE" takes the right to write at once, so that what one has read still holds
            when it writes; "DEFERRED" is for reading one state of the file.

    Raises:
        apsw.BusyError: another connection kept the right to write.
    """
    if connection.in_transaction:
        yield
        return
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors, a full disk among them, have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
