"""All parts of the file; one that cannot be made says so in its place and hides no other."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfta_edge import __version__
from sfta_edge.diagnostics import hardware, installed, work
from sfta_edge.diagnostics.databases import BUNDLE_KNOWLEDGE
from sfta_edge.diagnostics.examination import Doctor, doctors_findings
from sfta_edge.diagnostics.known_names import known_names
from sfta_edge.diagnostics.redaction import Redactor
from sfta_edge.errors import SftaError
from sfta_edge.slots import active_slot

SCHEMA = "sfta.diagnostics/1"
LEFT_OUT = {
    "questions, answers, history": "they belong to whoever asked",
    "documents: text, titles, names, digests": "they belong to the owner of the device",
    "records of the audit log": "they say who did what; whether the log is whole is told",
    "names of users, groups, tokens": "a pseudonym stands for each",
    "passwords, hashes of passwords, tokens, cookies, keys": "they are never read or never written",
    "name and addresses of the machine, names of its interfaces": "a pseudonym stands for each",
    "paths outside of the installation": "they name people; ROOT is the installation",
    "words in messages that are not the program's own": "they may be any of the above",
    "values of environment variables and options of the service": "they hold addresses and paths",
    "hashes and names of documents in the manifest": "they tell which documents are here",
}
"""What, and why. Goes into every file."""
README = """\
What a technician needs to see of an SFTA device. It was made on the device and is not encrypted.
It holds no question, no answer, nothing of a document, no name of a person or machine and no
secret: left-out.json lists what is not here, and why. <user 0123456789ab> is a pseudonym: the same
one stands for the same value in this file and for another one in every other file.
Every part is JSON that can be read with any editor; look through it before you send it.
"""
Section = Callable[[], Any]
log = logging.getLogger("sfta_edge.diagnostics")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person who makes the file decides."""

    label: str = ""
    """What the device is called; written as it is."""
    log: Path | None = None
    """A file with log lines."""
    metrics: Path | None = None
    """A file with what ``/metrics`` has said."""
    doctor: Doctor | None = field(default_factory=Doctor)
    """None: nothing is loaded and no question is asked."""


def collected(root: Path, wanted: Wanted) -> dict[str, bytes]:
    """Name and content of every part; never fails for what is broken on the device."""
    problems: dict[str, str] = {}
    redactor = _redactor(root, problems)
    sections = _sections(root, wanted, redactor)
    parts = {name: _made(name, make, redactor, problems) for name, make in sections.items()}
    parts["left-out.json"] = _spelled(
        {
            "schema": SCHEMA,
            "time": int(time.time()),
            "version": __version__,
            "left_out": LEFT_OUT | _not_asked(wanted),
            "replaced": redactor.pseudonyms.counts(),
            "problems": {name: redactor.text(why) for name, why in problems.items()},
        }
    )
    return {"README.txt": README.encode(), **parts}


def _sections(root: Path, wanted: Wanted, redactor: Redactor) -> Mapping[str, Section]:
    told = {
        "status.json": lambda: installed.redacted_status(root, redactor, wanted.label),
        "manifest.json": lambda: installed.redacted_manifest(root, redactor),
        "settings.json": lambda: installed.settings(root),
        "audit.json": lambda: installed.audit(root, redactor),
        "databases.json": lambda: work.databases(root, redactor),
        "jobs.json": lambda: work.jobs(root, redactor),
        "metrics.json": lambda: work.metrics(root, _text(wanted.metrics), redactor),
        "hardware.json": hardware.hardware,
        "packages.json": hardware.packages,
        "llama.json": hardware.llama_build,
    }
    if wanted.log is not None:
        path = wanted.log
        told["log.json"] = lambda: work.log_lines(path, redactor)
    if wanted.doctor is not None:
        told["doctor.json"] = lambda: doctors_findings(root, redactor, wanted.doctor)
    return told


def _redactor(root: Path, problems: dict[str, str]) -> Redactor:
    try:
        knowledge = active_slot(root) / BUNDLE_KNOWLEDGE
    except SftaError:
        return Redactor(root, known_names(root / "data", None, _noted(problems)))
    return Redactor(root, known_names(root / "data", knowledge, _noted(problems)))


def _noted(problems: dict[str, str]) -> Callable[[str, Exception], None]:
    def note(name: str, error: Exception) -> None:
        problems[f"names in {name}"] = str(error)

    return note


def _made(name: str, make: Section, redactor: Redactor, problems: dict[str, str]) -> bytes:
    log.info("%s is being made", name)
    try:
        return _spelled(make())
    except Exception as error:  # noqa: BLE001 a broken device is what the file is for: it says what broke
        return _failed(name, error, redactor, problems)


def _failed(name: str, error: Exception, redactor: Redactor, problems: dict[str, str]) -> bytes:
    problems[name] = f"{type(error).__name__}: {error}"
    return _spelled({"problem": redactor.text(problems[name])})


def _not_asked(wanted: Wanted) -> dict[str, str]:
    told = {}
    if wanted.log is None:
        told["log lines"] = "the service writes them to the journal of the machine: --log FILE"
    if wanted.metrics is None:
        told["counters of the server"] = "they live in its memory: --metrics FILE"
    if wanted.doctor is None:
        told["findings of the doctor"] = "--no-doctor was given"
    return told


def _text(path: Path | None) -> str | None:
    return None if path is None else path.read_text("utf-8", "replace")


def _spelled(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()
