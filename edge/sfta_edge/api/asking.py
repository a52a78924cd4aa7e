"""``POST /v1/ask`` and its OpenAI twin: one question, answered whole or as server-sent events."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from flask import Flask, Response, jsonify
from werkzeug.exceptions import ServiceUnavailable

from sfta_edge.api.asked import Asked, Keeper, Listener, asked_of
from sfta_edge.api.calls import current_caller
from sfta_edge.api.events import (
    Steps,
    Waited,
    client_is_gone,
    each_spelled,
    event,
    too_late,
)
from sfta_edge.appliance import BundleInfo
from sfta_edge.caller import View
from sfta_edge.errors import SftaError
from sfta_edge.gate import BusyError, Gate, Ticket
from sfta_edge.generation import drain
from sfta_edge.guard import json_body, problem_of
from sfta_edge.openai_form import (
    FinalText,
    completion,
    completion_id,
    completion_part,
    question_of,
    unused_messages,
)
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import Answer
from sfta_edge.settings import AnswerSettings

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """What clients may ask of the device."""

    body_bytes: int = 256 << 10
    file_bytes: int = 256 << 20
    """Longest document that is taken in."""
    question_characters: int = 2000
    places: int = 16
    """Questions answered or waiting at once."""
    at_once: int = 4
    """Questions answered at once."""
    per_caller: int = 8
    """Places that one caller may hold."""
    names: frozenset[str] = field(default_factory=lambda: frozenset({"localhost"}))
    """Host names under which the device may be called, besides addresses."""


class Asker(Protocol):
    """What answers; `answer.Answerer` is one."""

    contract: PromptContract
    settings: AnswerSettings

    def stream(
        self,
        question: str,
        *,
        cancel: threading.Event | None = None,
        view: View = ...,
        strict: bool | None = None,
        caller: str = "",
    ) -> Steps: ...


class NothingKept:
    """For a device that remembers no answers."""

    def keep(self, _asked: Asked, answer: Answer) -> Answer:
        return answer


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that answering over HTTP needs."""

    answerer: Asker
    info: BundleInfo
    limits: ServeLimits = field(default_factory=ServeLimits)
    keeper: Keeper = field(default_factory=NothingKept)
    on_answer: Callable[[Answer], None] = lambda _answer: None
    on_failure: Listener = lambda _outcome: None


def add_asking(app: Flask, desk: Desk) -> Gate:
    """Add the endpoints; gives the queue that questions wait in."""
    service = _Service(desk)
    app.add_url_rule("/v1/ask", view_func=service.ask, methods=["POST"])
    app.add_url_rule("/v1/chat/completions", view_func=service.chat, methods=["POST"])
    app.add_url_rule("/v1/models", view_func=service.models)
    return service.gate


