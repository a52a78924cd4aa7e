"""Why a file is not taken in; each kind has a status of its own in the Edge API."""

from sfta_edge.errors import ConfigError, SftaError


class RefusedError(ConfigError):
    """A file or a change that the library does not accept."""


class TooLargeError(RefusedError):
    """The file is longer than one may be."""


class UnreadKindError(RefusedError):
    """A kind of file that is not read on a device."""


class BadNameError(RefusedError):
    """The name cannot be the name of a document."""


class QueueFullError(RefusedError):
    """Too many files wait to be read."""


class SettledError(RefusedError):
    """The job has ended, or the document belongs to the bundle: it cannot be changed."""


class TakenPlaceError(RefusedError):
    """Another document stands where one is to be moved."""


class NotFoundError(RefusedError):
    """There is no such job or document."""


class DiskLowError(SftaError):
    """Too little space is left to take anything in, or the device only reads."""
