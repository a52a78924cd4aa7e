"""Server-sent events, and the client they are sent to."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import ServiceUnavailable

from sfta_edge.reply import Answer

Steps = Generator[str, None, Answer]
"""Pieces of a text that is being written, and at the end the answer."""


@dataclass(frozen=True, slots=True)
class Waited:
    """A question on its way: the queue first, then the answer."""

    positions: Iterator[int]
    steps: Steps


def event(name: str | None, data: Mapping[str, Any]) -> str:
    """One server-sent event; the data is one line of JSON."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"


def each_spelled(steps: Steps, spell: Callable[[str], str]) -> Steps:
    """The pieces as they are spelled; what is spelled as nothing is left out."""
    while True:
        try:
            piece = next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        if spelled := spell(piece):
            yield spelled


def client_is_gone() -> Callable[[], bool]:
    """What says whether the client of this request has hung up."""
    told: Callable[[], bool] | None = request.environ.get("waitress.client_disconnected")
    return told or (lambda: False)


def too_late(seconds: float) -> ServiceUnavailable:
    """What a client is told whose question was not answered in time."""
    return ServiceUnavailable(
        f"no answer within {seconds:g} seconds", retry_after=max(1, int(seconds))
    )
