"""The real worker process: what it cannot do, and what its death does to others."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine_prompts import STORY, chat
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.generation import EngineDownError, Limits, drain
from sfta_edge.worker import child as child_module
from sfta_edge.worker.child import Child
from sfta_edge.worker.failures import WorkerLostError
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.readiness import await_ready
from sfta_edge.worker.remote import RemoteEngine
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import IMPATIENT, eventually

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_the_worker_is_confined(worker):
    status = Path(f"/proc/{worker.state.pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    limits = Path(f"/proc/{worker.state.pid}/limits").read_text()
    assert [line.split()[4] for line in limits.splitlines() if "core file" in line] == ["0"]


@linux
def test_the_worker_has_one_socket_and_nothing_of_ours(worker, tmp_path):
    folder = Path(f"/proc/{worker.state.pid}/fd")
    with (tmp_path / "secret").open("w"), socket.socket():
        try:
            targets = [str(entry.readlink()) for entry in folder.iterdir()]
        except PermissionError:
            pytest.skip("only root looks into a process that may not be dumped")
    assert sum(target.startswith("socket:") for target in targets) == 1
    assert not any("secret" in target for target in targets)
    assert {target.split(":")[0] for target in targets} <= {"socket", "pipe", "/dev/null"}


@linux
def test_the_worker_knows_nothing_of_our_environment(worker):
    try:
        raw = Path(f"/proc/{worker.state.pid}/environ").read_text()
    except PermissionError:
        pytest.skip("only root looks into a process that may not be dumped")
    names = {line.split("=")[0] for line in raw.split("\0") if line}
    assert names <= {"LANG", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX"}


@linux
def test_its_memory_is_told(worker):
    assert worker.state.rss_bytes > 1 << 20


def test_a_kill_while_it_writes_is_a_typed_error_and_the_next_question_is_answered(
    own_worker, engine
):
    remote = RemoteEngine(own_worker)
    prompt = chat(engine, STORY)
    steps = remote.stream(prompt, Limits(400))
    next(steps)
    os.kill(own_worker.state.pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError) as caught:
        drain(steps)
    assert caught.value.hint
    eventually(lambda: own_worker.state.restarts == 1)
    assert "signal 9" in own_worker.state.last_error
    assert len(drain(remote.stream(prompt, Limits(3))).token_ids) == 3


def test_a_worker_that_hangs_is_replaced(own_worker, engine):
    remote = RemoteEngine(own_worker)
    stopped = own_worker.state.pid
    with closing(remote.stream(chat(engine, STORY), Limits(400))) as steps:
        next(steps)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(WorkerLostError, match="no sign of life"):
            drain(steps)
    eventually(lambda: own_worker.state.restarts == 1)
    assert own_worker.state.pid != stopped
    assert remote.tokenize("again")


def test_closing_leaves_no_process_and_no_descriptor(worker_files):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Supervisor.of_files(replace(worker_files, embedder=None), IMPATIENT) as supervisor:
        pid = supervisor.state.pid
    assert not Path(f"/proc/{pid}").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("content", [b"GGUF", b"no model", b"GGUF" + b"\xff" * 5000])
def test_a_broken_model_is_a_typed_error_here_and_harms_only_the_child(tmp_path, content):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        Supervisor.of_files(WorkerFiles(path, threads=1), IMPATIENT).start()


def test_weights_that_are_no_numbers_are_a_typed_error(tmp_path, smollm2_gguf):
    content = bytearray(smollm2_gguf.read_bytes())
    content[-64:] = b"\xff" * 64
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="invalid data"):
        Supervisor.of_files(WorkerFiles(path, threads=1), IMPATIENT).start()


def test_a_model_that_is_not_there_is_a_typed_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        Supervisor.of_files(WorkerFiles(tmp_path / "none.gguf"), IMPATIENT).start()


@linux
def test_a_worker_over_its_memory_cap_is_a_typed_error(smollm2_gguf):
    files = WorkerFiles(smollm2_gguf, context_tokens=8192, threads=1)
    supervisor = Supervisor.of_files(files, IMPATIENT, memory_bytes=300 << 20)
    with pytest.raises(SftaError):
        supervisor.start()


@linux
def test_a_worker_within_its_memory_cap_works(worker_files):
    files = replace(worker_files, embedder=None)
    with Supervisor.of_files(files, IMPATIENT, memory_bytes=4 << 30) as supervisor:
        assert RemoteEngine(supervisor).tokenize("works")


@linux
def test_the_worker_dies_with_its_parent(smollm2_gguf):
    program = f"""
import os, sys
from pathlib import Path
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.supervisor import Supervisor
files = WorkerFiles(Path({str(smollm2_gguf)!r}), context_tokens=128, threads=1)
supervisor = Supervisor.of_files(files).start()
print(supervisor.state.pid, flush=True)
sys.stdin.read()
"""
    line = [sys.executable, "-I", "-B", "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, text=True, **pipes) as parent:
        pid = int(parent.stdout.readline())
        # Stopped, it cannot see that its connection ends: the kernel has to end it.
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
    eventually(lambda: not alive(pid))


def alive(pid):
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_garbage_ends_the_worker_and_not_more(worker_files):
    child = Child(replace(worker_files, embedder=None))
    try:
        await_ready(child.link, 60)
        child.link.sendall(b"\xff" * 64)
        eventually(lambda: child._process.poll() is not None)
    finally:
        assert child.end() == "exit code 0"


def test_the_last_line_of_a_child_tells_why_it_died(worker_files, monkeypatch):
    script = "import sys; print('x' * 5000, flush=True); sys.exit('out of ideas')"
    monkeypatch.setattr(
        child_module, "command", lambda *_: [sys.executable, "-I", "-c", script]
    )
    child = Child(worker_files)
    child._process.wait()
    assert child.end() == "exit code 1: out of ideas"


def test_a_flood_of_lines_is_cut_and_counted(worker_files, monkeypatch, caplog):
    script = "for n in range(1500): print(n)"
    monkeypatch.setattr(
        child_module, "command", lambda *_: [sys.executable, "-I", "-c", script]
    )
    caplog.set_level("INFO", child_module.__name__)
    child = Child(worker_files)
    child._process.wait()
    child.end()
    lines = [record for record in caplog.records if record.name == child_module.__name__]
    assert len(lines) == 1001
    assert "500 more lines" in lines[-1].getMessage()


def test_what_is_lost_can_be_answered_in_a_lesser_way(own_worker):
    os.kill(own_worker.state.pid, signal.SIGKILL)
    own_worker.close()
    with pytest.raises(EngineDownError):
        RemoteEngine(own_worker).tokenize("x")
