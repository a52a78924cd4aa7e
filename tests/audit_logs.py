"""Audit logs for tests: written by the real writer, then handled by an attacker."""

import itertools
from contextlib import contextmanager

from sfta_edge.audit.log import Audit
from sfta_edge.audit.verification import verify_log
from sfta_edge.signature import load_public_key

ANSWER = {
    "user": "mia",
    "question": "When is the oil due?",
    "answer": "Every 2000 hours.",
    "citations": [{"chunk_id": "oil", "quote": "every 2000 hours"}],
    "chunks": ["oil", "noise"],
    "bundle": "ab" * 32,
    "refused": False,
}


def ticking():
    """A clock that says 1, 2, 3."""
    numbers = itertools.count(1)
    return lambda: {
        "wall": "1970-01-01T00:00:00.000+00:00",
        "monotonic": next(numbers),
        "boot": "",
    }


@contextmanager
def open_log(root, **options):
    """The log of an installation root, closed at the end."""
    options = {"witness": root / "audit.head", "clock": ticking(), "patience": 60.0, **options}
    audit = Audit(root / "data/audit", root / "data/keys/audit.pem", **options)
    try:
        yield audit
    finally:
        audit.close()


def filled_log(root, records=3, **options):
    """A closed log with its first record and some answers; returns its folder."""
    with open_log(root, **options) as audit:
        for number in range(records):
            audit.append("answer", {**ANSWER, "question": f"question {number}"})
    return root / "data/audit"


def verdict(root):
    """What a verification from outside says."""
    key = load_public_key(root / "data/keys/audit.pub")
    return verify_log(root / "data/audit", key, witness=root / "audit.head")
