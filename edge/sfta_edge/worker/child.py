"""A worker as a child process: started, killed, and what it said last."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import IO

from sfta_edge.worker.models import WorkerFiles

log = logging.getLogger(__name__)

_MODULE = "sfta_edge.worker.process"
_LONGEST_LINE = 1000  # bytes; the rest of a longer one is the next line
_MOST_LINES = 1000  # of one child that are logged; the last are kept whatever their number
_KEPT_LINES = 20
_GRAVE = ("WARNING ", "ERROR ", "CRITICAL ")  # beginnings of lines that `process` logs
_END_SECONDS = 2.0


class ChildLog:
    """Reads what a child prints, line by line, and hands it to the log."""

    def __init__(self, output: IO[bytes], pid: int) -> None:
        self._output, self._pid = output, pid
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._thread = threading.Thread(target=self._read, name="worker-log", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the end of the output; call it when the child has ended."""
        self._thread.join()
        self._output.close()

    @property
    def last(self) -> str:
        """The last line with something on it; empty if there is none."""
        return next((line for line in reversed(self._last) if line), "")

    def _read(self) -> None:
        count = 0
        while raw := self._output.readline(_LONGEST_LINE):
            line = " ".join(raw.decode(errors="replace").split())
            self._last.append(line)
            count += 1
            if count <= _MOST_LINES:
                level = logging.WARNING if line.startswith(_GRAVE) else logging.INFO
                log.log(level, "worker %d: %s", self._pid, line)
        if count > _MOST_LINES:
            log.warning("worker %d: %d more lines", self._pid, count - _MOST_LINES)


class Child:
    """A running child process and this side's end of its socket."""

    def __init__(self, files: WorkerFiles, *, memory_bytes: int | None = None) -> None:
        """Start it; it reports through `link` when it is ready.

        The child dies with the thread that calls this, not only with the process: that is how
        Linux counts parents.
        """
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command(files, theirs.fileno(), memory_bytes),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(),
                )
        except BaseException:
            self.link.close()
            raise
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._memory = _OpenMemory(self.pid)
        self._log = ChildLog(self._process.stdout, self.pid)

    @property
    def resident_bytes(self) -> int | None:
        """Memory it holds; None if it cannot be told."""
        return self._memory.resident_bytes

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()

    def end(self) -> str:
        """Let it end, or kill it; no process and no descriptor is left.

        Returns:
            How it ended.
        """
        with suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.finish()
        self._memory.close()
        self.link.close()
        return self._ending()

    def _ending(self) -> str:
        code = self._process.returncode
        if code < 0:
            # The last lines are then tracebacks of threads; the log has them.
            return f"killed by signal {-code}"
        told = f": {self._log.last}" if code and self._log.last else ""
        return f"exit code {code}{told}"


def command(files: WorkerFiles, descriptor: int, memory_bytes: int | None) -> list[str]:
    """The command line of a child."""
    line = [sys.executable, "-I", "-B", "-m", _MODULE]
    line += ["--connection", str(descriptor), "--parent", str(os.getpid())]
    line += ["--model", str(files.model.absolute())]
    line += ["--context-tokens", str(files.context_tokens)]
    if files.embedder is not None:
        line += ["--embedder", str(files.embedder.absolute())]
    if files.threads is not None:
        line += ["--threads", str(files.threads)]
    line += ["--parallel", str(files.parallel), "--waiting", str(files.waiting)]
    if files.cache is not None:
        line += ["--cache", str(files.cache.absolute())]
    if files.model_sha256 is not None:
        line += ["--model-sha256", files.model_sha256]
    for name, path in sorted(files.adapters.items()):
        line += ["--adapter", name, str(path.absolute())]
    if memory_bytes is not None:
        line += ["--memory-bytes", str(memory_bytes)]
    return line


class _OpenMemory:
    """What the system says about the memory of a process.

    Opened at its start: where processes are hidden from each other (proc(5), hidepid), one that
    lets nobody look into it is soon hidden from its parent, too.
    """

    def __init__(self, pid: int) -> None:
        self._lock = threading.Lock()
        self._open: int | None = None
        with suppress(OSError):
            self._open = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def resident_bytes(self) -> int | None:
        with self._lock:
            if self._open is None:
                return None
            try:
                pages = os.pread(self._open, _LONGEST_LINE, 0).split()[1]
                return int(pages) * os.sysconf("SC_PAGE_SIZE")
            except (OSError, ValueError, IndexError):
                return None

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                os.close(self._open)
            self._open = None


def _environment() -> dict[str, str]:
    kept = {"LD_LIBRARY_PATH"} & set(os.environ)
    # Threads would each take room for an allocator of their own, out of the address space.
    return {
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        **{name: os.environ[name] for name in kept},
    }
