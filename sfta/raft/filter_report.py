"""What each filter has turned away: a line per filter, also for those that found nothing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sfta.raft.candidate import EXAMPLES_PER_REASON, Rejected
from sfta.raft.row_config import FilterConfig
from sfta.raft.stepwise import NO_ANSWER
from sfta.raft.target import FAR

FILTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("parse", ("unreadable reply", "unreadable item", NO_ANSWER)),
    ("length", ("question length", "answer length", "quote length")),
    ("self-containedness", ("not self-contained",)),
    ("quote verbatim", ("quote not in chunk",)),
    ("answer supported by quotes", ("answer not in quote",)),
    ("answer not in question", ("answer in question",)),
    (
        "oracle chunks",
        ("quotes of two splits", "more oracle chunks than top_k", "not from two chunks"),
    ),
    ("one answer", ("ambiguous question",)),
    ("exact duplicate", ("duplicate question",)),
    ("near duplicate", ("near duplicate question",)),
    ("semantic duplicate", ("semantic duplicate question",)),
    ("near the target", (FAR,)),
    ("round trip", ("not found by the retriever",)),
    ("judge", ()),
)
"""Name of every filter in the order they work, and the reasons it gives."""
JUDGE = "judge: "
"""Begins every reason of the judge."""


def filter_report(rejected: Sequence[Rejected], off: frozenset[str]) -> list[dict[str, Any]]:
    """Per filter: how many it turned away, for which reasons, and the first examples.

    Args:
        rejected: everything that was turned away.
        off: names of filters that the settings leave out; a filter that found nothing and
            one that did not look are told apart.
    """
    known = {reason: name for name, reasons in FILTERS for reason in reasons}
    lost: dict[str, list[Rejected]] = {name: [] for name, _ in FILTERS}
    for item in rejected:
        name = "judge" if item.reason.startswith(JUDGE) else known.get(item.reason)
        if (
            name
        ):  # the rest was not needed, or its wording was used up: nothing is wrong with it
            lost[name].append(item)
    return [
        {
            "filter": name,
            "on": name not in off,
            "turned_away": len(items),
            "reasons": dict(sorted(Counter(item.reason for item in items).items())),
            "examples": [_example(item) for item in items[:EXAMPLES_PER_REASON]],
        }
        for name, items in lost.items()
    ]


def filters_off(config: FilterConfig, *, judged: bool, aimed: bool) -> frozenset[str]:
    """Names of the filters that the settings leave out.

    Args:
        config: settings of the filters.
        judged: whether there is a judge.
        aimed: whether there are target questions.
    """
    off = {
        "near the target": not aimed,
        "semantic duplicate": config.semantic_duplicate is None,
        "round trip": config.round_trip != "require",
        "judge": not judged,
    }
    return frozenset(name for name, is_off in off.items() if is_off)


def _example(item: Rejected) -> dict[str, str]:
    candidate = item.candidate
    return {
        "reason": item.reason,
        "question": candidate.question,
        "answer": candidate.answer,
        "quote": candidate.quote,
        "chunk_id": candidate.chunk_id,
    }
