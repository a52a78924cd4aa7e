"""How a child is started, and what it gives up before it loads anything."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sfta_edge.confinement import open_descriptors
from sfta_edge.worker import child as child_module
from sfta_edge.worker.child import Child, command
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.process import _parser, main

FILES = WorkerFiles(
    Path("/models/a b.gguf"),
    Path("/models/embedder.gguf"),
    context_tokens=2048,
    threads=3,
    parallel=5,
    waiting=7,
    adapters={"sales": Path("/models/sales.gguf"), "legal": Path("/models/legal.gguf")},
    cache=Path("/data/cache"),
    model_sha256="a" * 64,
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def parsed(line):
    """The command line as the child reads it."""
    assert line[:5] == [sys.executable, "-I", "-B", "-m", "sfta_edge.worker.process"]
    return _parser().parse_args(line[5:])


def after_confining(look, *, before="", parent=None, memory_bytes=None):
    """What a process sees that was confined."""
    program = f"""
import os, resource, socket, sys
from types import SimpleNamespace
from sfta_edge.worker.process import give_up
{before}
options = SimpleNamespace(parent={parent!r}, memory_bytes={memory_bytes!r})
give_up(options, SimpleNamespace(fileno=lambda: 0))
print({look})
"""
    line = [sys.executable, "-I", "-B", "-c", program]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def test_the_child_is_told_everything_about_its_files():
    options = parsed(command(FILES, 9, 1 << 30))
    assert (options.model, options.embedder) == (FILES.model, FILES.embedder)
    assert (options.context_tokens, options.threads) == (2048, 3)
    assert (options.parallel, options.waiting) == (5, 7)
    assert {name: Path(path) for name, path in options.adapter} == FILES.adapters
    assert (options.connection, options.parent) == (9, os.getpid())
    assert options.memory_bytes == 1 << 30
    assert (options.cache, options.model_sha256) == (FILES.cache, FILES.model_sha256)


def test_what_is_not_given_has_its_default():
    options = parsed(command(WorkerFiles(Path("/m.gguf")), 3, None))
    defaults = WorkerFiles(Path("/m.gguf"))
    assert options.embedder is None
    assert options.threads is None
    assert options.memory_bytes is None
    for name in ("context_tokens", "parallel", "waiting"):
        assert getattr(options, name) == getattr(defaults, name)
    assert options.adapter == []


def test_the_defaults_of_the_program_are_those_of_the_files():
    options = _parser().parse_args(["--listen", "/w.sock", "--model", "/m.gguf"])
    defaults = WorkerFiles(Path("/m.gguf"))
    for name in (
        "context_tokens", "parallel", "waiting", "threads", "cache", "model_sha256",
    ):  # fmt: skip
        assert getattr(options, name) == getattr(defaults, name)


def test_a_relative_path_is_made_absolute_since_the_child_stands_elsewhere(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    options = parsed(command(WorkerFiles(Path("m.gguf")), 3, None))
    assert options.model == tmp_path / "m.gguf"


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--connection", "3"],
        ["--model", "m.gguf"],
        ["--connection", "3", "--listen", "/w.sock", "--model", "m.gguf"],
        ["--connection", "three", "--model", "m.gguf"],
    ],
)
def test_a_wrong_command_line_is_exit_code_2(line, capsys):
    with pytest.raises(SystemExit) as caught:
        _parser().parse_args(line)
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_a_service_of_its_own_keeps_no_states_and_says_so(capsys):
    line = ["--listen", "/w.sock", "--model", "m.gguf", "--cache", "/data/cache"]
    with pytest.raises(SystemExit) as caught:
        main(line)
    assert caught.value.code == 2
    assert "--cache needs --connection" in capsys.readouterr().err


def test_the_environment_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("SFTA_SECRET", "word")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert "SFTA_SECRET" not in child_module._environment()
    assert child_module._environment()["LD_LIBRARY_PATH"] == "/opt/lib"


@linux
def test_descriptors_that_were_open_are_closed():
    before = "left = socket.socket(); number = os.open('/etc', os.O_RDONLY)"
    look = "[n for n in (left.fileno(), number) if os.path.exists(f'/proc/self/fd/{n}')]"
    done = after_confining(look, before=before)
    assert done.stdout.strip() == "[]", done.stderr


@linux
def test_open_descriptors_are_those_that_are_open():
    with socket.socket() as opened:
        assert opened.fileno() in open_descriptors()
        number = opened.fileno()
    assert number not in open_descriptors()


def test_variables_are_forgotten():
    before = "os.environ['SFTA_SECRET'] = 'word'"
    done = after_confining("sorted(os.environ)", before=before)
    assert "SFTA_SECRET" not in done.stdout
    assert "OPENBLAS_NUM_THREADS" in done.stdout


def test_it_stands_nowhere_and_shares_nothing():
    done = after_confining("os.getcwd(), oct(os.umask(0))")
    assert done.stdout.strip() == "/ 0o77"


def test_memory_and_core_dumps_are_capped_for_good():
    look = "resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CORE)"
    done = after_confining(look, memory_bytes=1 << 30)
    assert done.stdout.strip() == f"({1 << 30}, {1 << 30}) (0, 0)"


def test_a_cap_above_one_that_holds_already_is_that_one():
    before = "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))"
    look = "resource.getrlimit(resource.RLIMIT_AS)"
    done = after_confining(look, before=before, memory_bytes=1 << 40)
    assert done.stdout.strip() == str((1 << 30, 1 << 30))


def test_over_its_cap_it_cannot_take_memory():
    done = after_confining("bytearray(1 << 30)", memory_bytes=512 << 20)
    assert "MemoryError" in done.stderr


def test_a_child_whose_parent_is_gone_does_not_begin():
    done = after_confining("'began'", parent=1 << 22)
    assert "is gone" in done.stderr
    assert "began" not in done.stdout


@linux
def test_nobody_may_look_into_it_and_nothing_gives_privileges_back():
    look = "open('/proc/self/status').read()"
    done = after_confining(look)
    assert "NoNewPrivs:\t1" in done.stdout


@linux
def test_the_memory_of_a_child_is_known_until_it_has_ended(monkeypatch):
    # It lets nobody look into it, as the worker does.
    script = (
        "import ctypes, time; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); "
        "print('hidden', flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(child_module, "command", lambda *_: [sys.executable, "-c", script])
    monkeypatch.setattr(child_module, "_END_SECONDS", 0.05)
    child = Child(FILES)
    assert child.resident_bytes > 1 << 20
    child.end()
    assert child.resident_bytes is None


def test_a_warning_of_a_child_is_one_of_the_log_and_other_lines_are_not(monkeypatch, caplog):
    script = "print('WARNING confinement: cannot'); print('loaded')"
    monkeypatch.setattr(child_module, "command", lambda *_: [sys.executable, "-c", script])
    with caplog.at_level("INFO", logger="sfta_edge.worker.child"):
        child = Child(FILES)
        child._process.wait()
        child.end()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_program_that_cannot_be_started_leaves_no_descriptor(monkeypatch):
    before = len(open_descriptors())
    monkeypatch.setattr(child_module, "command", lambda *_: ["/no/such/program"])
    with pytest.raises(FileNotFoundError):
        Child(FILES)
    assert len(open_descriptors()) == before


def test_a_child_that_does_not_end_by_itself_is_killed(monkeypatch):
    script = "import time; time.sleep(600)"
    monkeypatch.setattr(child_module, "command", lambda *_: [sys.executable, "-c", script])
    monkeypatch.setattr(child_module, "_END_SECONDS", 0.05)
    assert Child(FILES).end() == "killed by signal 9"


def test_a_child_is_ended_once(monkeypatch):
    script = "print('so long')"
    monkeypatch.setattr(child_module, "command", lambda *_: [sys.executable, "-c", script])
    child = Child(replace(FILES, adapters={}))
    assert child.end() == "exit code 0"
    child.kill()
    assert child.link.fileno() == -1
