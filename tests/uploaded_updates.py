"""Updates of a device on which bundles of three small files are installed."""

import io

from sfta_edge.slots import active_slot
from sfta_edge.updates.receiving import Slice, UpdateLimits
from sfta_edge.updates.updates import Surroundings, Updates

LIMITS = UpdateLimits(reserve_bytes=0, look_bytes=4096)


def opened(root, trial=lambda *_, **__: None, limits=LIMITS, **around):
    """As a device that starts; bundles pass their trial."""
    return Updates(root, active_slot(root), Surroundings(trial=trial, **around), limits)


def receive(updates, bundle, end=None):
    """Send an archive, or its beginning."""
    content = bundle.with_suffix(".tar").read_bytes()
    sent = content[:end]
    updates.receive(Slice("m.tar", len(content), 0, len(sent)), io.BytesIO(sent), "ada")


def outcome(updates):
    """Install what has arrived; the job when it has ended."""
    updates.install("ada")
    assert updates.wait(30)
    return updates.status()["job"]
