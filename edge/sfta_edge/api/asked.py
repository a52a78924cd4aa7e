"""A question as it came over HTTP: what is asked, by whom, of which documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from werkzeug.exceptions import BadRequest

from sfta_edge.caller import Caller, View
from sfta_edge.guard import checked_question
from sfta_edge.reply import Answer

_MOST_COLLECTIONS = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One question."""

    question: str
    caller: Caller
    view: View
    strict: bool | None = None
    """None: as the bundle says."""
    unused: int = 0
    """Messages of a conversation that were not used."""


class Keeper(Protocol):
    """What remembers answers: for the person who asked, and for whoever has to account for them."""

    def keep(self, asked: Asked, answer: Answer) -> Answer:
        """The same answer, with the id under which it was kept."""
        ...


Listener = Callable[[str], None]
"""Hears how a question ended that has no answer: ``busy``, ``failed``, ``left``."""


def asked_of(body: Mapping[str, Any], question: object, longest: int, caller: Caller) -> Asked:
    """Read a request.

    Raises:
        BadRequest: a part is not what it has to be.
    """
    strict, collections = body.get("strict"), body.get("collections")
    if strict is not None and not isinstance(strict, bool):
        raise BadRequest("strict must be true or false")
    wanted: frozenset[str] | None = None
    if collections is not None:
        sound = isinstance(collections, list) and len(collections) <= _MOST_COLLECTIONS
        if not sound or not all(isinstance(name, str) for name in collections):
            raise BadRequest("collections must be a list of names")
        wanted = frozenset(collections)
    return Asked(checked_question(question, longest), caller, caller.view(wanted), strict)
