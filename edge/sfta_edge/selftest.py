"""The self-test of a bundle before it may answer: in a process of its own, within limits.

Loading a model runs native code on a file. If that code crashes, hangs or takes all memory, the
child ends and the bundle that answers now goes on.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.manifest import MANIFEST, canonical_json, write_durably
from sfta_edge.slots import read_state

_SECONDS = 900.0
_SLOWEST = 3.0
"""Times as long as the bundle before: slower than that is another product."""
_MEMORY_SHARE = 0.85  # of what the machine has
_KEPT = "The bundle before still answers. Tell whoever made the new one."
_FOLDER = "measured"
_LOOK_SECONDS = 0.2


def _never() -> bool:
    return False


class SelfTestError(SftaError):
    """The new bundle failed its self-test; what answered before still answers."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a passed self-test measured."""

    seconds: float
    """Mean time of an answer; 0 without golden questions."""
    peak_bytes: int


def run_selftest(
    folder: Path,
    *,
    before: Measured | None = None,
    seconds: float = _SECONDS,
    stopped: Callable[[], bool] = _never,
) -> Measured:
    """Try a complete bundle that does not answer yet.

    Args:
        folder: the bundle, verified.
        before: what the bundle that answers now had measured.
        seconds: most that the whole test may take.
        stopped: asked while it runs whether it is still wanted.

    Raises:
        SelfTestError: says which budget, question or step failed.
    """
    facts = _child(folder, seconds, stopped)
    if not facts["passed"]:
        wrong = ", ".join(map(repr, facts["wrong"][:3]))
        raise SelfTestError(
            f"{facts['asked'] - facts['held']} of {facts['asked']} golden questions came out "
            f"otherwise than measured: {wrong}",
            hint=_KEPT,
        )
    measured = Measured(float(facts["seconds"]), int(facts["peak_bytes"]))
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if measured.peak_bytes > _MEMORY_SHARE * total:
        raise SelfTestError(
            f"it takes {measured.peak_bytes >> 20} MiB of the {total >> 20} MiB of this device",
            hint=_KEPT,
        )
    if before and before.seconds and measured.seconds > _SLOWEST * before.seconds:
        raise SelfTestError(
            f"an answer takes {measured.seconds:.1f} s; with the bundle before it took "
            f"{before.seconds:.1f} s",
            hint=_KEPT,
        )
    return measured


def try_bundle(root: Path, folder: Path, *, stopped: Callable[[], bool] = _never) -> Measured:
    """The self-test of an update, held against the bundle that answers now; remembers the result.

    Raises:
        SelfTestError: the new bundle must not answer.
    """
    current = read_state(root).current
    before = None if current is None else _remembered(root, current.manifest)
    measured = run_selftest(folder, before=before, stopped=stopped)
    manifest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    kept = root / _FOLDER
    kept.mkdir(exist_ok=True)
    write_durably(kept / f"{manifest}.json", canonical_json(asdict(measured)))
    known = {manifest, *(slot.manifest for slot in read_state(root).slots.values())}
    for path in kept.glob("*.json"):
        if path.stem not in known:
            path.unlink()
    return measured


def _remembered(root: Path, manifest: str) -> Measured | None:
    """What a bundle measured when it was installed; None if nobody looked."""
    try:
        kept = json.loads((root / _FOLDER / f"{manifest}.json").read_bytes())
        return Measured(float(kept["seconds"]), int(kept["peak_bytes"]))
    except (OSError, ValueError, TypeError, KeyError, ArithmeticError):
        return None


def _child(folder: Path, seconds: float, stopped: Callable[[], bool]) -> Mapping[str, Any]:
    command = [sys.executable, "-I", "-m", "sfta_edge.cli.main", "selftest"]
    child = subprocess.Popen(
        [*command, "--bundle", str(folder), "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    with child:
        try:
            out, told = _heard(child, seconds, stopped)
        finally:
            _end(child)
    lines = told.decode(errors="replace").strip().splitlines()
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise SelfTestError(f"loading the model ended with {name}", hint=_KEPT)
    if child.returncode:
        last = lines[-1] if lines else "it says nothing"
        said = next((line for line in lines if line.startswith("error: ")), last)
        raise SelfTestError(f"the self-test failed: {said.removeprefix('error: ')}", hint=_KEPT)
    try:
        facts: dict[str, Any] = json.loads(out)
    except ValueError as error:
        raise IntegrityError(f"the self-test gave no result: {error}") from error
    return facts


def _heard(
    child: subprocess.Popen[bytes], seconds: float, stopped: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """What the child has said on its two channels, once it has ended."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return child.communicate(timeout=min(left, _LOOK_SECONDS))
        except subprocess.TimeoutExpired:
            if stopped():
                raise SelfTestError("the self-test was stopped", hint=_KEPT) from None
    raise SelfTestError(f"the self-test did not end within {seconds:.0f} seconds", hint=_KEPT)


def _end(child: subprocess.Popen[bytes]) -> None:
    """The whole group: a loader may have started processes."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
