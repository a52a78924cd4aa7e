"""llama.cpp's own server and benchmark, built from the pinned source.

The server is what handed-over folders are tried with, and both are what our engine is held
against. Optional: nothing of SFTA needs them to work. They lie beside the tools in a folder of
their own, with the runtime's libraries, so that they compute with the code that goes to devices.

    python -m sfta_export.toolchain --server
"""

import hashlib
import shutil
import zipfile
from pathlib import Path

from sfta_edge.errors import MissingDependencyError
from sfta_edge.manifest import canonical_json
from sfta_export import mending, native, sdist, toolchain
from sfta_export.content import finished_folder
from sfta_export.toolchain import DEFAULT_CACHE, Tools

_LIBRARIES = "llama_cpp/lib/"


def server_folder(cache: Path = DEFAULT_CACHE) -> Path:
    """Where the programs that belong to the tools are or will be."""
    tools = toolchain.tools_folder(cache)
    recipe = [native.PROGRAMS, native.PROGRAM_OPTIONS]
    digest = hashlib.sha256(canonical_json(recipe)).hexdigest()
    return tools.with_name(f"{tools.name}-server-{digest[:8]}")


def find_server(cache: Path = DEFAULT_CACHE) -> Path:
    """llama-server, if it was built; else `MissingDependencyError`."""
    return _find(native.SERVER, cache)


def find_bench(cache: Path = DEFAULT_CACHE) -> Path:
    """llama-bench, if it was built; else `MissingDependencyError`."""
    return _find(native.BENCH, cache)


def _find(name: str, cache: Path) -> Path:
    program = server_folder(cache) / name
    if not program.is_file():
        raise MissingDependencyError(
            f"{name} is not in {program.parent}",
            hint="Build it: python -m sfta_export.toolchain --server; once, some minutes.",
        )
    return program


def ensure_server(cache: Path = DEFAULT_CACHE, *, archive: Path | None = None) -> Path:
    """Build what is missing, the tools before it; return llama-server, llama-bench beside it.

    Raises:
        MissingDependencyError, IntegrityError, ToolError: as `toolchain.ensure_tools`.
    """
    tools = toolchain.ensure_tools(cache, archive=archive)
    folder = server_folder(cache)
    with toolchain.alone(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            native.check_programs()
            _build(folder, tools, archive)
    return folder / native.SERVER


def _build(folder: Path, tools: Tools, archive: Path | None) -> None:
    pinned = toolchain.pin()
    work = folder.with_name(f".work-{folder.name}")
    work.mkdir(exist_ok=True)
    source = sdist.unpack(sdist.fetch(pinned, work, archive), work / "source")
    llama = source / "vendor" / "llama.cpp"
    mending.mend(llama)
    made = native.build_programs(llama, work / "build", log_file=work / "build.log")
    with finished_folder(folder) as scratch:
        for path in made:
            shutil.copy2(path, scratch / path.name)
        with zipfile.ZipFile(tools.wheel) as wheel:
            for name in wheel.namelist():
                if name.startswith(_LIBRARIES):
                    (scratch / Path(name).name).write_bytes(wheel.read(name))
    shutil.rmtree(work)
