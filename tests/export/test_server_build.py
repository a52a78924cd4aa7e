"""The optional programs are built beside the tools, from the same source, and change nothing there.

A tiny CMake project in the form of the real source archive stands in for minutes of compiling.
"""

import hashlib
import io
import subprocess
import tarfile

import pytest

from sfta_edge.errors import MissingDependencyError, ToolError
from sfta_export import native, server, toolchain
from sfta_export.mending import CHANGES
from sfta_export.sdist import Pin

# As in the real tree, the programs need the libraries that the runtime's wheel holds.
CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(tiny C)
foreach(name llama ggml ggml-base ggml-cpu-x64 llama-common)
  if(name STREQUAL "ggml-cpu-x64" AND NOT GGML_CPU_ALL_VARIANTS)
    continue()
  endif()
  if(name STREQUAL "llama-common" AND NOT LLAMA_BUILD_SERVER)
    continue()
  endif()
  add_library(${name} SHARED one.c)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endforeach()
if(LLAMA_BUILD_SERVER)
  foreach(name llama-server llama-bench llama-other)
    add_executable(${name} main.c)
    target_link_libraries(${name} llama llama-common)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  endforeach()
endif()
"""
FILES = {
    "PKG-INFO": "Metadata-Version: 2.2\nName: llama_cpp_python\nVersion: 9.9\n",
    "LICENSE.md": "MIT",
    "llama_cpp/__init__.py": "",
    "vendor/llama.cpp/CMakeLists.txt": CMAKE,
    "vendor/llama.cpp/one.c": "int one(void) { return 1; }\n",
    "vendor/llama.cpp/main.c": "int one(void); int main(void) { return one() - 1; }\n",
    "vendor/llama.cpp/LICENSE": "MIT",
    "vendor/llama.cpp/convert_hf_to_gguf.py": "",
    "vendor/llama.cpp/convert_lora_to_gguf.py": "",
    "vendor/llama.cpp/conversion/__init__.py": "",
    "vendor/llama.cpp/gguf-py/gguf/__init__.py": "",
    f"vendor/llama.cpp/{CHANGES[0].file}": "".join(change.old for change in CHANGES),
}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Writes the source archive, which becomes the pinned one."""

    def write(**changes):
        path = tmp_path / "demo-9.9.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, text in (FILES | changes).items():
                entry = tarfile.TarInfo(f"demo-9.9/{name}")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        pinned = Pin("demo", "9.9", path.name, digest, 1)
        monkeypatch.setattr(toolchain, "pin", lambda: pinned)
        return path

    return write


def test_both_programs_are_built_with_the_libraries_of_the_runtime_beside_them(
    archive, tmp_path
):
    program = server.ensure_server(tmp_path / "cache", archive=archive())
    bench = server.find_bench(tmp_path / "cache")
    assert sorted(path.name for path in program.parent.iterdir()) == [
        *("libggml-base.so", "libggml-cpu-x64.so", "libggml.so", "libllama-common.so"),
        *("libllama.so", "llama-bench", "llama-server"),
    ]
    for made in (program, bench):
        assert subprocess.run([str(made)], check=False).returncode == 0
    assert server.find_server(tmp_path / "cache") == program


def test_the_tools_are_where_they_were_and_as_they_were(archive, tmp_path):
    source, cache = archive(), tmp_path / "cache"
    before = toolchain.ensure_tools(cache, archive=source)
    wheel = before.wheel.read_bytes()
    program = server.ensure_server(cache, archive=source)
    assert toolchain.find_tools(cache) == before
    assert before.wheel.read_bytes() == wheel
    assert before.folder not in program.parents


def test_no_scratch_is_left(archive, tmp_path):
    program = server.ensure_server(tmp_path / "cache", archive=archive())
    tools = toolchain.tools_folder(tmp_path / "cache")
    left = {path.name for path in tools.parent.iterdir()}
    folders = {tools.name, program.parent.name}
    assert left == folders | {f".{name}.lock" for name in folders}


def test_it_is_built_once(archive, tmp_path, monkeypatch):
    source, cache = archive(), tmp_path / "cache"
    server.ensure_server(cache, archive=source)
    monkeypatch.setattr(native, "build_programs", lambda *_, **__: pytest.fail("built again"))
    server.ensure_server(cache, archive=source)


@pytest.mark.parametrize("find", [server.find_server, server.find_bench])
def test_a_program_that_was_not_built_is_asked_for_by_name(archive, tmp_path, find):
    archive()
    with pytest.raises(
        MissingDependencyError, match=r"llama-(server|bench) is not in"
    ) as caught:
        find(tmp_path)
    assert "--server" in caught.value.hint


def test_a_failed_build_is_not_taken_for_a_finished_one(archive, tmp_path):
    broken = archive(**{"vendor/llama.cpp/main.c": "no C\n"})
    with pytest.raises(ToolError):
        server.ensure_server(tmp_path / "cache", archive=broken)
    with pytest.raises(MissingDependencyError):
        server.find_server(tmp_path / "cache")
    assert toolchain.find_tools(tmp_path / "cache")


@pytest.mark.parametrize("missing", native.PROGRAMS)
def test_a_tree_that_does_not_make_a_program_is_an_error(archive, tmp_path, missing):
    other = CMAKE.replace(f" {missing}", "") + f"add_custom_target({missing})\n"
    source = archive(**{"vendor/llama.cpp/CMakeLists.txt": other})
    with pytest.raises(ToolError, match=f"no {missing}"):
        server.ensure_server(tmp_path / "cache", archive=source)


def test_programs_that_nobody_asked_for_are_not_built(archive, tmp_path):
    program = server.ensure_server(tmp_path / "cache", archive=archive())
    assert not program.with_name("llama-other").exists()


def test_another_choice_of_programs_is_another_folder(archive, tmp_path, monkeypatch):
    archive()
    before = server.server_folder(tmp_path)
    monkeypatch.setattr(native, "PROGRAMS", ("llama-server",))
    assert server.server_folder(tmp_path) != before


def test_the_command_prints_the_program(archive, tmp_path, capsys):
    arguments = ["--cache", str(tmp_path / "cache"), "--archive", str(archive()), "--server"]
    assert toolchain.main(arguments) == 0
    assert capsys.readouterr().out == f"{server.find_server(tmp_path / 'cache')}\n"


def test_the_programs_are_built_for_every_processor_and_download_nothing():
    options = dict(option[2:].split("=", 1) for option in native.PROGRAM_OPTIONS)
    assert len(options) == len(native.PROGRAM_OPTIONS)
    assert (options["GGML_NATIVE"], options["GGML_CPU"]) == ("OFF", "OFF")
    for name in ("LLAMA_BUILD_UI", "LLAMA_USE_PREBUILT_UI", "LLAMA_OPENSSL"):
        assert options[name] == "OFF"
    assert options["LLAMA_BUILD_SERVER"] == "ON"
