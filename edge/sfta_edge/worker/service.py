"""The worker's side of a connection: requests in, parts and results out, many at once.

Rules this module upholds:

- A request is answered by exactly one final reply, `done` or `failed`, under its own number.
- The connection is always read: a sign of life or a cancellation never waits for computing.
- When the connection ends, everything that was asked for through it ends.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from sfta_edge.batching.following import OnPlace
from sfta_edge.batching.waiting import EngineStoppedError
from sfta_edge.errors import SftaError
from sfta_edge.generation import EngineDownError, Limits
from sfta_edge.worker import forms
from sfta_edge.worker.failures import FrameError, facts_of
from sfta_edge.worker.frames import Frame, read_frame, write_frame
from sfta_edge.worker.models import Models

log = logging.getLogger(__name__)

BROKEN = 70
"""Exit code of a worker whose engine broke down: only a new process can compute again."""
_BESIDE = 8  # requests that are no turn of the engine, such as texts to embed
_SHORT_TEXTS = 16_384  # characters that are tokenized in less time than a thread is handed work


@dataclass(slots=True)
class Counts:
    """What one worker did, over all connections."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: str, amount: int = 1) -> None:
        """Count."""
        with self.lock:
            setattr(self, name, getattr(self, name) + amount)

    def to_json(self) -> dict[str, int]:
        """The numbers."""
        names = ("done", "failed", "cancelled", "running")
        return {name: getattr(self, name) for name in names}


class Service:
    """Answers what comes through connections with what is loaded."""

    def __init__(self, models: Models) -> None:
        self.models, self.counts = models, Counts()
        # Who waits, waits in the engine: it knows whose turn it is and when there are too many.
        most = models.files.parallel + models.files.waiting + _BESIDE
        self.pool = ThreadPoolExecutor(most, thread_name_prefix="request")

    def serve(self, link: socket.socket) -> None:
        """Answer until the other side ends; returns then, also after a malformed frame."""
        session = _Session(self, link)
        if self.models.states is not None:
            self.models.states.connect(session.send)
        try:
            session.send({"id": 0, "done": {"ready": self.models.facts()}})
            while frame := read_frame(link):
                session.take(frame)
        except (FrameError, OSError) as error:
            log.warning("the connection ended: %s", error)
        finally:
            session.cancel_all()


