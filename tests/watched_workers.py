"""Workers to test with: a real one that tests share, and scripted ones."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from sfta_edge.worker.frames import Frame, read_frame, write_frame
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.remote import RemoteEmbedder, RemoteEngine
from sfta_edge.worker.state import WatchOptions
from sfta_edge.worker.supervisor import Supervisor

FACTS = {
    "name": "scripted",
    "context_tokens": 64,
    "embedder": {
        "name": "e",
        "sha256": "0" * 64,
        "dimension": 3,
        "pooling": "cls",
        "prefix": "",
    },
    "threads": 1,
    "embedder_tokens": 0,
    "variant": "none",
}
IMPATIENT = WatchOptions(start=20.0, ping=0.05, pong=5.0, grace=0.2, longest=30.0, wait=30.0)


@pytest.fixture(scope="session")
def worker_files(smollm2_gguf, embedder_gguf):
    return WorkerFiles(smollm2_gguf, embedder_gguf, context_tokens=512, threads=1)


@pytest.fixture(scope="session")
def worker(worker_files):
    """A real worker for all tests that leave it alive."""
    with Supervisor.of_files(worker_files, WatchOptions(wait=60.0)) as supervisor:
        yield supervisor


@pytest.fixture(scope="session")
def remote(worker):
    return RemoteEngine(worker)


@pytest.fixture(scope="session")
def remote_embedder(worker):
    return RemoteEmbedder(worker)


@pytest.fixture
def own_worker(worker_files):
    """A real worker to be killed."""
    with Supervisor.of_files(worker_files, IMPATIENT) as supervisor:
        yield supervisor


class ScriptedWorker:
    """Answers with what a function gives for each request: headers or frames to send."""

    def __init__(self, answer=lambda request: [], facts=FACTS, first=None):
        self.link, self._theirs = socket.socketpair()
        self._first = first or Frame({"id": 0, "done": {"ready": dict(facts)}})
        self._answer, self.pid, self.killed, self.seen = answer, 1, 0, []
        self.resident_bytes = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def kill(self):
        self.killed += 1
        self.end()

    def end(self):
        for side in (self.link, self._theirs):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._theirs.close()
        self.link.close()
        return "it was only a script"

    def _serve(self):
        with suppress(OSError):
            write_frame(self._theirs, self._first)
            while request := read_frame(self._theirs):
                self.seen.append(request.header)
                for reply in self._answer(request.header):
                    if isinstance(reply, bytes):
                        self._theirs.sendall(reply)
                    elif isinstance(reply, Frame):
                        write_frame(self._theirs, reply)
                    else:
                        write_frame(self._theirs, Frame(reply))


def pong(request):
    """The answer of a healthy worker to a look at it."""
    return [{"id": request["id"], "done": {}}] if request["do"] == "ping" else []


def eventually(condition, seconds=60.0):
    """Wait until something holds; says nothing about speed."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)
