"""From samples to estimates.

A block of n bytes is sampled with probability ``p = 1 - exp(-n / sample_bytes)``, independently
of all others, and then stands for ``1 / p`` blocks and ``n / p`` bytes: sums of these are
unbiased (Horvitz and Thompson, "A generalization of sampling without replacement from a finite
universe", 1952), and so is the sum of ``(1 - p) / p**2`` times the square of what is counted as
an estimate of their variance.

Intervals are those of Fay and Feuer for weighted sums of Poisson counts ("Confidence intervals
for directly standardized rates", 1997): gamma distributions with the mean and variance of the
estimate, for the upper end with one more sample of the largest weight.  They err on the safe
side where samples are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from tracemalloc import Traceback
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Estimate of a sum and the ends of its interval."""

    value: float
    low: float
    high: float


class SiteEstimate(NamedTuple):
    """Live blocks of one site.

    ``value_bytes`` and ``value_count`` are unbiased estimates; the true value lies between
    ``low_`` and ``high_`` in at least 95 of 100 cases.  ``function`` is the innermost one's
    qualified name, "" when it is not known.
    """

    traceback: Traceback
    function: str
    sample_count: int
    value_bytes: float
    low_bytes: float
    high_bytes: float
    value_count: float
    low_count: float
    high_count: float

    def __str__(self) -> str:
        where = str(self.traceback[-1]) if len(self.traceback) else "not in Python code"
        name = f" {self.function}" if self.function else ""
        return (
            f"{where}{name}: {self.value_bytes:.0f} bytes"
            f" ({self.low_bytes:.0f} to {self.high_bytes:.0f})"
            f" in {self.value_count:.0f} blocks, from {self.sample_count} samples"
        )


def probability(size_bytes: int, sample_bytes: int) -> float:
    """Chance that a block is sampled; ``sample_bytes`` 0 means that all are."""
    if sample_bytes == 0:
        return 1.0
    return -math.expm1(-size_bytes / sample_bytes)


def sum_up(values: Sequence[float], probabilities: Sequence[float], unseen: float) -> Interval:
    """Estimate of a sum from its sampled terms and their chances.  O(n).

    ``unseen`` is what a sample that was missed may stand for: 0 when all are seen.
    """
    total = variance = 0.0
    for value, p in zip(values, probabilities, strict=True):
        weight = value / p
        total += weight
        variance += (1 - p) * weight * weight
    more = max(
        ((1 - p) * value / p for value, p in zip(values, probabilities, strict=True)),
        default=unseen,
    )
    tail = (1 - CONFIDENCE) / 2
    low = max(_gamma_quantile(total, variance, tail), sum(values))
    high = _gamma_quantile(total + more, variance + more * more, 1 - tail)
    return Interval(total, min(low, total), max(high, total))


def _gamma_quantile(mean: float, variance: float, q: float) -> float:
    """Quantile of a gamma distribution with this mean and variance.

    Wilson and Hilferty, "The distribution of chi-square", 1931: the cube root is normal.
    """
    if variance <= 0 or mean <= 0:
        return mean
    shape = mean * mean / variance
    root = 1 - 1 / (9 * shape) + NormalDist().inv_cdf(q) / (3 * math.sqrt(shape))
    return mean * max(root, 0.0) ** 3
