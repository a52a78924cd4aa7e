"""Every error a person can act on: one base class, one exit code per family."""

from typing import ClassVar


class SftaError(Exception):
    """Says what happened, then what to do about it, one line each."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


class ConfigError(SftaError):
    """The configuration, an input file or the command line cannot be used as written."""

    exit_code = 2


class MissingDependencyError(SftaError):
    """An optional dependency or an external program is not installed."""

    exit_code = 3


class IntegrityError(SftaError):
    """Content does not match its manifest, or the manifest its signature."""

    exit_code = 4


class ToolError(SftaError):
    """An external program or service was started and failed."""

    exit_code = 5
