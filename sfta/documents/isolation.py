"""Parses a file in a process of its own, so that a hostile file ends only that process."""

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta.documents.document import Code, Parsed, UnreadableError
from sfta.documents.ocr.setting import WALL_FACTOR
from sfta.documents.parse import ParseOptions

_KEPT = ("PATH", "LANG", "TMPDIR", "TESSDATA_PREFIX")
_STDERR_BYTES = 4096
_GRACE_SECONDS = 5
_LINE_EVERY_SECONDS = 30.0
log = logging.getLogger("sfta")


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one file may cost."""

    memory_bytes: int
    """Address space on top of the parser itself."""
    seconds: int
    """Processor time, and wall time but for a short grace and for pages under OCR."""


def parse_isolated(
    path: Path, name: str, out: Path, options: ParseOptions, limits: Limits
) -> Parsed:
    """Parse `path` in a child process and keep its result in `out`.

    A result that is already there is used: `out` must depend on content and options.

    Raises:
        UnreadableError: the file was refused, ran over a limit, or ended the process.
    """
    return read_result(parse_to(path, name, out, options, limits).read_bytes())


def parse_to(path: Path, name: str, out: Path, options: ParseOptions, limits: Limits) -> Path:
    """As `parse_isolated`, but give back `out`, which `read_result` reads.

    Pages that were read by OCR are kept beside `out` until it is there: after an interruption
    they are not read again.

    Raises:
        UnreadableError: the file ran over a limit or ended the process.
    """
    if not out.exists():
        kept = out.resolve().with_suffix(".pages")
        kept.mkdir(exist_ok=True)
        job = {
            "path": str(path.resolve()),
            "name": name,
            "out": str(out.resolve()),
            "beats": str(out.resolve().with_suffix(".beats")),
            "kept": str(kept),
            "options": options.to_json(),
            "memory_bytes": limits.memory_bytes,
            "seconds": limits.seconds,
        }
        try:
            _run(job, limits.seconds, options.ocr.page_seconds)
        finally:
            Path(str(job["beats"])).unlink(missing_ok=True)
        shutil.rmtree(kept)
    return out


def read_result(raw: bytes) -> Parsed:
    """What a process has found in its file.

    Raises:
        UnreadableError: the file cannot become a document.
    """
    data = json.loads(raw)
    if failure := data.get("failure"):
        code: Code = failure["code"]
        raise UnreadableError(code, failure["reason"])
    return Parsed.from_json(data["document"])


def _run(job: dict[str, Any], seconds: int, page_seconds: int) -> None:
    # -P: a module of this name in the working folder must not take the parser's place.
    command = [sys.executable, "-P", "-m", "sfta.documents.child"]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=_environment(),
            # A group of its own: what the child has started ends with it.
            start_new_session=True,
        ) as child:
            try:
                status = _wait(child, job, seconds + _GRACE_SECONDS, page_seconds)
            except subprocess.TimeoutExpired:
                raise _timeout(seconds) from None
            finally:
                _end_group(child.pid)
        errors.seek(0, os.SEEK_END)
        errors.seek(max(0, errors.tell() - _STDERR_BYTES))
        tail = errors.read().decode(errors="replace")
    if status == 0 and Path(job["out"]).exists():
        return
    if status == -signal.SIGXCPU:
        raise _timeout(seconds)
    raise _crash(status, tail)


def _wait(
    child: subprocess.Popen[bytes], job: dict[str, Any], seconds: float, page_seconds: int
) -> int:
    """Exit status of the child; each page that it has begun to read by OCR earns more time."""
    started, told = time.monotonic(), 0
    if child.stdin:
        with contextlib.suppress(BrokenPipeError), child.stdin as stream:
            stream.write(json.dumps(job).encode())
    while child.poll() is None:
        beats = Path(job["beats"])
        pages = beats.stat().st_size if beats.exists() else 0
        left = started + seconds + pages * page_seconds * WALL_FACTOR - time.monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(child.args, seconds)
        if pages > told + 1:
            log.info("%s: %d pages read by OCR", job["name"], pages - 1)
            told = pages - 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=min(left, _LINE_EVERY_SECONDS))
    return child.returncode


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Only what Python needs: keys and passwords of the parent stay with the parent."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def _timeout(seconds: int) -> UnreadableError:
    return UnreadableError("timeout", f"parsing took longer than {seconds} seconds")


def _crash(status: int, stderr: str) -> UnreadableError:
    if "MemoryError" in stderr or "malloc" in stderr or "bad_alloc" in stderr:
        reason = "it needs more memory than ingest.limits.memory_mb allows"
        return UnreadableError("too_large", reason)
    said = stderr.strip().splitlines()[-1:] or [""]
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return UnreadableError("crashed", f"the parser ended with {how} {said[0]}".rstrip())
