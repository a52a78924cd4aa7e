"""llama.cpp's own server, built from the pinned source: what handed-over folders are tried with.

Optional: nothing of SFTA needs it to work. It lies beside the tools in a folder of its own, with
the runtime's libraries, so that it computes with the code that goes to devices.

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

PROGRAM = "llama-server"
_LIBRARIES = "llama_cpp/lib/"


def server_folder(cache: Path = DEFAULT_CACHE) -> Path:
    """Where the server that belongs to the tools is or will be."""
    tools = toolchain.tools_folder(cache)
    digest = hashlib.sha256(canonical_json(list(native.SERVER_OPTIONS))).hexdigest()
    return tools.with_name(f"{tools.name}-server-{digest[:8]}")


def find_server(cache: Path = DEFAULT_CACHE) -> Path:
    """The program, if it was built.

    Raises:
        MissingDependencyError: it was not.
    """
    program = server_folder(cache) / PROGRAM
    if not program.is_file():
        raise MissingDependencyError(
            f"{PROGRAM} is not in {program.parent}",
            hint="Build it: python -m sfta_export.toolchain --server; once, some minutes.",
        )
    return program


def ensure_server(cache: Path = DEFAULT_CACHE, *, archive: Path | None = None) -> Path:
    """Build the server if it is missing, and the tools before it; return the program.

    Raises:
        MissingDependencyError, IntegrityError, ToolError: as `toolchain.ensure_tools`.
    """
    tools = toolchain.ensure_tools(cache, archive=archive)
    folder = server_folder(cache)
    with toolchain.alone(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            native.check_programs()
            _build(folder, tools, archive)
    return folder / PROGRAM


def _build(folder: Path, tools: Tools, archive: Path | None) -> None:
    pinned = toolchain.pin()
    work = folder.with_name(f".work-{folder.name}")
    work.mkdir(exist_ok=True)
    source = sdist.unpack(sdist.fetch(pinned, work, archive), work / "source")
    llama = source / "vendor" / "llama.cpp"
    mending.mend(llama)
    made = native.build_server(llama, work / "build", log_file=work / "build.log")
    with finished_folder(folder) as scratch:
        for path in made:
            shutil.copy2(path, scratch / path.name)
        with zipfile.ZipFile(tools.wheel) as wheel:
            for name in wheel.namelist():
                if name.startswith(_LIBRARIES):
                    (scratch / Path(name).name).write_bytes(wheel.read(name))
    shutil.rmtree(work)
