"""The worker program: gives up what it does not need, loads the models, answers.

    python -I -m sfta_edge.worker.process --connection 5 --model model.gguf
    python -I -m sfta_edge.worker.process --listen /run/sfta/worker.sock --model model.gguf

The first form is how `child` starts it: the number is that of an inherited socket. The second
is for a service of its own, which systemd confines further and restarts.
"""

import argparse
import faulthandler
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sfta_edge.confinement import Bounds, end_with_parent, filter_calls, let_go, restrict
from sfta_edge.errors import SftaError
from sfta_edge.filtered_calls import Grants
from sfta_edge.worker.failures import facts_of
from sfta_edge.worker.frames import Frame, write_frame

if TYPE_CHECKING:
    from sfta_edge.worker.service import Service

log = logging.getLogger(__name__)

_STACK_BYTES = 1 << 20  # of a thread; the usual 8 MiB each count as address space
_WAITING = 8  # connections that are not accepted yet
GRANTS = Grants(read_files=True, start_threads=True, use_sockets=True)
"""Models are mapped, computing takes threads, and requests come through inherited sockets."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the connection ends; the exit code is that of the error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.cache and options.listen:
        parser.error("--cache needs --connection: who listens has nobody to write its files")
    # With tracebacks of all threads if native code crashes.
    faulthandler.enable()
    threading.stack_size(_STACK_BYTES)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    options.model = options.model.absolute()
    options.adapter = [(name, Path(path).absolute()) for name, path in options.adapter]
    options.embedder = options.embedder and options.embedder.absolute()
    options.cache = options.cache and options.cache.absolute()
    if options.listen is not None:
        with _listening(options.listen) as door:
            give_up(options, door)
            return _serve_all(options, door)
    with socket.socket(fileno=options.connection) as link:
        return _serve_one(options, link)


def give_up(options: argparse.Namespace, kept: socket.socket) -> None:
    """Everything that loading libraries does not need.

    Raises:
        SftaError: the parent is gone already.
    """
    if options.parent is not None:
        end_with_parent(options.parent)
    let_go({kept.fileno()})
    # The arrays here are small: threads of NumPy's library would only take memory.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    bounds = Bounds(
        file_bytes=None, open_files=None, processes=None, address_space=options.memory_bytes
    )
    for missing in restrict(bounds):
        log.warning("%s", missing)


def _serve_one(options: argparse.Namespace, link: socket.socket) -> int:
    try:
        give_up(options, link)
        _load(options).serve(link)
    except (SftaError, MemoryError) as error:
        # The reason has to arrive; the other side makes the same error of it.
        with suppress(OSError):
            write_frame(link, Frame({"id": 0, "failed": facts_of(error)}))
        return error.exit_code if isinstance(error, SftaError) else 1
    # Threads may still compute what nobody waits for.
    os._exit(0)


def _serve_all(options: argparse.Namespace, door: socket.socket) -> int:
    try:
        service = _load(options)
    except SftaError as error:
        log.error("%s. %s", error, error.hint)  # noqa: TRY400 the traceback says nothing more
        return error.exit_code
    while True:
        link, _ = door.accept()

        def answer(link: socket.socket = link) -> None:
            with link:
                service.serve(link)

        threading.Thread(target=answer, daemon=True).start()


def _load(options: argparse.Namespace) -> "Service":
    # Only now: nothing is imported before the process is confined.
    from sfta_edge.llama import load_library
    from sfta_edge.worker.models import Models, WorkerFiles
    from sfta_edge.worker.service import Service

    load_library()
    # Libraries may open what they like; data comes after.
    for missing in filter_calls(GRANTS):
        log.warning("%s", missing)
    files = WorkerFiles(
        options.model,
        options.embedder,
        options.context_tokens,
        options.threads,
        options.parallel,
        options.waiting,
        dict(options.adapter),
        options.cache,
        options.model_sha256,
    )
    return Service(Models.load(files))


def _listening(path: Path) -> socket.socket:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if path.is_socket():
        path.unlink()
    mask = os.umask(0o117)  # for the owner and the group, which is the web service's
    try:
        door.bind(str(path))
    finally:
        os.umask(mask)
    door.listen(_WAITING)
    return door


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sfta_edge.worker.process", description=__doc__)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--connection", type=int, help="number of an inherited, connected socket")
    way.add_argument("--listen", type=Path, help="path of a UNIX socket to make")
    parser.add_argument("--parent", type=int, help="process with which this one ends")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--embedder", type=Path)
    parser.add_argument("--context-tokens", type=int, default=4096)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--waiting", type=int, default=64)
    parser.add_argument(
        "--adapter", nargs=2, action="append", default=[], metavar=("NAME", "PATH")
    )
    parser.add_argument("--cache", type=Path, help="folder to read states of prefixes from")
    parser.add_argument("--model-sha256", help="of the model's file, if it is known")
    parser.add_argument("--memory-bytes", type=int, help="most address space")
    return parser


if __name__ == "__main__":
    sys.exit(main())
