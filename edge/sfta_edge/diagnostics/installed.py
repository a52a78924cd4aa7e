"""What is installed on a device: its status, the manifest of what answers, its settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta_edge.audit.files import log_files
from sfta_edge.audit.verification import verify_log
from sfta_edge.device_status import device_status
from sfta_edge.diagnostics.hardware import environment, release
from sfta_edge.diagnostics.redaction import Redactor
from sfta_edge.errors import IntegrityError
from sfta_edge.manifest import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from sfta_edge.settings import AnswerSettings
from sfta_edge.signature import load_public_key, read_limited
from sfta_edge.slots import active_slot

_DOCUMENTS = "documents/"
_PLAIN = ("schema", "time", "version", "active", "probation", "disk", "memory")
"""Facts of a status that are numbers, or words of the program."""
_OF_A_SLOT = ("name", "counter", "digest", "manifest", "key", "environment", "active")


def redacted_status(root: Path, redactor: Redactor, label: str) -> dict[str, Any]:
    """The same as `sfta-edge status --json`, in a form that `sfta fleet` reads.

    Args:
        root: of the installation.
        redactor: of this file.
        label: what people shall call the device; empty: a pseudonym.

    Raises:
        IntegrityError: the state cannot be read.
    """
    facts = device_status(root)
    plain = {name: facts.pop(name) for name in _PLAIN}
    system, *_, machine = facts.pop("system").split()
    slots, offline = facts.pop("slots"), facts.pop("offline")
    named = {
        "device": label or redactor.name(facts.pop("device"), "device"),
        "root": "ROOT",
        "system": f"{system} {release()} {machine}",
        "slots": {name: _slot(slot, redactor) for name, slot in slots.items()},
        "offline": {
            **{name: offline[name] for name in ("sealed", "known")},
            **{
                name: [redactor.name(each, "interface") for each in offline[name]]
                for name in ("networks", "gateways")
            },
        },
    }
    further = {name: redactor.tree(what) for name, what in facts.items()}
    return {**further, **plain, **named}


def redacted_manifest(root: Path, redactor: Redactor) -> dict[str, Any]:
    """The manifest of the bundle that answers: its digest, its files, its facts.

    Of a document neither the name is told nor the digest, by which somebody who has it could
    find out that it is here.

    Raises:
        IntegrityError: nothing is installed, or the manifest cannot be read.
    """
    raw = _manifest_bytes(root)
    told: dict[str, Any] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    manifest = Manifest.from_bytes(raw)
    files = [
        {"path": redactor.name(entry.path, "document"), "size": entry.size}
        if entry.path.startswith(_DOCUMENTS)
        else asdict(entry)
        for entry in manifest.files
    ]
    facts = {
        str(name): what if name in ("name", "counter") else redactor.tree(what)
        for name, what in manifest.facts.items()
    }
    return told | {
        "digest": manifest.digest,
        "kind": manifest.kind,
        "files": files,
        "facts": facts,
    }


def settings(root: Path) -> dict[str, Any]:
    """How questions are answered, and which variables of the environment change that.

    Raises:
        IntegrityError: the manifest cannot be read.
        ConfigError: nothing is installed, or the settings are of another version.
    """
    facts = Manifest.from_bytes(_manifest_bytes(root)).facts
    answer = AnswerSettings.from_facts(facts.get("answer", {}))
    return {"answer": asdict(answer), "environment": environment()}


def audit(root: Path, redactor: Redactor) -> dict[str, Any]:
    """Whether the log of what happened is whole; nothing of what stands in it.

    Raises:
        IntegrityError: its key cannot be read.
    """
    folder = root / "data/audit"
    files = log_files(folder)
    if not files:
        raise IntegrityError("there is no audit log")
    key = load_public_key(root / "data/keys/audit.pub")
    verdict = verify_log(folder, key, witness=root / "audit.head")
    size = sum(path.stat().st_size for path in files)
    told = {**verdict.to_json(), "why": redactor.text(verdict.why)}
    return {**told, "last": verdict.last, "files": len(files), "bytes": size}


def _slot(slot: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    further = {name: redactor.tree(what) for name, what in slot.items()}
    return further | {name: slot[name] for name in _OF_A_SLOT}


def _manifest_bytes(root: Path) -> bytes:
    return read_limited(active_slot(root) / MANIFEST, MAX_MANIFEST_BYTES)
