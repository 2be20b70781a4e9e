"""Whether values may be in another unit than the one they were taken for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.curation.columns import Array
from pipeline.curation.tables import Usual, limit
from pipeline.schema import Variable, variables
from pipeline.units import convert, is_implausible, possible_units

SAME = 1e-9       # of a factor of one: another name of the same unit
BINS = 80         # of a look at the shape of a distribution


class Reading(NamedTuple):
    """A way in which a value may have been misread: what it is instead is `slope` times it plus `shift`."""

    unit: str        # the other one
    slope: float
    shift: float
    words: str

    def right(self, values: Array) -> Array:
        """What values are if they were misread in this way."""
        return self.slope * values + self.shift


class Groups(NamedTuple):
    """Two groups of values of one variable, as far apart as two of its units."""

    rows: Array          # of the smaller group: a mask over the values
    reading: Reading


def ways(variable: Variable) -> tuple[Reading, ...]:
    """All ways in which values of a variable may have been misread; each in both directions."""
    return _ways(variable.name)


@cache
def _ways(name: str) -> tuple[Reading, ...]:
    return tuple(_each(variables()[name]))


def _each(variable: Variable) -> Iterator[Reading]:
    for unit in possible_units(variable):
        zero, one = (float(v) for v in convert(np.array([0.0, 1.0]), unit, variable))
        slope, shift = one - zero, zero
        if unit == variable.unit or (abs(slope - 1) < SAME and abs(shift) < SAME):
            continue
        yield Reading(unit, slope, shift, f"in {unit}, taken as {variable.unit}")
        yield Reading(unit, 1 / slope, -shift / slope, f"in {variable.unit}, taken as {unit}")


def misread(values: Array, variable: Variable, usual: Usual) -> Array:
    """Values outside of what is usual that would be usual in another unit; each is judged alone."""
    outside = (values < usual.low) | (values > usual.high)
    found = np.zeros(len(values), dtype=bool)
    for way in ways(variable):
        right = way.right(values)
        found |= outside & (right >= usual.low) & (right <= usual.high)
    return found


def two_groups(values: Array, variable: Variable) -> Groups | None:
    """The smaller of two groups of values that a factor of units lies between, if a valley does too.

    On the scale of logarithms the densest place is the middle of the first group. For each way of misreading, what
    stands nearer to where that would put the group is the second one. It counts if it is large enough, lies where the
    units put it, and few values lie between.
    """
    positive = values > 0
    logs = np.log(values[positive])
    if len(logs) < 2 * limit("group_readings"):
        return None
    peak = _peak(logs)
    best: Groups | None = None
    for way in ways(variable):
        right = way.right(values[positive])
        near = np.full(len(logs), np.inf)
        near[right > 0] = np.abs(np.log(right[right > 0]) - peak)
        second = near < np.abs(logs - peak)
        if not _counts(logs, second, near, peak):
            continue
        rows = np.zeros(len(values), dtype=bool)
        rows[np.flatnonzero(positive)[second]] = True
        if rows.sum() > len(logs) / 2:
            rows = positive & ~rows
        if best is None or rows.sum() > best.rows.sum():
            best = Groups(rows, way)
    return best


def changed_unit(before: float, after: float, variable: Variable) -> Reading | None:
    """The way of misreading that would explain a change of level, if one does."""
    if not (before > 0 and after > 0) or is_implausible(np.array([before, after]), variable).any():
        return None
    for way in ways(variable):
        right = float(way.right(np.array([after]))[0])
        if abs(right / before - 1) <= limit("factor_near") < abs(after / before - 1):
            return way
    return None


def _peak(logs: Array) -> float:
    """Middle of the densest place."""
    heights, edges = np.histogram(logs, BINS)
    smooth = np.convolve(heights, np.ones(5), mode="same")
    top = int(smooth.argmax())
    width = edges[1] - edges[0]
    inside = np.abs(logs - (edges[top] + width / 2)) <= 2.5 * width
    return float(np.median(logs[inside]))


def _counts(logs: Array, second: Array, near: Array, peak: float) -> bool:
    count = int(second.sum())
    fewest = max(limit("group_readings"), limit("group_share") * len(logs))
    if min(count, len(logs) - count) < fewest:
        return False
    if np.median(near[second]) > limit("group_place") + np.median(np.abs(logs[~second] - peak)):
        return False
    other = float(np.median(logs[second]))
    gap = abs(other - peak)
    if abs(np.median(logs[~second]) - peak) > gap / 4:
        return False
    # Density around the middle between the groups, against that around the middle of each.
    width = gap / 6
    between = int((np.abs(logs - (peak + other) / 2) <= width).sum())
    lower = min(int((np.abs(logs - middle) <= width).sum()) for middle in (peak, other))
    return between < limit("group_valley") * lower
