"""How a device is, in facts that a person can carry away in one small file.

Nothing here names a document, a question or a person. `sfta fleet` reads many of these files.
"""

import platform
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta_edge import __version__
from sfta_edge.egress import egress
from sfta_edge.errors import IntegrityError
from sfta_edge.launcher import why_it_stays
from sfta_edge.slots import State, read_state
from sfta_edge.trust import current_trust

SCHEMA = "sfta.status/1"
_MEMORY = Path("/proc/meminfo")
_KIBIBYTE = 1024


def device_status(root: Path) -> dict[str, Any]:
    """Everything that `sfta-edge status` knows, without opening a model or a connection.

    Raises:
        IntegrityError: the state file is damaged.
    """
    state = read_state(root)
    disk = shutil.disk_usage(root if root.exists() else root.anchor or "/")
    return {
        "schema": SCHEMA,
        "device": platform.node(),
        "time": int(time.time()),
        "version": __version__,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "root": str(root),
        **_installed(state),
        "stays": state.stays or why_it_stays(root, state.probation),
        "trust": _trust(root),
        "disk": {"free": disk.free, "total": disk.total},
        "memory": _memory(),
        "offline": egress().to_json(),
    }


def _installed(state: State) -> dict[str, Any]:
    slots = {
        name: {**asdict(slot), "active": name == state.active}
        for name, slot in sorted(state.slots.items())
    }
    facts = {"active": state.active, "slots": slots}
    return {**facts, "probation": bool(state.probation), "reason": state.reason}


def _trust(root: Path) -> dict[str, Any] | None:
    try:
        trust = current_trust(root)
    except IntegrityError as error:
        return {"problem": str(error)}
    return None if trust is None else {"version": trust.version}


def _memory() -> dict[str, int]:
    """Bytes that are there, and that could be had; empty outside Linux."""
    try:
        lines = _MEMORY.read_text().splitlines()
    except OSError:
        return {}
    found = dict(line.split(":", 1) for line in lines)
    names = {"total": "MemTotal", "available": "MemAvailable"}
    return {
        name: int(found[key].split()[0]) * _KIBIBYTE
        for name, key in names.items()
        if key in found
    }
