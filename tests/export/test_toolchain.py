"""Tools are built once, whole or not at all, by one process at a time.

A tiny CMake project in the form of the real source archive stands in for five minutes of
compiling; everything else is what runs for users.
"""

import hashlib
import io
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sfta_edge
from sfta_edge.errors import IntegrityError, MissingDependencyError, ToolError
from sfta_export import toolchain
from sfta_export.mending import CHANGES, Change
from sfta_export.sdist import Pin

CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(tiny C)
foreach(name llama ggml ggml-base)
  add_library(${name} SHARED one.c)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endforeach()
execute_process(COMMAND sh -c "echo built >> \\"$BUILDS\\"; sleep \\"$PAUSE\\"")
"""
FILES = {
    "PKG-INFO": "Metadata-Version: 2.2\nName: llama_cpp_python\nVersion: 9.9\n",
    "LICENSE.md": "MIT",
    "llama_cpp/__init__.py": "",
    "vendor/llama.cpp/CMakeLists.txt": CMAKE,
    "vendor/llama.cpp/one.c": "int one(void) { return 1; }\n",
    "vendor/llama.cpp/LICENSE": "MIT",
    "vendor/llama.cpp/convert_hf_to_gguf.py": "print('converter')\n",
    "vendor/llama.cpp/convert_lora_to_gguf.py": "print('adapters')\n",
    "vendor/llama.cpp/conversion/__init__.py": "",
    "vendor/llama.cpp/gguf-py/gguf/__init__.py": "",
    f"vendor/llama.cpp/{CHANGES[0].file}": "".join(change.old for change in CHANGES),
}


def write_archive(path, **changes):
    with tarfile.open(path, "w:gz") as tar:
        for name, text in (FILES | changes).items():
            entry = tarfile.TarInfo(f"demo-9.9/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    path = tmp_path / "demo-9.9.tar.gz"
    write_archive(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    pinned = Pin("demo", "9.9", path.name, digest, 1)
    monkeypatch.setattr(toolchain, "pin", lambda: pinned)
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    monkeypatch.setenv("PAUSE", "0")
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def builds(tmp_path):
    return (tmp_path / "builds").read_text().split()


def start(archive, cache):
    """The build in a process of its own, which can be killed."""
    code = (
        "import sys; from pathlib import Path; from sfta_export import toolchain, sdist;"
        f"pinned = sdist.Pin('demo', '9.9', {archive.name!r}, {toolchain.pin().sha256!r}, 1);"
        "toolchain.pin = lambda: pinned;"
        f"toolchain.ensure_tools(Path({str(cache)!r}), archive=Path({str(archive)!r}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(path)


def test_the_pin_names_one_archive_by_hash():
    pinned = toolchain.pin()
    assert pinned.file.startswith(pinned.package.replace("-", "_"))
    assert pinned.version in pinned.file
    assert len(bytes.fromhex(pinned.sha256)) == 32


def test_the_pin_can_be_read_in_the_repository_and_in_the_installed_package():
    outer = Path(__file__).parents[2] / "export" / "toolchain.toml"
    inner = Path(toolchain.__file__).with_name("toolchain.toml")
    assert outer.read_bytes() == inner.read_bytes()


def test_tools_that_were_not_built_are_asked_for_by_name(archive, cache):
    with pytest.raises(MissingDependencyError) as caught:
        toolchain.find_tools(cache)
    assert "make tools" in caught.value.hint
    for path in (toolchain.converter, toolchain.runtime_wheel):
        with pytest.raises(MissingDependencyError):
            path(cache)


def test_the_result_holds_converter_and_wheel_and_no_scratch(archive, cache):
    tools = toolchain.ensure_tools(cache, archive=archive)
    assert tools == toolchain.find_tools(cache)
    assert sorted(path.name for path in tools.folder.iterdir()) == [
        "converter",
        toolchain.runtime_wheel(cache).name,
    ]
    assert sorted(path.name for path in toolchain.converter(cache).iterdir()) == [
        "LICENSE",
        "conversion",
        "convert_hf_to_gguf.py",
        "convert_lora_to_gguf.py",
        "gguf-py",
    ]
    left = [path.name for path in tools.folder.parent.iterdir() if path != tools.folder]
    assert left == [f".{tools.folder.name}.lock"]


def test_tools_are_built_once(archive, cache, tmp_path):
    toolchain.ensure_tools(cache, archive=archive)
    toolchain.ensure_tools(cache, archive=archive)
    assert builds(tmp_path) == ["built"]


def test_what_an_earlier_version_has_not_taken_is_added_without_a_build(
    archive, cache, tmp_path
):
    toolchain.ensure_tools(cache, archive=archive)
    missing = toolchain.converter(cache) / toolchain.ADAPTER_CONVERTER
    missing.unlink()
    tools = toolchain.ensure_tools(cache, archive=archive)
    assert missing.read_text() == "print('adapters')\n"
    assert builds(tmp_path) == ["built"]
    assert [p.name for p in tools.folder.parent.glob(".work-*")] == []


def test_two_at_once_build_once(archive, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.5")
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(start(archive, cache).wait, 60) for _ in range(2)]
        assert [one.result() for one in both] == [0, 0]
    assert builds(tmp_path) == ["built"]


def test_a_killed_build_leaves_nothing_that_counts_and_the_next_one_finishes(
    archive, cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("PAUSE", "30")
    process = start(archive, cache)
    wait_for(tmp_path / "builds")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not toolchain.tools_folder(cache).exists()
    monkeypatch.setenv("PAUSE", "0")
    toolchain.ensure_tools(cache, archive=archive)
    assert toolchain.runtime_wheel(cache).is_file()


def test_a_failed_build_is_not_taken_for_a_finished_one(archive, cache, monkeypatch):
    write_archive(archive, **{"vendor/llama.cpp/one.c": "no C\n"})
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    broken = Pin("demo", "9.9", archive.name, digest, 1)
    monkeypatch.setattr(toolchain, "pin", lambda: broken)
    for _ in range(2):
        with pytest.raises(ToolError):
            toolchain.ensure_tools(cache, archive=archive)
    with pytest.raises(MissingDependencyError):
        toolchain.find_tools(cache)


def test_an_archive_with_other_bytes_is_not_built(archive, cache, tmp_path):
    write_archive(archive, PKG="other")
    with pytest.raises(IntegrityError):
        toolchain.ensure_tools(cache, archive=archive)
    assert not (tmp_path / "builds").exists()


@pytest.mark.parametrize("change", ["sha256", "recipe"])
def test_another_archive_or_recipe_has_another_folder(archive, cache, monkeypatch, change):
    before, pinned = toolchain.tools_folder(cache), toolchain.pin()
    values = {
        "sha256": Pin("demo", "9.9", pinned.file, "0" * 64, 1),
        "recipe": Pin("demo", "9.9", pinned.file, pinned.sha256, 2),
    }
    monkeypatch.setattr(toolchain, "pin", lambda: values[change])
    assert toolchain.tools_folder(cache) != before


def test_other_build_options_have_another_folder(archive, cache, monkeypatch):
    before = toolchain.tools_folder(cache)
    options = (*toolchain.native.CMAKE_OPTIONS, "-DX=ON")
    monkeypatch.setattr(toolchain.native, "CMAKE_OPTIONS", options)
    assert toolchain.tools_folder(cache) != before


OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


def test_another_kind_of_machine_has_another_folder_and_its_own_command(archive, cache):
    assert toolchain.tools_folder(cache, OTHER) != toolchain.tools_folder(cache)
    assert toolchain.tools_folder(cache, platform.machine()) == toolchain.tools_folder(cache)
    with pytest.raises(MissingDependencyError) as caught:
        toolchain.runtime_wheel(cache, OTHER)
    assert f"python -m sfta_export.toolchain --machine {OTHER}`" in caught.value.hint


@pytest.fixture
def cross_compiler(tmp_path, monkeypatch):
    """This machine's compiler under the names of another's: what it makes is not looked into."""
    folder = tmp_path / "cross"
    folder.mkdir()
    for program in ("gcc", "g++"):
        (folder / f"{OTHER}-linux-gnu-{program}").symlink_to(shutil.which(program))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_runtime_is_built_for_another_kind_of_machine(
    archive, cache, cross_compiler, monkeypatch, capsys
):
    further = {OTHER: (Change("one.c", "return 1", "return 2"),)}
    monkeypatch.setattr(toolchain.mending, "FURTHER", further)
    arguments = ["--cache", str(cache), "--archive", str(archive), "--machine", OTHER]
    assert toolchain.main(arguments) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made == toolchain.runtime_wheel(cache, OTHER)
    assert made.name.endswith(f"_{OTHER}.whl")
    assert not toolchain.tools_folder(cache).exists()


@pytest.mark.parametrize("options", ["--machine sparc", f"--machine {OTHER} --server"])
def test_what_nothing_is_built_for_is_refused(options):
    with pytest.raises(SystemExit, match="2"):
        toolchain.main(options.split())


def test_the_command_prints_the_wheel_and_nothing_else_on_stdout(archive, cache, capsys):
    code = toolchain.main(["--cache", str(cache), "--archive", str(archive)])
    assert code == 0
    assert capsys.readouterr().out == f"{toolchain.runtime_wheel(cache)}\n"


def test_the_command_prints_the_folder_that_pip_looks_for_wheels_in(archive, cache, capsys):
    code = toolchain.main(["--cache", str(cache), "--archive", str(archive), "--wheels"])
    assert code == 0
    folder = Path(capsys.readouterr().out.strip())
    assert list(folder.glob("*.whl")) == [toolchain.runtime_wheel(cache)]


def test_the_command_needs_no_installed_package():
    """It runs before anything is installed: standard library only."""
    code = "import sys; import sfta_export.toolchain; print(*sorted(sys.modules))"
    folders = [
        str(Path(toolchain.__file__).parents[1]),
        str(Path(sfta_edge.__file__).parents[1]),
    ]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "numpy" not in done.stdout.split()


def test_the_command_ends_with_the_error_family_and_an_action(archive, cache, capsys):
    archive.write_bytes(b"other")
    code = toolchain.main(["--cache", str(cache), "--archive", str(archive)])
    assert code == IntegrityError.exit_code
    err = capsys.readouterr().err
    assert "error: " in err
    assert "from a source you trust" in err


def test_missing_programs_are_said_before_the_download(archive, cache, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(MissingDependencyError, match="cmake"):
        toolchain.ensure_tools(cache)
