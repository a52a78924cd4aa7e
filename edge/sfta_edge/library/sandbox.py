"""Looks into a file in a confined process, so that a hostile file ends only that process."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta_edge.documents.document import Code, Parsed, UnreadableError
from sfta_edge.errors import SftaError
from sfta_edge.library.limits import ParseLimits

_GRACE_SECONDS = 10.0
_STEP_SECONDS = 0.25
_PIPE_BYTES = 1 << 16
_PNG = b"\x89PNG"


class CancelledError(SftaError):
    """Somebody no longer wants the result."""


def parse_file(
    path: Path, name: str, limits: ParseLimits, cancel: threading.Event | None = None
) -> Parsed:
    """Pages of a file.

    Args:
        path: the file; a link is not followed.
        name: what it is called; its ending decides between kinds of text.
        limits: what it may cost.
        cancel: ends the process when set.

    Raises:
        UnreadableError: the file was refused, ran over a limit, or ended the process.
        CancelledError: `cancel` was set.
    """
    job = {"task": "parse", "name": name, "options": asdict(limits.options())}
    result = _looked_into(path, job, limits, cancel)
    return Parsed.from_json(_unfailed(result)["document"])


def draw_page(path: Path, number: int, width: int, limits: ParseLimits) -> bytes:
    """PNG of page `number` of a PDF.

    Raises:
        UnreadableError: as `parse_file`, or there is no such page.
    """
    job = {"task": "draw", "page": number, "width": width, "pixels": limits.pixels}
    result = _looked_into(path, job, limits, None)
    if not result.startswith(_PNG):
        _unfailed(result)
    return result


def _unfailed(result: bytes) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(result)
    if failure := data.get("failure"):
        code: Code = failure["code"]
        raise UnreadableError(code, failure["reason"])
    return data


def _looked_into(
    path: Path, job: dict[str, Any], limits: ParseLimits, cancel: threading.Event | None
) -> bytes:
    job = job | {"memory_bytes": limits.memory_bytes, "seconds": limits.seconds}
    # -I: neither the working folder nor the environment says which code is run.
    command = [sys.executable, "-I", "-m", "sfta_edge.library.parser", json.dumps(job)]
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        child = subprocess.Popen(
            command,
            stdin=handle,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"},
            cwd="/",
            # A group of its own: whatever it has started ends with it.
            start_new_session=True,
        )
    finally:
        os.close(handle)
    with child:
        try:
            result = _received(child, limits, cancel)
            status = child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise _timeout(limits) from None
        finally:
            _end_group(child.pid)
    if status == 0 and result:
        return result
    if status == -signal.SIGXCPU:
        raise _timeout(limits)
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    raise UnreadableError("crashed", f"the parser ended with {how}")


def _received(
    child: subprocess.Popen[bytes], limits: ParseLimits, cancel: threading.Event | None
) -> bytes:
    """All that the child writes, within time and size."""
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    deadline = time.monotonic() + limits.seconds + _GRACE_SECONDS
    parts: list[bytes] = []
    length = 0
    while True:
        if cancel is not None and cancel.is_set():
            raise CancelledError("it was cancelled")
        if time.monotonic() > deadline:
            raise _timeout(limits)
        if not select.select([pipe], [], [], _STEP_SECONDS)[0]:
            continue
        part = os.read(pipe, _PIPE_BYTES)
        if not part:
            return b"".join(parts)
        parts.append(part)
        length += len(part)
        if length > limits.result_bytes:
            raise UnreadableError("too_large", "it holds more text than this device reads")


def _end_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _timeout(limits: ParseLimits) -> UnreadableError:
    return UnreadableError("timeout", f"reading it took longer than {limits.seconds} seconds")
