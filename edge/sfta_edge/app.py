"""The Edge API and the web page, as a WSGI application.

``POST /v1/ask`` and its OpenAI twin answer one question, whole or as server-sent events; the
page at ``/`` is a client of the first. Requests are checked in `guard`, admitted in `gate`.
"""

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Protocol

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import ServiceUnavailable

from sfta_edge.appliance import BundleInfo
from sfta_edge.errors import SftaError
from sfta_edge.gate import Gate, Ticket
from sfta_edge.generation import drain
from sfta_edge.guard import checked_question, json_body, problem_of, protect
from sfta_edge.openai_form import (
    FinalText,
    completion,
    completion_id,
    completion_part,
    question_of,
)
from sfta_edge.prompt import PromptContract
from sfta_edge.reply import Answer
from sfta_edge.settings import AnswerSettings

_PAGE = {
    "index.html": "text/html; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
Steps = Generator[str, None, Answer]


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """What one client may ask of the device."""

    body_bytes: int = 256 << 10
    question_characters: int = 2000
    places: int = 8
    """Questions answered or waiting at once."""
    names: frozenset[str] = field(default_factory=lambda: frozenset({"localhost"}))
    """Host names under which the device may be called, besides addresses."""


class Asker(Protocol):
    """What answers; `answer.Answerer` is one."""

    contract: PromptContract
    settings: AnswerSettings

    def stream(self, question: str, *, cancel: threading.Event | None = None) -> Steps: ...


def create_app(answerer: Asker, info: BundleInfo, limits: ServeLimits | None = None) -> Flask:
    """The application that answers from one bundle."""
    limits = limits or ServeLimits()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.body_bytes
    protect(app, limits.names)
    service = _Service(answerer, info, limits)
    app.add_url_rule("/v1/ask", view_func=service.ask, methods=["POST"])
    app.add_url_rule("/v1/chat/completions", view_func=service.chat, methods=["POST"])
    app.add_url_rule("/v1/models", view_func=service.models)
    app.add_url_rule("/healthz", view_func=service.health)
    app.add_url_rule("/readyz", view_func=service.ready)
    for name in _PAGE:
        rule = "/" if name == "index.html" else f"/{name}"
        app.add_url_rule(rule, endpoint=name, view_func=_page(name))
    return app


class _Service:
    """The endpoints; one for each application."""

    def __init__(self, answerer: Asker, info: BundleInfo, limits: ServeLimits) -> None:
        self._answerer, self._limits = answerer, limits
        self._bundle = info.to_json()
        self._name = info.name
        self._gate = Gate(limits.places, longest_seconds=answerer.settings.deadline_seconds)

    def ask(self) -> Response:
        body = json_body()
        question = checked_question(body.get("question"), self._limits.question_characters)
        if body.get("stream") is True:
            return self._streamed(question, self._ask_events)
        return jsonify(self._whole(question).to_json(self._bundle))

    def chat(self) -> Response:
        body = json_body()
        question = checked_question(question_of(body), self._limits.question_characters)
        if body.get("stream") is True:
            return self._streamed(question, self._chat_events)
        return jsonify(completion(self._whole(question), self._name, self._bundle))

    def models(self) -> Response:
        model = {"id": self._name, "object": "model", "created": 0, "owned_by": "sfta"}
        return jsonify({"object": "list", "data": [{**model, "bundle": self._bundle}]})

    def health(self) -> Response:
        return jsonify({"status": "ok"})

    def ready(self) -> Response:
        if self._gate.stuck:
            raise ServiceUnavailable("a question takes longer than any may: the engine hangs")
        facts = {"waiting": self._gate.waiting, "places": self._gate.places}
        return jsonify({"status": "ready", "bundle": self._bundle, **facts})

    def _whole(self, question: str) -> Answer:
        ticket = self._gate.enter()
        try:
            answer = drain(self._steps(question))
        finally:
            ticket.release()
        if answer.finish_reason == "deadline" and not answer.completion:
            raise ServiceUnavailable(
                f"no answer within {self._answerer.settings.deadline_seconds:g} seconds",
                retry_after=int(self._answerer.settings.deadline_seconds or 1),
            )
        return answer

    def _streamed(
        self, question: str, events: Callable[[str, Steps], Iterator[str]]
    ) -> Response:
        ticket = self._gate.enter()
        steps = self._steps(question)
        response = Response(
            _guarded(events(question, steps), ticket), mimetype="text/event-stream"
        )
        response.headers["X-Accel-Buffering"] = "no"
        # A client may leave before the first event: then the generator never starts, and only
        # this gives the place back.
        response.call_on_close(ticket.release)
        response.call_on_close(steps.close)
        return response

    def _steps(self, question: str) -> Steps:
        cancel = threading.Event()
        steps = self._answerer.stream(question, cancel=cancel)
        return _until_gone(steps, cancel, request.environ.get("waitress.client_disconnected"))

    def _ask_events(self, _question: str, steps: Steps) -> Iterator[str]:
        answer = yield from _each(steps, lambda piece: event("text", {"text": piece}))
        yield event("answer", answer.to_json(self._bundle))

    def _chat_events(self, question: str, steps: Steps) -> Iterator[str]:
        identity, shown = (
            completion_id(question),
            FinalText(self._answerer.contract.answer_marker),
        )

        def part(delta: Mapping[str, Any], finish: str | None = None) -> str:
            return event(None, completion_part(identity, self._name, delta, finish))

        yield part({"role": "assistant", "content": ""})
        answer = yield from _each(
            steps, lambda piece: part({"content": text}) if (text := shown.feed(piece)) else ""
        )
        if rest := shown.rest(answer.answer):
            yield part({"content": rest})
        whole = completion(answer, self._name, self._bundle)
        last = completion_part(identity, self._name, {}, whole["choices"][0]["finish_reason"])
        yield event(None, {**last, **{k: whole[k] for k in ("usage", "citations", "sfta")}})
        yield "data: [DONE]\n\n"


def event(name: str | None, data: Mapping[str, Any]) -> str:
    """One server-sent event; the data is one line of JSON."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n"


def _each(steps: Steps, spell: Callable[[str], str]) -> Generator[str, None, Answer]:
    while True:
        try:
            piece = next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        if spelled := spell(piece):
            yield spelled


def _until_gone(
    steps: Steps, cancel: threading.Event, gone: Callable[[], bool] | None
) -> Steps:
    """The same steps; a client that hangs up cancels them."""

    def watched(piece: str) -> str:
        if gone is not None and gone():
            cancel.set()
        return piece

    try:
        return (yield from _each(steps, watched))
    finally:
        steps.close()


def _guarded(events: Iterator[str], ticket: Ticket) -> Iterator[str]:
    """Events until the end; the headers are sent, so an error is an event as well."""
    try:
        yield from events
    except SftaError as error:
        yield event("error", problem_of(error))
    finally:
        ticket.release()


def _page(name: str) -> Callable[[], Response]:
    content = (files("sfta_edge") / "web" / name).read_bytes()

    def view() -> Response:
        response = Response(content, content_type=_PAGE[name])
        response.add_etag()
        response.make_conditional(request.environ)
        return response

    return view
