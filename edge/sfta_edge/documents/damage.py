"""What the libraries for formats raise at a damaged file, as one error with a reason."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import BadZipFile
from zlib import error as ZlibError  # noqa: N812 an exception, named as one

from sfta_edge.documents.document import UnreadableError

# A damaged file breaks the assumptions of its library in any of these ways. lxml's syntax
# error is Python's own.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    BadZipFile,
    LookupError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    ZlibError,
)
_NO_MEMORY = re.compile(r"memory allocation|out of memory", re.IGNORECASE)
_LONGEST = 120


@contextmanager
def as_damage(what: str) -> Iterator[None]:
    """Turn what a library raises inside into UnreadableError: `it is no readable {what}`.

    Raises:
        UnreadableError: with code `damaged`.
        MemoryError: the library says that it lacked memory.
    """
    try:
        yield
    except _DAMAGE as error:
        said = " ".join(str(error).split())
        if _NO_MEMORY.search(said):
            raise MemoryError from error
        name = type(error).__name__
        shown = f"{name}: {said}" if said.isprintable() and said else name
        reason = f"it is no readable {what} ({shown[:_LONGEST]})"
        raise UnreadableError("damaged", reason) from error
