"""Libraries are built with CMake; what the caller's shell holds does not change them."""

import logging
import os
import platform
import shutil

import pytest

from sfta_edge.errors import MissingDependencyError, ToolError
from sfta_export import native

PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(tiny C)
foreach(name llama ggml ggml-base)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.c "const char *where(void) { return __FILE__; }")
  add_library(${name} SHARED ${CMAKE_SOURCE_DIR}/where.c)
  set_target_properties(${name} PROPERTIES VERSION 1.2.3 SOVERSION 1
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/seen "$ENV{SOURCE_DATE_EPOCH}|$ENV{CFLAGS}|$ENV{GIT_DIR}")
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(PROJECT)
    (folder / "where.c").write_text("const char *where(void) { return __FILE__; }\n")
    return folder


@pytest.fixture
def build(project, tmp_path):
    def run():
        return native.build(project, tmp_path / "out", log_file=tmp_path / "build.log")

    return run


@pytest.fixture
def only_in_path(tmp_path, monkeypatch):
    """PATH with the named programs and no other."""

    def choose(*names):
        folder = tmp_path / "path"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).symlink_to(shutil.which(name) or "/bin/true")
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("CXX", raising=False)

    return choose


def test_each_library_is_one_file_without_a_version_in_its_name(build):
    built = build()
    assert [path.name for path in built] == ["libggml-base.so", "libggml.so", "libllama.so"]
    assert not any(path.is_symlink() for path in built)


def test_a_library_is_found_beside_the_one_that_needs_it(build):
    assert b"$ORIGIN" in build()[0].read_bytes()


def test_the_folder_of_the_source_is_not_in_the_library(build, project):
    assert all(str(project).encode() not in path.read_bytes() for path in build())


def test_the_shell_of_the_caller_does_not_change_the_build(build, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("CFLAGS", "-march=native")
    build()
    assert (tmp_path / "out" / "seen").read_text() == f"||{os.devnull}"


def test_a_second_build_continues_the_first(build, tmp_path):
    times = [path.stat().st_mtime_ns for path in build()]
    assert [path.stat().st_mtime_ns for path in build()] == times


def test_without_ninja_make_starts_anew_because_it_trusts_half_written_files(
    build, tmp_path, monkeypatch
):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "ninja" else which(name))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "left").touch()
    assert len(build()) == 3
    assert (tmp_path / "out" / "Makefile").is_file()
    assert not (tmp_path / "out" / "left").exists()


def test_a_compiler_error_reaches_the_user_with_the_whole_log_named(build, project, tmp_path):
    (project / "where.c").write_text("this is no C\n")
    with pytest.raises(ToolError, match="error") as caught:
        build()
    assert str(tmp_path / "build.log") in caught.value.hint
    assert "this is no C" in (tmp_path / "build.log").read_text()


def test_a_build_without_the_libraries_is_an_error(project, build):
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(tiny NONE)\n"
    )
    with pytest.raises(ToolError, match=r"no libllama\.so"):
        build()


def test_progress_is_said_now_and_then(build, monkeypatch, caplog):
    monkeypatch.setattr(native, "_SAY_EVERY", 1)
    with caplog.at_level(logging.INFO, logger="sfta"):
        build()
    assert [m for m in caplog.messages if m.startswith("building the runtime: ")]


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        (("g++", "ninja"), "cmake"),
        (("cmake", "ninja"), "a C++ compiler"),
        (("cmake", "g++"), "ninja or make"),
        ((), "cmake, a C++ compiler, ninja or make"),
    ],
)
def test_a_missing_program_is_named_before_anything_is_built(only_in_path, present, missing):
    only_in_path(*present)
    with pytest.raises(MissingDependencyError, match=missing.replace("+", r"\+")) as caught:
        native.check_programs()
    assert "apt-get install" in caught.value.hint


@pytest.mark.parametrize("maker", ["ninja", "make"])
@pytest.mark.parametrize("compiler", ["c++", "g++", "clang++"])
def test_either_build_program_and_any_compiler_will_do(only_in_path, maker, compiler):
    only_in_path("cmake", maker, compiler)
    native.check_programs()


def test_the_wheel_is_for_every_cpu_and_for_none_in_particular():
    options = set(native.CMAKE_OPTIONS)
    assert {
        "-DGGML_NATIVE=OFF",
        "-DGGML_CPU_ALL_VARIANTS=ON",
        "-DGGML_BACKEND_DL=ON",
    } <= options
    assert not any("march" in option for option in options)


OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


def test_another_kind_of_machine_needs_its_cross_compiler(only_in_path):
    only_in_path("cmake", "ninja", "g++")
    with pytest.raises(MissingDependencyError, match=f"{OTHER}-linux-gnu-g\\+\\+") as caught:
        native.check_programs(OTHER)
    assert f"apt-get install cmake g++-{OTHER.replace('_', '-')}-linux-gnu" in caught.value.hint
    native.check_programs()


def test_a_cross_compiler_is_enough_without_one_of_its_own(only_in_path):
    only_in_path("cmake", "ninja", f"{OTHER}-linux-gnu-gcc", f"{OTHER}-linux-gnu-g++")
    native.check_programs(OTHER)
    with pytest.raises(MissingDependencyError, match=r"a C\+\+ compiler"):
        native.check_programs()


def test_cmake_is_told_the_machine_only_if_it_is_another():
    assert native.cross_options("") == ()
    assert native.cross_options(platform.machine()) == ()
    assert native.cross_options(OTHER) == (
        "-DCMAKE_SYSTEM_NAME=Linux",
        f"-DCMAKE_SYSTEM_PROCESSOR={OTHER}",
        f"-DCMAKE_C_COMPILER={OTHER}-linux-gnu-gcc",
        f"-DCMAKE_CXX_COMPILER={OTHER}-linux-gnu-g++",
    )
