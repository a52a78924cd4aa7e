"""Errors of and across the worker process.

Rules this module upholds:

- ``failure_of(facts_of(error))`` has the type, text and hint of the error, if the type is listed;
  else the type is the nearest listed one that it is derived from.
- What arrives under a name that is not listed is a `WorkerFaultError`: no name chooses a class.
"""

from collections.abc import Mapping
from typing import Any

from sfta_edge.batching.turns import BusyError
from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)
from sfta_edge.generation import ContextOverflowError, EngineDownError

_LONGEST = 2000  # characters of a text from the other process


class FrameError(SftaError):
    """The two processes do not understand each other."""


class WorkerLostError(EngineDownError):
    """The worker process died or hung while it computed this; asking again may succeed."""


class WorkerDownError(EngineDownError):
    """No worker process runs at the moment; one is being started."""


class WorkerFaultError(SftaError):
    """A fault of the worker's program; its log holds the traceback."""


_LISTED: dict[str, type[SftaError]] = {
    form.__name__: form
    for form in (
        SftaError,
        ConfigError,
        ContextOverflowError,
        IntegrityError,
        MissingDependencyError,
        ToolError,
        EngineDownError,
        FrameError,
        WorkerFaultError,
    )
}


def facts_of(error: BaseException) -> dict[str, Any]:
    """An error as plain data. One that is none of ours tells its type, not its text.

    The text of a foreign error may hold anything, also parts of documents.
    """
    if isinstance(error, MemoryError):
        error = SftaError("the worker has not enough memory for this")
    if not isinstance(error, SftaError):
        error = WorkerFaultError(f"the worker failed with {type(error).__name__}")
    facts: dict[str, Any] = {"what": str(error)[:_LONGEST], "hint": error.hint[:_LONGEST]}
    if isinstance(error, BusyError):
        return {**facts, "kind": BusyError.__name__, "waiting": error.waiting}
    kind = next(form.__name__ for form in type(error).__mro__ if form.__name__ in _LISTED)
    return {**facts, "kind": kind}


def failure_of(facts: object) -> SftaError:
    """The error that the other process told of."""
    if not isinstance(facts, Mapping):
        return FrameError("the worker reported an error without saying which")
    waiting = facts.get("waiting")
    if facts.get("kind") == BusyError.__name__ and type(waiting) is int:
        return BusyError(waiting)
    form = _LISTED.get(_text(facts, "kind"), WorkerFaultError)
    return form(_text(facts, "what") or "no reason given", hint=_text(facts, "hint"))


def _text(facts: Mapping[Any, Any], name: str) -> str:
    value = facts.get(name)
    return " ".join(value[:_LONGEST].split()) if isinstance(value, str) else ""
