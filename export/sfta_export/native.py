"""llama.cpp's libraries, built with CMake for every CPU of a kind of machine.

The CPU code is built once per instruction set and chosen when it is loaded, so the wheel runs
on the oldest machine and is fast on the newest. Nothing depends on the machine that builds.
"""

import logging
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from sfta_edge.errors import MissingDependencyError, ToolError

log = logging.getLogger("sfta")
CMAKE_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    # A wheel holds no links: without version numbers in the names, each library is one file
    # and there is one registry of CPU variants in a process.
    "-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON",
    "-DCMAKE_INSTALL_RPATH=$ORIGIN",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-s",
    "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,-s",
    "-DGGML_NATIVE=OFF",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    # libgomp would be one more library that the device has to have.
    "-DGGML_OPENMP=OFF",
    "-DGGML_CCACHE=OFF",
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_CURL=OFF",
)
_NOT_FOR_PROGRAMS = (
    "-DGGML_CPU_ALL_VARIANTS=ON",
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
)
SERVER, BENCH = "llama-server", "llama-bench"
PROGRAMS = (SERVER, BENCH)
"""llama.cpp's own programs that ours is tried with and held against."""
_PROGRAM_MINUTES = 10
SHARED = ("libggml.so", "libggml-base.so", "libllama.so")
"""Libraries that the programs have in common with the runtime."""
PROGRAM_OPTIONS = (
    *(option for option in CMAKE_OPTIONS if option not in _NOT_FOR_PROGRAMS),
    # They load the CPU code of the runtime's wheel, which is what is tested with them.
    "-DGGML_CPU=OFF",
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,-s",
    "-DLLAMA_BUILD_COMMON=ON",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    # Its page would be downloaded during the build.
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)
_CROSS_COMPILER = "{machine}-linux-gnu-{program}"
_STEP = re.compile(r"^\[\s*(\d+/\d+|\d+%)\]")
_SAY_EVERY = 25


def check_programs(machine: str = "") -> None:
    """Raise `MissingDependencyError` naming each program the build needs and PATH has not.

    `machine` as ``uname -m`` says it on the devices; empty is the one that builds.
    """
    missing = [] if shutil.which("cmake") else ["cmake"]
    if is_foreign(machine):
        compilers, named = _cross_compilers(machine), _cross_compilers(machine)[-1]
        # Debian's names of packages hold no underscore.
        package = f"g++-{machine.replace('_', '-')}-linux-gnu"
        found = all(shutil.which(name) for name in compilers)
    else:
        own = (os.environ.get("CXX", ""), "c++", "g++", "clang++")
        named, package = "a C++ compiler", "g++"
        found = any(shutil.which(name) for name in own if name)
    missing += [] if found else [named]
    missing += [] if shutil.which("ninja") or shutil.which("make") else ["ninja or make"]
    if missing:
        raise MissingDependencyError(
            f"building the runtime needs {', '.join(missing)}",
            hint=f"Install them, on Debian: apt-get install cmake {package} ninja-build.",
        )


def is_foreign(machine: str) -> bool:
    """Whether this is another kind of machine than the one that builds."""
    return machine not in ("", platform.machine())


def cross_options(machine: str) -> tuple[str, ...]:
    """What CMake is told to build for another kind of machine with GCC's cross compiler."""
    if not is_foreign(machine):
        return ()
    c, cxx = _cross_compilers(machine)
    return (
        "-DCMAKE_SYSTEM_NAME=Linux",
        f"-DCMAKE_SYSTEM_PROCESSOR={machine}",
        f"-DCMAKE_C_COMPILER={c}",
        f"-DCMAKE_CXX_COMPILER={cxx}",
    )


def _cross_compilers(machine: str) -> tuple[str, str]:
    names = [_CROSS_COMPILER.format(machine=machine, program=one) for one in ("gcc", "g++")]
    return names[0], names[1]


def build(source: Path, folder: Path, *, log_file: Path, machine: str = "") -> list[Path]:
    """Build the libraries of a llama.cpp tree; return them, sorted by name.

    `machine` as in `check_programs`.

    Raises:
        ToolError: CMake or the compiler failed; carries the end of the log.
    """
    log.info("building llama.cpp for every CPU variant; once, about five minutes on two cores")
    _compile(source, folder, (*CMAKE_OPTIONS, *cross_options(machine)), log_file=log_file)
    libraries = sorted((folder / "bin").glob("*.so"))
    if not {"libllama.so", "libggml.so", "libggml-base.so"} <= {p.name for p in libraries}:
        raise ToolError(f"the build made no libllama.so in {folder}", hint=f"See {log_file}.")
    return libraries


def build_programs(source: Path, folder: Path, *, log_file: Path) -> list[Path]:
    """Build llama.cpp's programs of the same tree; return them and the libraries of their own.

    They compute with the libraries of `build`, which have to lie beside them.

    Raises:
        ToolError: CMake or the compiler failed; carries the end of the log.
    """
    log.info(
        "building %s; once, about %s minutes on two cores",
        " and ".join(PROGRAMS),
        _PROGRAM_MINUTES,
    )
    _compile(source, folder, PROGRAM_OPTIONS, *PROGRAMS, log_file=log_file)
    made = sorted((folder / "bin").iterdir())
    own = [path for path in made if path.name not in SHARED]
    for program in PROGRAMS:
        if program not in {path.name for path in own}:
            raise ToolError(f"the build made no {program} in {folder}", hint=f"See {log_file}.")
    return own


def _compile(
    source: Path, folder: Path, options: tuple[str, ...], *targets: str, log_file: Path
) -> None:
    ninja = shutil.which("ninja")
    if ninja is None:
        # make trusts whatever file a killed compiler left behind; ninja does not.
        shutil.rmtree(folder, ignore_errors=True)
    prefix_map = f"-ffile-prefix-map={source}=."
    flags = [f"-DCMAKE_C_FLAGS={prefix_map}", f"-DCMAKE_CXX_FLAGS={prefix_map}"]
    generator = ["-G", "Ninja" if ninja else "Unix Makefiles"]
    configure = ["cmake", *generator, "-S", str(source), "-B", str(folder)]
    log_file.unlink(missing_ok=True)
    _run([*configure, *options, *flags], log_file)
    chosen = ["--target", *targets] if targets else []
    workers = ["--parallel", str(os.cpu_count() or 1)]
    _run(["cmake", "--build", str(folder), *chosen, *workers], log_file)


def _environment() -> dict[str, str]:
    """The caller's environment without what would change the result.

    With SOURCE_DATE_EPOCH set, ggml builds as if for another machine, without SIMD; git would
    write the commit of whatever repository the cache lies in.
    """
    dropped = {"SOURCE_DATE_EPOCH", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CMAKE_GENERATOR"}
    kept = {k: v for k, v in os.environ.items() if k not in dropped}
    return {**kept, "GIT_DIR": os.devnull, "LC_ALL": "C"}


def _run(command: list[str], log_file: Path) -> None:
    """Run, keep the output, and say how far the build is."""
    lines = 0
    with (
        log_file.open("a", encoding="utf-8") as kept,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_environment(),
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            if step := _STEP.match(line):
                lines += 1
                if lines % _SAY_EVERY == 0:
                    log.info("building the runtime: %s", step[1])
    if process.returncode != 0:
        tail = "\n".join(log_file.read_text("utf-8").splitlines()[-20:])
        raise ToolError(f"{command[0]} failed:\n{tail}", hint=f"The whole log: {log_file}")
