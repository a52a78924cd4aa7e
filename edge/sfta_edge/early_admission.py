"""Whether a caller may hand in a file, decided when the head of the request is there.

waitress keeps a whole body before the application sees the request. Here the application is asked
first, with the head alone and in one of its own threads, since a token takes time to verify. Until
it has answered nothing more is read, and what it refuses is never read.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any

from flask import Flask, request
from waitress.task import WSGITask

from sfta_edge.api.admission import ADMITTED
from sfta_edge.api.calls import require
from sfta_edge.caller import Role
from sfta_edge.guard import problem
from sfta_edge.slow_clients import TimedChannel

UPLOADERS: Mapping[str, Role] = {"/v1/documents": "editor", "/v1/bundle/updates": "admin"}
"""Paths whose bodies are large, and what a caller must be to send one."""
UPLOADS = 8
"""Large bodies on their way at once: waitress keeps each on the disk until it is whole."""
_RETRY_SECONDS = 10
log = logging.getLogger("sfta_edge")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without the application; it stands where waitress has an error."""

    code: int
    document: Mapping[str, Any] | bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def reason(self) -> str:
        """The words after the status."""
        return HTTPStatus(self.code).phrase


Admit = Callable[[dict[str, Any]], Refusal | None]
"""What the application says to a request of which only the head is there; None: let it come."""


def admission_of(app: Flask) -> Admit:
    """Let an application's own checks decide: host, origin, caller, rate, and the role."""

    def admit(environ: dict[str, Any]) -> Refusal | None:
        with app.request_context({**environ, "wsgi.input": BytesIO()}):
            try:
                answer = app.preprocess_request()
                if answer is None:
                    _require_uploader(app)
            except Exception as error:  # noqa: BLE001 the application turns any into an answer
                answer = app.handle_user_exception(error)
            if answer is None:
                return None
            response = app.process_response(app.make_response(answer))
            headers = [(n, v) for n, v in response.headers if n.lower() != "content-length"]
            return Refusal(response.status_code, response.get_data(), tuple(headers))

    return admit


def _require_uploader(app: Flask) -> None:
    """Check that the application has the endpoint, and the caller the role."""
    if request.routing_exception is not None:
        app.raise_routing_exception(request)
    require(UPLOADERS[request.path])


class _Check:
    """The question to the application, as a task of waitress."""

    def __init__(self, channel: "AdmittedChannel", request: Any) -> None:
        self._channel, self._request = channel, request

    def service(self) -> None:
        try:
            environ = WSGITask(self._channel, self._request).get_environment()
            refusal = self._channel.admit(environ)
        except Exception:
            log.exception("it cannot be found out who hands in a file")
            refusal = Refusal(500, problem(500, "this device made a mistake"))
        # In the thread of the loop, which alone opens, counts and closes connections.
        self._channel.server.trigger.pull_trigger(
            lambda: self._channel.settle(self._request, refusal)
        )

    def cancel(self) -> None:
        self._channel.cancel()


class _Task(WSGITask):  # type: ignore[misc] # waitress has no types
    """A request, which says whether it was admitted before."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[ADMITTED] = self.request.admitted
        return environ


class AdmittedChannel(TimedChannel):
    """A connection that reads a large body only from whoever may send one."""

    task_class = _Task
    request: Any
    _refused = False

    @property
    def admit(self) -> Admit:
        """See `Admit`."""
        admit: Admit = self.server.admit
        return admit

    @property
    def is_awaited(self) -> bool:
        """See `TimedChannel`; while the application is asked the client waits."""
        request = self.request
        return super().is_awaited and request is not None and not request.asked

    @property
    def gives_way(self) -> bool:
        """See `TimedChannel`; a file that was admitted comes whole."""
        return super().gives_way and not self.is_uploading

    @property
    def is_uploading(self) -> bool:
        """Whether a large body is on its way."""
        request = self.request
        return request is not None and bool(request.admitted)

    def readable(self) -> bool:
        """See `TimedChannel`; what follows a request that was refused is not read."""
        request = self.request
        asked = request is not None and request.asked
        return super().readable() and not asked and not self._refused

    def received(self, data: bytes) -> bool:
        """Take in what came; a large body that is not here yet waits until it is admitted."""
        taken: bool = super().received(data)
        request = self.request
        if request is None or not request.is_large or request.asked or request.admitted:
            return taken
        request.asked = True
        self.server.add_task(_Check(self, request))
        return taken

    def settle(self, request: Any, refusal: Refusal | None) -> None:
        """Let a body come, or answer without it; called by the loop."""
        others = [c for c in self._map.values() if isinstance(c, AdmittedChannel)]
        if refusal is None and sum(c.is_uploading for c in others if c is not self) >= UPLOADS:
            refusal = _busy()
        if not self.connected:
            return
        with self.requests_lock:
            request.asked, request.admitted = False, refusal is None
            if refusal is not None:
                self.refuse(request, refusal)
            elif request.wants_word:
                request.expect_continue = True
                if not self.requests:
                    self.send_continue()

    def refuse(self, request: Any, refusal: Refusal) -> None:
        """Answer a request that is not complete; `requests_lock` is held."""
        request.error, request.completed = refusal, True
        self.request, self._refused = None, True
        self.requests.append(request)
        if len(self.requests) == 1:
            self.server.add_task(self)

    def refuse_late(self) -> None:
        """See `TimedChannel`."""
        with self.requests_lock:
            if self.request is not None:
                said = "the request did not arrive in time"
                self.refuse(self.request, Refusal(408, problem(408, said)))


def _busy() -> Refusal:
    said = problem(429, f"{UPLOADS} files are on their way already")
    return Refusal(429, said, (("Retry-After", str(_RETRY_SECONDS)),))
