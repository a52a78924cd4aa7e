"""Programs that read or write GGUF files with the converter's own gguf-py."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sfta_edge.errors import ToolError
from sfta_export import toolchain

_SHOWN = 4


def run_gguf_program(
    module: str, arguments: Sequence[str], cache: Path, *, task: str, said: str = ""
) -> str:
    """Run a module of this package as a program; return what it prints.

    Args:
        module: Its name, as in `sfta_export.splitting`.
        arguments: Of the program.
        cache: Where the tools are.
        task: What it does, for the message: `the names in model.gguf are read`.
        said: Its standard input.

    Raises:
        MissingDependencyError: the tools were not built.
        ToolError: it failed; carries the end of what it complained of.
    """
    tree = toolchain.converter(cache)
    # The converter's own gguf-py comes first: the published package of that name differs.
    paths = os.pathsep.join([str(tree / "gguf-py"), *(path for path in sys.path if path)])
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-_SHOWN:])
        raise ToolError(f"{task} failed:\n{tail}")
    return done.stdout
