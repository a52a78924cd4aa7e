"""What each number format of one model loses in the task itself, with paired intervals.

All files answer the same questions from the same chunks through the code of the device. What has
16 bits is the measure; a loss is measurable if the whole 95 % interval of the difference lies on
the worse side of zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.aggregate import BY_KEY, Array
from sfta.evaluation.statistics import Drawn, Resampling, difference, estimate

COMPARED = ("overall_f1", "token_f1", "refusal_f1", "quote_validity", "over_refusal")


@dataclass(frozen=True, slots=True)
class Answered:
    """What one file has answered."""

    scheme: str
    size: int
    """Bytes of the file."""
    table: Array
    """(questions, columns), in the order of the questions."""


def losses(files: Sequence[Answered], resampling: Resampling) -> list[dict[str, Any]]:
    """Figures of each file and its differences to the first, which has 16 bits.

    Returns:
        For each file its scheme, size, how many `questions` it answered, `metrics` (value and
        interval by name), `differences` (likewise, empty for the first) and `lost`, the names of
        what it has measurably lost.
    """
    drawn = [resampling.sums(one.table) for one in files]
    return [
        {
            "scheme": one.scheme,
            "size": one.size,
            "questions": len(one.table),
            "metrics": {key: _shown(estimate(BY_KEY[key], sums)) for key in COMPARED},
            **_compared(sums, drawn[0], first=index == 0),
        }
        for index, (one, sums) in enumerate(zip(files, drawn, strict=True))
    ]


def smallest_without_loss(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of the files that have lost nothing measurable the smallest, of equals the last.

    The first has lost nothing, so there is one.
    """
    return min(
        (one for one in reversed(found) if not one["lost"]), key=lambda one: int(one["size"])
    )


def verdict(found: Sequence[Mapping[str, Any]], questions: int) -> str:
    """One sentence: which scheme to ship, and how much it may lose unseen."""
    best, whole = smallest_without_loss(found), found[0]
    if best is whole:
        return (
            f"Every smaller file than {whole['scheme']} loses something that can be measured "
            f"with {questions} questions."
        )
    change = best["differences"]["overall_f1"]
    low = change["interval"][0] if change["interval"] else None
    unseen = "" if low is None else f" (overall F1 may be lower by up to {max(0.0, -low):.3f})"
    share = best["size"] / whole["size"]
    return (
        f"{best['scheme']} is the smallest that loses nothing measurable with {questions} "
        f"questions{unseen}; it has {share:.0%} of the size of {whole['scheme']}."
    )


def _compared(sums: Drawn, whole: Drawn, *, first: bool) -> dict[str, Any]:
    if first:
        return {"differences": {}, "lost": []}
    changes = {key: difference(BY_KEY[key], sums, whole) for key in COMPARED}
    lost = [
        key
        for key, change in changes.items()
        if change.low is not None
        and change.high is not None
        and (change.high < 0 if BY_KEY[key].higher_is_better else change.low > 0)
    ]
    return {"differences": {key: _shown(c) for key, c in changes.items()}, "lost": lost}


def _shown(found: Any) -> dict[str, Any]:
    return {"value": found.value, "interval": found.interval}
