"""A worker as a service of its own, reached through a UNIX socket."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from sfta_edge.errors import IntegrityError
from sfta_edge.generation import Limits, drain
from sfta_edge.worker.failures import WorkerDownError
from sfta_edge.worker.remote import RemoteEngine
from sfta_edge.worker.supervisor import Supervisor
from sfta_edge.worker.unit import Unit
from watched_workers import IMPATIENT, eventually


@contextmanager
def service(path, model):
    """The worker program, as systemd would start it."""
    line = [sys.executable, "-I", "-B", "-m", "sfta_edge.worker.process"]
    line += ["--listen", str(path), "--model", str(model), "--threads", "1"]
    line += ["--context-tokens", "128"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "worker.sock"


def test_two_callers_share_a_service_and_one_may_leave(path, smollm2_gguf):
    with service(path, smollm2_gguf) as running:
        eventually(path.is_socket)
        with Supervisor.of_socket(path, IMPATIENT) as first:
            assert first.state.pid == running.pid
            with Supervisor.of_socket(path, IMPATIENT) as second:
                ids = RemoteEngine(second).tokenize("The capital of France is")
            done = drain(RemoteEngine(first).stream(ids, Limits(2)))
    assert "Paris" in done.text


def test_a_new_service_is_found_again(path, smollm2_gguf):
    with service(path, smollm2_gguf) as running:
        eventually(path.is_socket)
        with Supervisor.of_socket(path, IMPATIENT) as supervisor:
            running.send_signal(signal.SIGKILL)
            running.wait()
            eventually(lambda: supervisor.state.status != "up")
            # The dead one's socket is in the way, as after a power cut.
            with service(path, smollm2_gguf):
                eventually(lambda: supervisor.state.restarts == 1)
                assert RemoteEngine(supervisor).tokenize("again")


def test_only_owner_and_group_may_connect(path, smollm2_gguf):
    with service(path, smollm2_gguf):
        eventually(path.is_socket)
        eventually(lambda: path.stat().st_mode & 0o777 == 0o660)


def test_a_service_that_cannot_load_ends_with_the_code_of_its_error(path, tmp_path):
    model = tmp_path / "model.gguf"
    model.write_bytes(b"no model")
    with service(path, model) as running:
        assert running.wait() == IntegrityError.exit_code
        assert "not a GGUF file" in running.stderr.read()


def test_nobody_listening_is_typed(path):
    with pytest.raises(WorkerDownError, match="no worker listens"):
        Unit(path)


def test_somebody_else_listening_is_not_believed(path):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        supervisor = Supervisor.of_socket(path, IMPATIENT).start(wait=False)
        link, _ = door.accept()
        with link:
            link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            eventually(lambda: "longer than" in supervisor.state.last_error)
        supervisor.close()
