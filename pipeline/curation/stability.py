"""How far a distribution or a level has moved between two deliveries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.curation.columns import Array
from pipeline.curation.tables import limit

BINS = 10
HALF = 0.5            # added to every count, so that an empty bin is no infinity
MEDIAN_ERROR = 1.2533     # standard error of a median over that of a mean, in a normal distribution
SPREAD = 1.349            # quartiles of a normal distribution lie so many standard deviations apart


class Shift(NamedTuple):
    """The change between two samples, one value a person."""

    psi: float                # population stability index
    psi_threshold: float      # from which it says something: the stated one, or what chance does with so few
    sd: float | None          # difference of medians in standard deviations; None for answers
    sd_threshold: float | None

    @property
    def has_shifted(self) -> bool:
        """Whether either measure passes its threshold."""
        moved = self.sd is not None and self.sd_threshold is not None and abs(self.sd) >= self.sd_threshold
        return moved or self.psi >= self.psi_threshold


def psi(before: Array, after: Array) -> float:
    """Population stability index of two rows of counts: the sum of (q - p) ln(q / p) over the bins.

    >>> round(psi(np.array([50, 50]), np.array([50, 50])), 3)
    0.0
    """
    p, q = before + HALF, after + HALF
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def binned(before: Array, after: Array) -> tuple[Array, Array]:
    """Both samples in the tenths of the first one; a value on an edge is below it."""
    inner = np.unique(np.quantile(before, np.arange(1, BINS) / BINS))
    first, second = (
        np.bincount(np.searchsorted(inner, values), minlength=len(inner) + 1) for values in (before, after)
    )
    return first, second


def by_chance(bins: int, before: int, after: int) -> float:
    """An index that samples of one distribution exceed by a small chance: chi-squared over the harmonic size."""
    from scipy.stats import chi2

    return float(chi2.ppf(1 - limit("psi_chance"), max(bins - 1, 1)) * (1 / before + 1 / after))


def shift_of_numbers(before: Array, after: Array) -> Shift:
    """Change of level and distribution of a measured variable, one value a person."""
    counts = binned(before, after)
    threshold = max(limit("psi"), by_chance(len(counts[0]), len(before), len(after)))
    spreads = [np.subtract(*np.percentile(values, [75, 25])) / SPREAD for values in (before, after)]
    spread = float(np.sqrt(np.mean(np.square(spreads))))
    error = MEDIAN_ERROR * np.sqrt(1 / len(before) + 1 / len(after))
    if spread <= 0:
        return Shift(psi(*counts), threshold, None, None)
    sd = float((np.median(after) - np.median(before)) / spread)
    return Shift(psi(*counts), threshold, sd, max(limit("shift_sd"), limit("shift_errors") * float(error)))


def shift_of_answers(before: Array, after: Array, levels: int) -> Shift:
    """Change of how people are spread over answers, one answer (a number below `levels`) a person."""
    counts = [np.bincount(values, minlength=levels) for values in (before, after)]
    threshold = max(limit("psi"), by_chance(levels, len(before), len(after)))
    return Shift(psi(*counts), threshold, None, None)
