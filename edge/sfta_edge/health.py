"""The examination of a device: what is there, does it fit, does it answer."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import IntegrityError, SftaError

_QUESTION = "What do these documents describe?"
_TOLD = 60  # characters of an answer that are shown


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    part: str
    ok: bool
    detail: str
    hint: str = ""
    exit_code: int = 0


def examine(
    root: Path, bundle: Path | None = None, *, threads: int | None = None
) -> list[Finding]:
    """Look at everything that an answer needs; the last finding is an answer."""
    findings = [
        _look("python", lambda: f"{platform.python_version()} ({sys.executable})"),
        _look("machine", _machine),
        _look("llama.cpp", _llama),
        _look("sqlite", _sqlite),
    ]
    folder: list[Path] = []

    def find() -> str:
        from sfta_edge.slots import active_slot

        folder.append(bundle if bundle is not None else active_slot(root))
        return str(folder[0])

    findings.append(_look("bundle", find))
    if bundle is None and findings[-1].ok:
        findings.append(_look("signature", lambda: _signature(root)))
    if folder and all(finding.ok for finding in findings):
        findings.append(_look("answer", lambda: _answer(folder[0], threads)))
    return findings


def _look(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, ok=True, detail=look())
    except SftaError as error:
        return Finding(part, False, str(error), error.hint, error.exit_code)


def _machine() -> str:
    from sfta_edge.cores import physical_cores

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = shutil.disk_usage(Path.home()).free
    return (
        f"{platform.system()} {platform.machine()}, {physical_cores()} cores, "
        f"{memory >> 20} MiB memory, {free >> 20} MiB of disk free"
    )


def _llama() -> str:
    from sfta_edge.llama import load_library, variant

    load_library()
    return f"CPU backend {variant()}"


def _sqlite() -> str:
    import apsw

    from sfta_edge.knowledge_format import connect, value

    connection = connect(Path("doctor"), apsw.SQLITE_OPEN_READWRITE, "mode=memory")
    try:
        extension = value(connection, "SELECT vec_version()")
    finally:
        connection.close()
    return f"{apsw.sqlite_lib_version()}, sqlite-vec {extension}"


def _signature(root: Path) -> str:
    from sfta_edge.signature import open_verified
    from sfta_edge.slots import active_slot, read_state, trusted_key

    current = read_state(root).current
    if current is None:
        raise IntegrityError("the state names no active bundle")
    manifest = open_verified(active_slot(root), trusted_key(root, current))
    return f"{len(manifest.files)} files, key {current.key[:16]}"


def _answer(folder: Path, threads: int | None) -> str:
    from sfta_edge.appliance import Appliance

    with Appliance.open(folder, threads=threads) as appliance:
        began = time.monotonic()
        answer = appliance.answerer.ask(_QUESTION)
        seconds = time.monotonic() - began
    if not answer.completion:
        raise IntegrityError("the model wrote nothing", hint="Install the bundle again.")
    told = " ".join(answer.answer.split())[:_TOLD]
    return f"{seconds:.1f} s, {answer.usage['completion_tokens']} tokens: {told}"
