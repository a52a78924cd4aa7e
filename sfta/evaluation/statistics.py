"""Intervals and tests: paired bootstrap over clusters, exact McNemar.

The bootstrap (Efron and Tibshirani, 1993; for paired systems Koehn, 2004) draws whole clusters
with replacement and takes percentiles. One `Resampling` serves all arms, so differences are
paired: in every resample both arms answer the same questions. Of few clusters percentiles say
too much: where all five agree, every resample does. There an exact sign test has to agree.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta.evaluation.aggregate import Array, Metric, ratio, sums_of
from sfta.evaluation.clusters import FEW_CLUSTERS

CONFIDENCE = 0.95
FEW_QUESTIONS = 100
"""Below this, the report warns."""
_ROUNDING = 6  # the order of floating-point sums differs between processors in later digits
_ROWS_PER_BLOCK = 512

Figures = Callable[[Array], Mapping[str, Array]]
"""From column sums of any shape, columns last, to figures by name; NaN where nothing counts."""


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

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {"value": self.value, "interval": self.interval}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Column sums of one arm."""

    point: Array
    """(columns,), over all questions."""
    resampled: Array
    """(resamples, columns)."""
    clusters: Array
    """(clusters, columns)."""


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
        return Drawn(table.sum(axis=0), np.concatenate(drawn), by_cluster)

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
    """What `one` has more than `other`; both drawn by one `Resampling`, so paired.

    An interval that leaves out zero is stretched to it if fewer than `FEW_CLUSTERS` clusters
    tell of the difference and an exact sign test over them does not show it.
    """
    point = metric.formula(sums_of(one.point)) - metric.formula(sums_of(other.point))
    resampled = metric.formula(sums_of(one.resampled)) - metric.formula(
        sums_of(other.resampled)
    )
    found = summarise(float(point), resampled)
    first, second = sums_of(one.clusters), sums_of(other.clusters)
    told = (metric.counted(first) > 0) | (metric.counted(second) > 0)
    gaps = metric.formula(first) - metric.formula(second)
    return _stretched(found, gaps, int(told.sum()))


def _stretched(found: Estimate, gaps: Array, told: int) -> Estimate:
    """The interval, to zero if `told` clusters are few and their differences do not agree."""
    if found.low is None or found.high is None or told >= FEW_CLUSTERS:
        return found
    if _two_sided(int((gaps > 0).sum()), int((gaps < 0).sum())) < 1 - CONFIDENCE:
        return found
    return Estimate(found.value, min(found.low, 0.0), max(found.high, 0.0))


def estimates(figures: Figures, arm: Drawn) -> dict[str, Estimate]:
    """Figures of one arm over columns of its own."""
    point, resampled = figures(arm.point), figures(arm.resampled)
    return {name: summarise(float(point[name]), resampled[name]) for name in point}


def contrast(figures: Figures, name: str, one: Drawn, other: Drawn) -> Estimate:
    """What `one` has more than `other` of a figure; with few clusters as `difference` does it."""
    point, resampled, gaps = (
        figures(getattr(one, part))[name] - figures(getattr(other, part))[name]
        for part in ("point", "resampled", "clusters")
    )
    return _stretched(summarise(float(point), resampled), gaps, int(np.isfinite(gaps).sum()))


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
    return McNemar(
        only_first, only_second, round(_two_sided(only_first, only_second), _ROUNDING)
    )


def _two_sided(one: int, other: int) -> float:
    """How probable so unequal counts, or more unequal ones, are if both are as likely."""
    count, fewer = one + other, min(one, other)
    tail: int = sum(comb(count, k) for k in range(fewer + 1))
    # Whole numbers until the end: 2.0 ** -count is zero for a large benchmark.
    return min(1.0, (2 * tail) / (1 << count))