class _Service:
    """The endpoints; one for each application."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._bundle = desk, desk.info.to_json()
        limits = desk.limits
        self.gate = Gate(
            limits.places,
            longest_seconds=desk.answerer.settings.deadline_seconds,
            at_once=min(limits.at_once, limits.places),
            per_caller=min(limits.per_caller, limits.places),
        )

    def ask(self) -> Response:
        body = json_body()
        asked = self._asked(body, body.get("question"))
        if body.get("stream") is True:
            return self._streamed(asked, self._ask_events)
        return jsonify(self._whole(asked).to_json(self._bundle))

    def chat(self) -> Response:
        body = json_body()
        asked = replace(self._asked(body, question_of(body)), unused=unused_messages(body))
        if body.get("stream") is True:
            return self._streamed(asked, self._chat_events)
        answer = self._whole(asked)
        name = self._desk.info.name
        return jsonify(completion(answer, name, self._bundle, unused=asked.unused))

    def models(self) -> Response:
        name = self._desk.info.name
        model = {"id": name, "object": "model", "created": 0, "owned_by": "sfta"}
        return jsonify({"object": "list", "data": [{**model, "bundle": self._bundle}]})

    def _asked(self, body: Mapping[str, Any], question: object) -> Asked:
        longest = self._desk.limits.question_characters
        return asked_of(body, question, longest, current_caller())

    def _whole(self, asked: Asked) -> Answer:
        ticket, cancel, gone = self._enter(asked), threading.Event(), client_is_gone()
        try:
            for _ in self._turn(ticket, gone):
                pass
            answer = drain(self._steps(asked, cancel, gone))
        except SftaError:
            self._desk.on_failure("failed")
            raise
        finally:
            ticket.release()
        seconds = self._desk.answerer.settings.deadline_seconds
        if answer.finish_reason == "deadline" and not answer.completion:
            self._desk.on_failure("deadline")
            raise too_late(seconds or 1.0)
        return self._kept(asked, answer)

    def _streamed(
        self, asked: Asked, events: Callable[[Asked, Waited], Iterator[str]]
    ) -> Response:
        ticket, cancel, gone = self._enter(asked), threading.Event(), client_is_gone()
        steps = self._steps(asked, cancel, gone)
        waited = Waited(self._turn(ticket, gone), steps)
        response = Response(
            self._guarded(events(asked, waited), ticket), mimetype="text/event-stream"
        )
        response.headers["X-Accel-Buffering"] = "no"
        # A client may leave before the first event: then the generator never starts, and only
        # this gives the place back.
        response.call_on_close(ticket.release)
        response.call_on_close(steps.close)
        response.call_on_close(cancel.set)
        return response

    def _enter(self, asked: Asked) -> Ticket:
        try:
            return self.gate.enter(asked.caller.token or asked.caller.name)
        except BusyError:
            self._desk.on_failure("busy")
            raise

    def _turn(self, ticket: Ticket, gone: Callable[[], bool]) -> Iterator[int]:
        """Positions in the queue as they change, until the turn has come."""
        began, told = time.monotonic(), 0
        longest = self._desk.answerer.settings.deadline_seconds
        while position := ticket.wait(_LOOK_SECONDS):
            if position != told:
                yield position
                told = position
            if gone():
                return
            if longest is not None and time.monotonic() - began > longest:
                self._desk.on_failure("deadline")
                raise too_late(longest)

    def _steps(self, asked: Asked, cancel: threading.Event, gone: Callable[[], bool]) -> Steps:
        """The answer's pieces; a client that hangs up, or did while it waited, cancels it."""
        if gone():
            cancel.set()
        steps = self._desk.answerer.stream(
            asked.question,
            cancel=cancel,
            view=asked.view,
            strict=asked.strict,
            caller=asked.caller.token or asked.caller.name,
        )

        def watched(piece: str) -> str:
            if gone():
                cancel.set()
            return piece

        try:
            return (yield from each_spelled(steps, watched))
        finally:
            steps.close()

    def _kept(self, asked: Asked, answer: Answer) -> Answer:
        self._desk.on_answer(answer)
        return self._desk.keeper.keep(asked, answer)

    def _ask_events(self, asked: Asked, waited: Waited) -> Iterator[str]:
        for position in waited.positions:
            yield event("queue", {"position": position})
        answer = yield from each_spelled(
            waited.steps, lambda piece: event("text", {"text": piece})
        )
        yield event("answer", self._kept(asked, answer).to_json(self._bundle))

    def _chat_events(self, asked: Asked, waited: Waited) -> Iterator[str]:
        name = self._desk.info.name
        identity = completion_id(asked.question)
        shown = FinalText(self._desk.answerer.contract.answer_marker)

        def part(delta: Mapping[str, Any], finish: str | None = None) -> str:
            return event(None, completion_part(identity, name, delta, finish))

        for _ in waited.positions:
            yield ": waiting\n\n"
        yield part({"role": "assistant", "content": ""})
        answer = yield from each_spelled(
            waited.steps,
            lambda piece: part({"content": text}) if (text := shown.feed(piece)) else "",
        )
        if rest := shown.rest(answer.answer):
            yield part({"content": rest})
        answer = self._kept(asked, answer)
        whole = completion(answer, name, self._bundle, unused=asked.unused)
        last = completion_part(identity, name, {}, whole["choices"][0]["finish_reason"])
        yield event(None, {**last, **{k: whole[k] for k in ("usage", "citations", "sfta")}})
        yield "data: [DONE]\n\n"

    def _guarded(self, events: Iterator[str], ticket: Ticket) -> Iterator[str]:
        """Events until the end; the headers are sent, so an error is an event as well."""
        try:
            yield from events
        except GeneratorExit:
            self._desk.on_failure("left")
            raise
        except ServiceUnavailable as error:
            late = SftaError(error.description or "no answer in time")
            yield event("error", {**problem_of(late), "status": 503})
        except SftaError as error:
            self._desk.on_failure("failed")
            yield event("error", problem_of(error))
        finally:
            ticket.release()
