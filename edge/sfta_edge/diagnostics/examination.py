"""The doctor's findings, from a process of its own: what it loads may end it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.diagnostics.redaction import Redactor
from sfta_edge.errors import ToolError

LONGEST_SECONDS = 600.0
_ANSWER = re.compile(r"[\d.]+ s, \d+ tokens")


@dataclass(frozen=True, slots=True)
class Doctor:
    """How the examination is made."""

    command: tuple[str, ...] = (sys.executable, "-I", "-m", "sfta_edge.cli.main", "doctor")
    seconds: float = LONGEST_SECONDS


def doctors_findings(
    root: Path, redactor: Redactor, doctor: Doctor | None = None
) -> list[dict[str, Any]]:
    """What `sfta-edge doctor` finds; of the answer it gets, how long it took.

    Raises:
        ToolError: it was ended, or took too long, or said nothing that can be read.
    """
    found = _told(root, doctor or Doctor())
    return [_redacted(finding, redactor) for finding in found]


def _redacted(finding: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    told = {name: redactor.tree(what) for name, what in finding.items()}
    if finding["part"] == "answer" and finding["ok"]:
        # What follows are words of the documents.
        measured = _ANSWER.match(str(finding["detail"]))
        told["detail"] = measured[0] if measured else ""
    return told


def _told(root: Path, doctor: Doctor) -> list[Mapping[str, Any]]:
    child = subprocess.Popen(
        [*doctor.command, "--no-speed", "--json", "--root", str(root)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with child:
        try:
            out, _ = child.communicate(timeout=doctor.seconds)
        except subprocess.TimeoutExpired:
            raise ToolError(
                f"the doctor did not end within {doctor.seconds:g} seconds"
            ) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode < 0:
        raise ToolError(f"the doctor ended with {signal.Signals(-child.returncode).name}")
    try:
        findings: list[Mapping[str, Any]] = json.loads(out)["findings"]
        return [{"part": each["part"], "ok": each["ok"], **each} for each in findings]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ToolError(f"the doctor ended with {child.returncode} and no findings") from None
