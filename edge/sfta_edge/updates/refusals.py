"""Why an uploaded update is not taken, or not now; `guard` knows the status by the bases."""

from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.library.refusals import SettledError


class NotNowError(SettledError):
    """Something else has to end first: a job, a restart, a probation, another upload."""


class NotHereError(SettledError):
    """This device cannot do that by itself; the hint says what a person does."""


class UnusableUpdateError(ConfigError):
    """The bundle is not one for this device: forged, older, for another machine, damaged."""


class CancelledError(SftaError):
    """Somebody has stopped the update."""


def unusable(error: SftaError) -> UnusableUpdateError:
    """What an installation refused, as what the upload is refused with."""
    return UnusableUpdateError(str(error), hint=error.hint)