class _Session:
    """One connection and what runs for it."""

    def __init__(self, service: Service, link: socket.socket) -> None:
        self._service, self._models, self._link = service, service.models, link
        self._sending = threading.Lock()
        self._running: dict[int, threading.Event] = {}
        self._work: Mapping[str, Callable[[_Request], None]] = {
            "count": self._count,
            "embed": self._embed,
            "facts": self._facts,
            "score": self._score,
            "stats": self._stats,
            "stream": self._stream,
            "tokenize": self._tokenize,
        }

    def take(self, frame: Frame) -> None:
        """Answer at once what is quick, hand the rest to a thread.

        Raises:
            FrameError: no request.
        """
        number = forms.read(forms.count, frame.header.get("id"))
        name = frame.header.get("do")
        if name == "ping":
            self.send({"id": number, "done": {}})
        elif name == "cancel":
            if event := self._running.get(number):
                event.set()
        elif isinstance(name, str) and name in self._work and number not in self._running:
            request = _Request(number, frame.header, threading.Event())
            self._running[number] = request.cancelled
            self._service.counts.add("running")
            if name == "tokenize" and _is_short(frame.header):
                self._answer_now(request)
            else:
                running = self._service.pool.submit(self._work[name], request)
                running.add_done_callback(lambda done: self._ended(request, done.exception()))
        else:
            raise FrameError(f"an unknown request: {name!r:.40}")

    def cancel_all(self) -> None:
        """End what runs for this connection."""
        for event in list(self._running.values()):
            event.set()

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send one reply; if nobody is there to take it, nothing more is computed for them."""
        try:
            with self._sending:
                write_frame(self._link, Frame(header, payload))
        except OSError:
            self.cancel_all()

    def _answer_now(self, request: "_Request") -> None:
        error = None
        try:
            self._tokenize(request)
        except (SftaError, MemoryError) as caught:
            error = caught
        self._ended(request, error)

    def _ended(self, request: "_Request", error: BaseException | None) -> None:
        """A request came to its end; one that failed, for whatever reason, is told so."""
        counts, outcome = self._service.counts, "failed" if error else "done"
        if error is not None:
            self._fail(request, error)
        self._running.pop(request.number, None)
        counts.add("running", -1)
        counts.add("cancelled" if request.cancelled.is_set() else outcome)

    def _fail(self, request: "_Request", error: BaseException) -> None:
        if not isinstance(error, (SftaError, MemoryError)):
            log.error("a request failed", exc_info=error)
        broken = isinstance(error, EngineStoppedError)
        told = EngineDownError(str(error)) if broken else error
        self.send({"id": request.number, "failed": facts_of(told)})
        if broken:
            log.error("the engine broke down: %s", error)
            os._exit(BROKEN)

    def _done(
        self, request: "_Request", facts: Mapping[str, Any], payload: bytes = b""
    ) -> None:
        self.send({"id": request.number, "done": facts}, payload)

    def _tokenize(self, request: "_Request") -> None:
        special = bool(request.header.get("special"))
        texts = forms.read(forms.texts, request.header.get("texts"))
        ids = [self._models.engine.tokenize(text, special) for text in texts]
        self._done(request, {"ids": ids})

    def _count(self, request: "_Request") -> None:
        embedder = self._models.required_embedder()
        texts = forms.read(forms.texts, request.header.get("texts"))
        self._done(request, {"counts": [embedder.count_tokens(text) for text in texts]})

    def _embed(self, request: "_Request") -> None:
        embedder = self._models.required_embedder()
        vectors = embedder.embed(forms.read(forms.texts, request.header.get("texts")))
        self._done(request, {}, forms.vector_bytes(vectors))

    def _stream(self, request: "_Request") -> None:
        engine, on_place = self._models.engine, self._on_place(request)
        steps = engine.stream(request.prompt(), request.limits(), on_place=on_place)
        while True:
            try:
                piece = next(steps)
            except StopIteration as end:
                self._done(request, forms.generation_facts(end.value))
                return
            self.send({"id": request.number, "text": piece})

    def _score(self, request: "_Request") -> None:
        options = forms.read(forms.id_lists, request.header.get("options"))
        engine, on_place = self._models.engine, self._on_place(request)
        scored = engine.score(request.prompt(), options, request.limits(), on_place=on_place)
        self._done(request, forms.scored_facts(scored))

    def _on_place(self, request: "_Request") -> OnPlace | None:
        def tell(place: int) -> None:
            self.send({"id": request.number, "place": place})

        return tell if request.header.get("places") is True else None

    def _facts(self, request: "_Request") -> None:
        self._done(request, {**self._models.facts(), "model_sha256": self._models.digest()})

    def _stats(self, request: "_Request") -> None:
        counts = self._service.counts.to_json()
        self._done(request, {"requests": counts, "engine": self._models.stats()})


@dataclass(frozen=True, slots=True)
class _Request:
    number: int
    header: Mapping[str, Any]
    cancelled: threading.Event
    arrived: float = field(default_factory=time.monotonic)

    def prompt(self) -> list[list[int]]:
        return forms.read(forms.id_lists, self.header.get("prompt"))

    def limits(self) -> Limits:
        limits = forms.read(forms.limits_of, self.header.get("limits"))
        return replace(limits, cancel=self.cancelled, started=self.arrived)


def _is_short(header: Mapping[str, Any]) -> bool:
    texts = forms.read(forms.texts, header.get("texts"))
    return sum(map(len, texts)) <= _SHORT_TEXTS
