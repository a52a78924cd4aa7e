"""Why somebody is not let in, or an account is not changed."""

from sfta_edge.errors import SftaError


class WrongPasswordError(SftaError):
    """Name and password do not belong together, or the account is switched off: never which."""


class WaitError(SftaError):
    """Not now; try again after `retry_after` seconds."""

    def __init__(self, what: str, retry_after: int) -> None:
        super().__init__(what, hint=f"Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class LockedOutError(WaitError):
    """Too many wrong passwords."""


class CrowdedError(WaitError):
    """As many passwords are being checked as this device can at once."""


class RateError(WaitError):
    """A caller asks faster than one may."""


class UnknownAccountError(SftaError):
    """No user or token of that name."""


class TakenError(SftaError):
    """Another user or token has this name already."""


class LastAdminError(SftaError):
    """Without this admin nobody could run the device any more."""


class SetupOverError(SftaError):
    """The first admin is there already."""
