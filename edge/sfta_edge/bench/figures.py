"""Measured figures and what is said of several of them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sfta_edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Series:
    """The same figure, measured several times."""

    values: tuple[float, ...]
    """In the order in which they were measured; at least one."""

    def __post_init__(self) -> None:
        if not self.values:
            raise ConfigError("a series needs at least one figure")

    @property
    def median(self) -> float:
        """The middle one, or the mean of the two in the middle."""
        return median(self.values)

    @property
    def p95(self) -> float:
        """No more than one in twenty is higher."""
        return percentile(self.values, 0.95)

    @property
    def spread(self) -> float:
        """Distance of highest and lowest as a share of the median; 0 where all are the same."""
        if self.median == 0:
            return 0.0
        return (max(self.values) - min(self.values)) / self.median

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "median": self.median,
            "p95": self.p95,
            "spread": self.spread,
            "count": len(self.values),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The lowest of the values that at least `share` of them do not exceed (nearest rank).

    Args:
        values: at least one, in any order.
        share: above 0, at most 1.

    Raises:
        ConfigError: no values, or another share.
    """
    if not values or not 0 < share <= 1:
        raise ConfigError(f"no percentile {share} of {len(values)} values")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def jain_index(shares: Sequence[float]) -> float:
    """How evenly something is shared: 1 if all have the same, 1/n if one has everything.

    Jain, Chiu and Hawe, DEC-TR-301, 1984.

    Args:
        shares: what each has, none below 0; where nobody has anything, it is shared evenly.

    Raises:
        ConfigError: nobody shares, or a share below 0.
    """
    if not shares or min(shares) < 0:
        raise ConfigError("an index needs shares, none of them below 0")
    most = max(shares)
    if most == 0:
        return 1.0
    scaled = [share / most for share in shares]  # squares of tiny numbers would be 0
    return sum(scaled) ** 2 / (len(scaled) * sum(share * share for share in scaled))


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """How much the values grow with each place, by least squares; 0 with fewer than two places.

    Raises:
        ConfigError: not as many places as values.
    """
    if len(places) != len(values):
        raise ConfigError(f"{len(places)} places and {len(values)} values")
    if len(set(places)) <= 1:
        return 0.0
    middle, mean = sum(places) / len(places), sum(values) / len(values)
    pairs = zip(places, values, strict=True)
    together = sum((place - middle) * (value - mean) for place, value in pairs)
    return together / sum((place - middle) ** 2 for place in places)
