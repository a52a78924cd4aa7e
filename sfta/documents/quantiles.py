"""Percentiles that are values of the list itself."""

from collections.abc import Sequence


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
