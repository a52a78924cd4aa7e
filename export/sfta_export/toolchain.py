"""The pinned tools: where they are, and how they get there.

One source archive (`toolchain.toml`) becomes a folder below the cache that holds the GGUF
converter and a portable wheel of the runtime. The folder is complete or not there; a build
that was killed goes on where it stopped.

    python -m sfta_export.toolchain

For devices of another kind the libraries are built with GCC's cross compiler:

    python -m sfta_export.toolchain --machine aarch64
"""

import argparse
import fcntl
import hashlib
import logging
import os
import platform
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from sfta_edge.errors import MissingDependencyError, SftaError
from sfta_edge.manifest import canonical_json, sync_folder
from sfta_export import mending, native, sdist, wheel

log = logging.getLogger("sfta")
DEFAULT_CACHE = Path("~/.cache/sfta")
MACHINES = ("x86_64", "aarch64")
"""Kinds of machine that a runtime is built for, as ``uname -m`` says them."""
CONVERTER = "converter"
ADAPTER_CONVERTER = "convert_lora_to_gguf.py"
_CONVERTER_PARTS = (
    "convert_hf_to_gguf.py",
    ADAPTER_CONVERTER,
    "conversion",
    "gguf-py",
    "LICENSE",
)


@dataclass(frozen=True, slots=True)
class Tools:
    """A finished folder of tools."""

    folder: Path

    @property
    def converter(self) -> Path:
        """Folder with `convert_hf_to_gguf.py`, `conversion/` and its own `gguf-py/`."""
        return self.folder / CONVERTER

    @property
    def wheel(self) -> Path:
        """The runtime for this kind of machine, for every CPU of it."""
        return next(self.folder.glob("*.whl"))


def pin() -> sdist.Pin:
    """The pinned source archive."""
    text = files("sfta_export").joinpath("toolchain.toml").read_text("utf-8")
    return sdist.Pin(**tomllib.loads(text)["llama"])


def tools_folder(cache: Path = DEFAULT_CACHE, machine: str = "") -> Path:
    """Where the tools of this pin, recipe and machine (empty: this one) are or will be."""
    pinned = pin()
    machine = machine or platform.machine()
    recipe = [pinned.recipe, native.CMAKE_OPTIONS, machine, platform.libc_ver()[0]]
    recipe += [asdict(change) for change in mending.FURTHER.get(machine, ())]
    digest = hashlib.sha256(canonical_json(recipe)).hexdigest()
    return cache.expanduser() / "tools" / f"{pinned.sha256[:16]}-{digest[:8]}"


def find_tools(cache: Path = DEFAULT_CACHE, machine: str = "") -> Tools:
    """The tools, if they were built.

    Raises:
        MissingDependencyError: they were not.
    """
    folder = tools_folder(cache, machine)
    if not folder.is_dir():
        command = "`make tools` (python -m sfta_export.toolchain)"
        if native.is_foreign(machine):
            command = f"`python -m sfta_export.toolchain --machine {machine}`"
        raise MissingDependencyError(
            f"the export tools are not in {folder}",
            hint=f"Run {command}; once, some minutes.",
        )
    return Tools(folder)


def converter(cache: Path = DEFAULT_CACHE) -> Path:
    """Folder of the GGUF converter; raises `MissingDependencyError` if it was not built."""
    return find_tools(cache).converter


def runtime_wheel(cache: Path = DEFAULT_CACHE, machine: str = "") -> Path:
    """The runtime's wheel; raises `MissingDependencyError` if it was not built."""
    return find_tools(cache, machine).wheel


def ensure_tools(
    cache: Path = DEFAULT_CACHE, *, archive: Path | None = None, machine: str = ""
) -> Tools:
    """Build what is missing; a second process waits for the first.

    Args:
        cache: Folder that recipes share.
        archive: The source archive, where no package index can be reached.
        machine: Kind of machine that the runtime is for; empty is this one.

    Raises:
        MissingDependencyError: no CMake or compiler.
        IntegrityError: the archive is not the pinned one.
        ToolError: pip, CMake or the compiler failed; the message names the log.
    """
    folder = tools_folder(cache, machine)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            native.check_programs(machine)
            _build(folder, archive, machine)
        elif any(not (folder / CONVERTER / part).exists() for part in _CONVERTER_PARTS):
            _complete(folder, archive)
    return Tools(folder)


def _unpacked(work: Path, archive: Path | None) -> Path:
    """The archive's own top folder, fetched and unpacked below `work` once."""
    work.mkdir(exist_ok=True)
    return sdist.unpack(sdist.fetch(pin(), work, archive), work / "source")


def _complete(folder: Path, archive: Path | None) -> None:
    """Add what an earlier version of this file has not taken; the runtime is as it was."""
    work = folder.with_name(f".work-{folder.name}")
    llama = _unpacked(work, archive) / "vendor" / "llama.cpp"
    for part in _CONVERTER_PARTS:
        if not (folder / CONVERTER / part).exists():
            scratch = work / part
            copy = shutil.copytree if (llama / part).is_dir() else shutil.copy2
            copy(llama / part, scratch)
            scratch.rename(folder / CONVERTER / part)
    sync_folder(folder / CONVERTER)
    shutil.rmtree(work)


def _build(folder: Path, archive: Path | None, machine: str) -> None:
    work = folder.with_name(f".work-{folder.name}")
    source = _unpacked(work, archive)
    llama = source / "vendor" / "llama.cpp"
    further = mending.FURTHER.get(machine or platform.machine(), ())
    mending.mend(llama, (*mending.CHANGES, *further))
    log_file = work / "build.log"
    libraries = native.build(llama, work / "build", log_file=log_file, machine=machine)
    scratch = work / "result"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / CONVERTER).mkdir(parents=True)
    for part in _CONVERTER_PARTS:
        copy = shutil.copytree if (llama / part).is_dir() else shutil.copy2
        copy(llama / part, scratch / CONVERTER / part)
    packed = wheel.pack(source, libraries, scratch, machine=machine)
    for path in (packed, scratch):
        _flush(path)
    scratch.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(work)


def _flush(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends."""
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another process builds the tools; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Build the tools and print the path of the runtime's wheel, or of what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m sfta_export.toolchain", description=__doc__
    )
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder to build in")
    parser.add_argument("--archive", type=Path, help=f"{pin().file}, if it is already here")
    parser.add_argument(
        "--wheels", action="store_true", help="print the wheel's folder, for pip --find-links"
    )
    parser.add_argument(
        "--machine",
        choices=MACHINES,
        default="",
        help="kind of machine that the runtime is for, if it is not this one",
    )
    parser.add_argument(
        "--server",
        action="store_true",
        help="build llama.cpp's server and benchmark as well; print the server's path",
    )
    options = parser.parse_args(arguments)
    if options.server and native.is_foreign(options.machine):
        parser.error("--server is built for this kind of machine only")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        tools = ensure_tools(options.cache, archive=options.archive, machine=options.machine)
        made = tools.folder if options.wheels else tools.wheel
        if options.server:
            from sfta_export.server import ensure_server

            made = ensure_server(options.cache, archive=options.archive)
    except SftaError as error:
        sys.stderr.write(f"error: {error}\n{error.hint}\n")
        return error.exit_code
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
