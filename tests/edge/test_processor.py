"""What a processor lacks is said before anything is loaded that takes it for granted."""

import ctypes
import platform
import subprocess
import sys

import pytest

from sfta_edge import processor
from sfta_edge.cli import main as program
from sfta_edge.errors import MissingDependencyError
from sfta_edge.processor import check_processor, main, missing_features

FLAGS = "flags : fpu pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm avx2\n"


@pytest.fixture
def linux_tells(monkeypatch, tmp_path):
    """A C library that cannot be asked, and a /proc/cpuinfo."""

    def tell(text):
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(processor, "_asked_of_glibc", lambda: None)
        path = tmp_path / "cpuinfo"
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(processor, "_CPUINFO", path)

    return tell


@pytest.mark.skipif(platform.machine() != "x86_64", reason="asks an x86-64 processor")
def test_glibc_and_linux_agree_on_this_processor():
    asked, told = processor._asked_of_glibc(), processor._told_by_linux()
    if asked is None:
        pytest.skip("needs glibc 2.33")
    assert asked == told


def test_this_processor_runs_the_tests_and_is_new_enough():
    assert missing_features() == []
    check_processor()
    assert main() == 0


def test_what_is_missing_is_named_with_what_to_do(linux_tells):
    linux_tells(f"processor : 0\n{FLAGS.replace('sse4_2 popcnt ', '')}\n{FLAGS}")
    assert missing_features() == ["SSE4.2", "POPCNT"]
    with pytest.raises(
        MissingDependencyError, match=r"no SSE4.2, POPCNT; .* x86-64-v2"
    ) as caught:
        check_processor()
    assert "-cpu host" in caught.value.hint
    assert caught.value.exit_code == 3


def test_the_check_is_a_program_of_its_own(linux_tells, capsys):
    linux_tells("flags : fpu\n")
    assert main() == 3
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: this processor has no SSE3, SSSE3")
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("text", [FLAGS, "", "model name : unknown\n", None])
def test_where_nothing_can_be_known_nothing_is_refused(linux_tells, text):
    linux_tells(text)
    assert missing_features() == []


def test_other_kinds_of_machine_are_not_asked(linux_tells, monkeypatch):
    linux_tells("flags : fpu\n")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert missing_features() == []


@pytest.mark.parametrize("error", [OSError("static"), AttributeError("old glibc")])
def test_a_library_that_cannot_be_asked_is_no_error(monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert processor._asked_of_glibc() is None


def test_a_command_that_computes_ends_with_the_sentence(linux_tells, capsys):
    linux_tells("flags : fpu\n")
    for name in set(program.COMMANDS) - program._ANYWHERE:
        with pytest.raises(SystemExit) as caught:
            program.main([name])
        assert caught.value.code == 3
        assert "x86-64-v2" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(program._ANYWHERE))
def test_a_command_that_computes_nothing_loads_nothing_that_could_end_it(name, tmp_path):
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from click.testing import CliRunner
from sfta_edge.cli.main import cli
import sfta_edge.bundle, sfta_edge.slots, sfta_edge.signature
CliRunner().invoke(cli, [{name!r}, "--root", {str(tmp_path)!r}])
assert not {{"numpy", "llama_cpp", "sqlite_vec"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_check_needs_nothing_but_the_standard_library():
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
before = set(sys.modules)
import sfta_edge.processor
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
assert new - set(sys.stdlib_module_names) == {{"sfta_edge"}}, new
"""
    subprocess.run([sys.executable, "-c", code], check=True)
