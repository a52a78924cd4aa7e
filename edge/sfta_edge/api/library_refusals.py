"""What the library refuses, as the status that the Edge API gives it."""

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    HTTPException,
    NotFound,
    RequestEntityTooLarge,
    TooManyRequests,
    UnsupportedMediaType,
)

from sfta_edge.library.refusals import (
    BadNameError,
    DiskLowError,
    NotFoundError,
    QueueFullError,
    SettledError,
    TakenPlaceError,
    TooLargeError,
    UnreadKindError,
)

_RETRY_SECONDS = 60


class InsufficientStorageError(HTTPException):
    """507: too little space is left to take anything in."""

    code = 507


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the library refuses within the block into an answer over HTTP."""
    try:
        yield
    except BadNameError as error:
        raise BadRequest(str(error)) from error
    except TooLargeError as error:
        raise RequestEntityTooLarge(str(error)) from error
    except UnreadKindError as error:
        raise UnsupportedMediaType(str(error)) from error
    except DiskLowError as error:
        raise InsufficientStorageError(str(error)) from error
    except QueueFullError as error:
        raise TooManyRequests(str(error), retry_after=_RETRY_SECONDS) from error
    except (SettledError, TakenPlaceError) as error:
        raise Conflict(str(error)) from error
    except NotFoundError as error:
        raise NotFound(str(error)) from error
