"""How numbers are written in a report."""

from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "\u2212"


def number(value: float | None) -> str:
    """Three digits; ``n/a`` where nothing was measured."""
    return "n/a" if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Three digits with their sign."""
    return "n/a" if value is None else f"{value:+.3f}".replace("-", MINUS)


def interval(pair: Sequence[float | None] | None, *, sign: bool = False) -> str:
    """``0.312 to 0.402``; nothing where there is none."""
    if pair is None or pair[0] is None or pair[1] is None:
        return ""
    spell = signed if sign else number
    return f"{spell(pair[0])} to {spell(pair[1])}"


def clear(pair: Sequence[float | None] | None) -> bool:
    """Whether an interval leaves out zero."""
    return bool(
        pair and pair[0] is not None and pair[1] is not None and (pair[0] > 0 or pair[1] < 0)
    )


def whole(value: float | None) -> str:
    """No digits after the point, thousands apart."""
    return "n/a" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def probability(value: float) -> str:
    """Four digits; never nought, which no test can show."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def bound(gate: Mapping[str, Any]) -> str:
    """What a gate asks for, as ``at least 0.500``."""
    name = str(gate["name"])
    relation = "at most" if name.startswith("max_") else "at least"
    if not name.startswith(("min_", "max_")):
        relation = "more than"
    return f"{relation} {number(gate['bound'])}"
