"""Intervals and tests: paired bootstrap over clusters, exact McNemar.

The bootstrap (Efron and Tibshirani, 1993; for paired systems Koehn, 2004) draws whole clusters
with replacement and takes percentiles. One `Resampling` serves all arms, so differences are
paired: in every resample both arms answer the same questions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from sfta.evaluation.aggregate import Array, Metric, ratio, sums_of

CONFIDENCE = 0.95
FEW_QUESTIONS = 100
"""Below this, the report warns."""
_ROUNDING = 6  # the order of floating-point sums differs between processors in later digits
_ROWS_PER_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; None where it cannot be measured."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def interval(self) -> list[float] | None:
        """``[low, high]``."""
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Column sums of one arm."""

    point: Array
    """(columns,), over all questions."""
    resampled: Array
    """(resamples, columns)."""


class Resampling:
    """Which clusters are drawn in each resample; the same draws for every table."""

    def __init__(self, groups: Sequence[str], resamples: int, seed: int) -> None:
        """`groups` names the cluster of each question."""
        names = sorted(set(groups))
        places = {name: place for place, name in enumerate(names)}
        self._place = np.array([places[group] for group in groups], dtype=np.intp)
        self.clusters = len(names)
        self._weights = [
            self._draw(f"{seed}/bootstrap/{start}", min(_ROWS_PER_BLOCK, resamples - start))
            for start in range(0, resamples, _ROWS_PER_BLOCK)
        ]

    def sums(self, table: Array) -> Drawn:
        """Sums of a (questions, columns) table, of all its rows and of every resample."""
        by_cluster = np.zeros((self.clusters, table.shape[1]))
        np.add.at(by_cluster, self._place, table)
        drawn = [weights @ by_cluster for weights in self._weights]
        return Drawn(table.sum(axis=0), np.concatenate(drawn))

    def _draw(self, name: str, count: int) -> NDArray[np.uint32]:
        """How often each cluster is drawn: (count, clusters)."""
        digest = hashlib.sha256(name.encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
        chances = np.full(self.clusters, 1 / self.clusters)
        # Kept for all tables; four bytes each, because large benchmarks have many clusters.
        return generator.multinomial(self.clusters, chances, size=count).astype(np.uint32)


def estimate(metric: Metric, arm: Drawn) -> Estimate:
    """A metric of one arm."""
    point, resampled = (
        metric.formula(sums_of(arm.point)),
        metric.formula(sums_of(arm.resampled)),
    )
    return summarise(float(point), resampled)


def difference(metric: Metric, one: Drawn, other: Drawn) -> Estimate:
    """What `one` has more than `other`; both drawn by one `Resampling`, so paired."""
    point = metric.formula(sums_of(one.point)) - metric.formula(sums_of(other.point))
    resampled = metric.formula(sums_of(one.resampled)) - metric.formula(
        sums_of(other.resampled)
    )
    return summarise(float(point), resampled)


def mean_estimate(values: Sequence[float], resampling: Resampling, kept: Array) -> Estimate:
    """The mean of values over the questions that are kept (1.0 each, 0.0 the others)."""
    drawn = resampling.sums(np.stack([np.asarray(values) * kept, kept], axis=1))
    return summarise(
        float(ratio(drawn.point[0], drawn.point[1])),
        ratio(drawn.resampled[:, 0], drawn.resampled[:, 1]),
    )


def summarise(point: float, resampled: Array) -> Estimate:
    """Value and percentile interval; resamples in which nothing counts are left out."""
    usable = resampled[np.isfinite(resampled)]
    if not np.isfinite(point) or not len(usable):
        return Estimate(None, None, None)
    edge = (1 - CONFIDENCE) / 2
    low, high = np.quantile(usable, [edge, 1 - edge])
    return Estimate(*(round(float(x), _ROUNDING) + 0.0 for x in (point, low, high)))


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact test on the questions where only one of two arms is right."""

    only_first: int
    only_second: int
    p_value: float
    """Two-sided; 1.0 when the arms never differ."""


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """McNemar's test with the binomial distribution itself, for paired right and wrong."""
    pairs = list(zip(first, second, strict=True))
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    count, fewer = only_first + only_second, min(only_first, only_second)
    tail: int = sum(comb(count, k) for k in range(fewer + 1))
    # Whole numbers until the end: 2.0 ** -count is zero for a large benchmark.
    p_value = min(1.0, (2 * tail) / (1 << count))
    return McNemar(only_first, only_second, round(p_value, _ROUNDING))
