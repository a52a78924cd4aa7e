"""The worker's side of a connection, with engines that do as they like."""

import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sfta_edge.batching.waiting import EngineStoppedError
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.generation import EngineDownError, Generation, Limits
from sfta_edge.worker import forms, service
from sfta_edge.worker.connection import Connection
from sfta_edge.worker.failures import WorkerFaultError
from sfta_edge.worker.frames import Frame, read_frame, write_frame
from sfta_edge.worker.models import Models, WorkerFiles
from sfta_edge.worker.service import Service
from watched_workers import eventually

STREAM = {"prompt": [[1]], "limits": forms.limits_facts(Limits(4))}


class Engine:
    """Waits until it is cancelled, or fails."""

    name, context_tokens = "scripted", 64

    def __init__(self, error=None):
        self.error, self.limits = error, None
        self.started = threading.Event()

    def tokenize(self, text, special=False):
        return [len(text)]

    def stream(self, prompt, limits, *, on_place=None):
        self.limits = limits
        self.started.set()
        if self.error:
            raise self.error
        yield "a"
        reason = "cancelled" if limits.cancel.wait(30) else "length"
        return Generation("a", (1,), reason, 1)

    def counters(self):
        raise KeyError("words of a document")


@contextmanager
def served(engine, embedder=None, model="none.gguf", states=None):
    """A connection to a service with these parts."""
    files = WorkerFiles(Path(model), threads=1, parallel=2, waiting=2)
    facts = SimpleNamespace(
        files=files,
        engine=engine,
        embedder=embedder,
        states=states,
        facts=lambda: {"name": "scripted"},
        digest=lambda: Path(model).read_bytes(),
        stats=engine.counters,
        required_embedder=lambda: Models.required_embedder(facts),
    )
    ours, theirs = socket.socketpair()
    serving = Service(facts)
    thread = threading.Thread(target=serving.serve, args=(theirs,))
    thread.start()
    assert read_frame(ours).header["done"]["ready"] == {"name": "scripted"}
    connection = Connection(ours)
    try:
        yield connection
    finally:
        connection.close("over")
        thread.join()
        theirs.close()
        serving.pool.shutdown()


def test_a_sign_of_life_does_not_wait_for_what_is_computed():
    with served(Engine()) as connection:
        call = connection.begin("stream", STREAM)
        assert connection.begin("ping").result().header["done"] == {}
        assert connection.begin("tokenize", {"texts": ["abc"]}).result().header["done"] == {
            "ids": [[3]]
        }
        connection.cancel(call)
        *_, last = call.replies()
        assert last.header["done"]["reason"] == "cancelled"


def test_an_end_of_the_connection_ends_what_runs_for_it():
    engine = Engine()
    with served(engine) as connection:
        connection.begin("stream", STREAM)
        engine.started.wait(30)
    eventually(engine.limits.cancel.is_set)


@pytest.mark.parametrize("error", [IntegrityError("no numbers"), ConfigError("a bad token")])
def test_an_error_of_the_engine_is_told(error):
    with served(Engine(error)) as connection, pytest.raises(type(error), match=str(error)):
        connection.begin("stream", STREAM).result()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("words of a document")])
def test_a_fault_is_told_and_the_service_goes_on(error):
    with served(Engine(error)) as connection:
        with pytest.raises(SftaError) as caught:
            connection.begin("stream", STREAM).result()
        assert "words" not in str(caught.value)
        assert connection.begin("ping").result().header["done"] == {}


def test_a_file_that_went_away_is_an_answer_too():
    with served(Engine()) as connection, pytest.raises(WorkerFaultError, match="NotFound"):
        connection.begin("facts").result()


def test_an_engine_that_broke_down_ends_the_process(monkeypatch):
    ended = []
    monkeypatch.setattr(service.os, "_exit", ended.append)
    with served(Engine(EngineStoppedError("it broke"))) as connection:
        with pytest.raises(EngineDownError, match="it broke"):
            connection.begin("stream", STREAM).result()
        eventually(lambda: ended)
    assert ended == [service.BROKEN]
    assert os.EX_SOFTWARE == service.BROKEN


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("stream", {}),
        ("stream", {**STREAM, "prompt": [["1"]]}),
        ("stream", {**STREAM, "prompt": [1]}),
        ("stream", {**STREAM, "limits": {}}),
        ("score", STREAM),
        ("embed", {"texts": [1]}),
        ("count", {}),
    ],
)
def test_a_request_of_another_form_is_an_error_of_that_request(name, facts):
    with served(Engine(), SimpleNamespace(embed=list, count_tokens=len)) as connection:
        with pytest.raises(SftaError, match="unknown form"):
            connection.begin(name, facts).result()
        assert connection.begin("ping").result().header["done"] == {}


@pytest.mark.parametrize(
    "header", [{}, {"id": 1}, {"id": 1, "do": "exec"}, {"id": -1, "do": "ping"}, {"do": "ping"},
               {"id": 1, "do": ["ping"]}, {"id": 1, "do": "tokenize", "texts": "abc"}],
)  # fmt: skip
def test_what_is_no_request_ends_the_connection(header):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        write_frame(ours, Frame(header))
        files = WorkerFiles(Path("none.gguf"), parallel=1, waiting=1)
        facts = SimpleNamespace(
            files=files, engine=Engine(), embedder=None, states=None, facts=dict
        )
        serving = Service(facts)
        serving.serve(theirs)
        serving.pool.shutdown()


def test_vectors_are_sent_as_they_are():
    vectors = np.array([[0.6, 0.8]], dtype=np.float32)
    embedder = SimpleNamespace(embed=lambda texts: vectors, count_tokens=len)
    with served(Engine(), embedder) as connection:
        payload = connection.begin("embed", {"texts": ["a"]}).result().payload
        assert forms.vectors_of(payload, 1, 2).tobytes() == vectors.tobytes()
        counted = connection.begin("count", {"texts": ["abc"]}).result().header["done"]
        assert counted == {"counts": [3]}


def test_without_an_embedder_it_says_so():
    with served(Engine()) as connection, pytest.raises(ConfigError, match="no embedder"):
        connection.begin("embed", {"texts": ["a"]}).result()


@pytest.mark.parametrize("texts", [["ab"], ["x" * (service._SHORT_TEXTS + 1)]])
def test_texts_that_cannot_be_read_are_an_error_of_that_request(texts):
    engine = Engine()

    def refuse(text, special=False):
        raise ConfigError("a text of no tokens")

    engine.tokenize = refuse
    with served(engine) as connection:
        with pytest.raises(ConfigError, match="no tokens"):
            connection.begin("tokenize", {"texts": texts}).result()
        assert connection.begin("ping").result().header["done"] == {}


def test_states_are_sent_through_the_connection():
    connected = []
    with served(Engine(), states=SimpleNamespace(connect=connected.append)) as connection:
        (send,) = connected
        send({"id": 0, "keep": "name"}, b"content")
        eventually(connection.ended.is_set)
        assert "not asked" in connection.reason
