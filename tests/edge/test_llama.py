"""Loading llama.cpp: the right backend, no noise, and a clear sentence when there is none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sfta_edge import llama
from sfta_edge.errors import MissingDependencyError


@pytest.fixture(name="unloaded")
def _unloaded():
    """The library as before its first use, for tests in which nothing gets loaded."""
    llama._load.cache_clear()
    yield
    llama._load.cache_clear()


def test_the_library_is_loaded_once():
    assert llama.load_library() is llama.load_library()


def test_a_cpu_backend_is_chosen():
    assert re.fullmatch(r"[a-z0-9_.]+|built-in", llama.variant())


def test_the_backend_in_use_is_one_of_those_in_the_package():
    binding = llama.load_library()
    found = sorted(Path(binding._lib._name).parent.glob("libggml-cpu-*.so"))
    if not found:
        assert llama.variant() == "built-in"
    else:
        assert f"libggml-cpu-{llama.variant()}.so" in {path.name for path in found}


def test_no_backend_is_a_missing_dependency_and_no_crash(unloaded, monkeypatch):
    monkeypatch.setattr(llama, "_has_cpu", lambda handle: False)
    with pytest.raises(MissingDependencyError, match="no CPU backend") as caught:
        llama.load_library()
    assert "wheel" in caught.value.hint


def test_no_binding_is_a_missing_dependency(unloaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp.llama_cpp", None)
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingDependencyError, match="cannot be loaded"):
        llama.load_library()


def test_a_failure_is_loaded_again_at_the_next_call(unloaded, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(llama, "_has_cpu", lambda handle: False)
        with pytest.raises(MissingDependencyError):
            llama.load_library()
    assert llama.load_library() is not None


def test_loading_a_model_prints_nothing(tmp_path, smollm2_gguf):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\x03\0\0\0" * 8)
    program = f"""
from pathlib import Path
from sfta_edge.engine import Engine
from sfta_edge.errors import IntegrityError
from sfta_edge.model import Model
Engine(Path({str(smollm2_gguf)!r}), context_tokens=64, threads=1).close()
try:
    Model(Path({str(broken)!r}))
except IntegrityError:
    pass
"""
    setup = f"import sys; sys.path[:0] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_first_complaint_is_the_cause():
    llama.first_error()
    llama._errors.extend(["gguf_init: bad magic", "llama_model_load: failed"])
    assert llama.first_error() == "bad magic"
    assert llama.first_error() == ""
