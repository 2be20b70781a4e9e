"""Profile likelihoods: how far a quantity can move while everything else is fitted again.

Raue A et al., Bioinformatics 2009;25:1923-1929, doi 10.1093/bioinformatics/btp358. Parameters and derived
quantities are treated alike. Every step starts from its neighbour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.calibration.optimise import Bounds, Optimum, Search

FIRST, SMALLEST = 0.02, 1e-3                    # steps on the natural logarithm
FOLLOWS = 1e-4                                  # a quantity further from where it is pinned than this cannot go there
AT_BOUND = 1e-3                                 # a parameter nearer to a bound than this, in logarithm, leans on it
WIDER = np.log(10.0)                            # by this a bound is moved to see whether it matters
MATTERS = 0.1                                   # of the allowed excess: a smaller fall of the cost does not
STEPS = 200
Point = tuple[float, float, np.ndarray]         # logarithm of the quantity, cost, logarithms of the parameters


class Side(NamedTuple):
    """One end of a profile."""

    limit: float         # natural logarithm of the quantity
    stop: str            # "data", "band" or "bound": what stopped it there


class Profile(NamedTuple):
    """The profile of one quantity: natural logarithms of it, rising, the cost there, and the fitted points."""

    name: str
    best: float
    values: np.ndarray
    costs: np.ndarray
    points: np.ndarray
    low: Side
    high: Side


def profile(search: Search, best: Optimum, index: int) -> Profile:
    """Profile of the quantity at `index` of the problem's labels, both ways from the best fit.

    A side ends at the cost limit ("data"); or where a published band stops it ("band"); or where a bound of the
    search does ("bound"): then the limit is the search's choice and the profile is open. A bound stops a profile if
    the quantity itself is at it, or if moving those bounds tenfold that the end leans on, and the best fit does
    not, lets the profile go on.
    """
    at = float(search.values(best.x)[index])
    low, down = _walk(search, best, index, -1.0)
    high, up = _walk(search, best, index, +1.0)
    path = [*reversed(down), (at, best.cost, best.x), *up]
    values, costs, points = (np.array(part) for part in zip(*path, strict=True))
    return Profile(search.problem.labels[index], at, values, costs, points, low, high)


def profiles(search: Search, best: Optimum, progress: bool = True) -> list[Profile]:
    """The profile of every parameter and derived quantity."""
    labels = search.problem.labels
    bar = tqdm(labels, desc=f"{search.problem.name}: profiles", leave=False, disable=None if progress else True)
    return [profile(search, best, i) for i, _ in enumerate(bar)]


def table(found: list[Profile]) -> pd.DataFrame:
    """All profiles as quantity, value, cost."""
    rows = [(p.name, np.exp(v), c) for p in found for v, c in zip(p.values, p.costs, strict=True)]
    return pd.DataFrame(rows, columns=["quantity", "value", "cost"])


def _walk(search: Search, best: Optimum, index: int, way: float) -> tuple[Side, list[Point]]:
    """The side of a profile that lies `way` of the best fit, and its points from the best outwards."""
    excess, effort = search.problem.excess, search.problem.effort
    value, cost, x = float(search.values(best.x)[index]), best.cost, best.x
    path: list[Point] = []
    step, before = FIRST, x
    edge = search.bounds[way > 0][index] if index < len(x) else way * np.inf
    for _ in range(STEPS):
        if way * (edge - value) < AT_BOUND:
            return Side(value, "bound"), path
        wished = min(value + step, edge) if way > 0 else max(value - step, edge)
        starts = (x, 2.0 * x - before) if effort.is_double else (search.ahead(x, index, wished - value),)
        found = _ends(search, starts, (index, wished))
        if not found and step > SMALLEST:
            step = max(step / 4.0, SMALLEST)
            continue
        if not found:
            free = _ends(search, (x,), (index, wished), _widened(search, best.x, x))
            return Side(value, "bound" if free else "band"), path
        new, end = min(found, key=lambda pair: pair[0])
        if new - cost > 3.0 * effort.rise and step > SMALLEST:
            step = max(step / 2.0, SMALLEST)
            continue
        before, x = x, end
        path.append((wished, new, x))
        if new > best.cost + excess:
            # The root of the excess is nearly straight in the quantity.
            roots = np.sqrt(np.maximum(0.0, [cost - best.cost, new - best.cost]))
            share = (np.sqrt(excess) - roots[0]) / (roots[1] - roots[0])
            free = _ends(search, (x,), (index, wished), _widened(search, best.x, x))
            falls = bool(free) and free[0][0] < new - MATTERS * excess
            return Side(value + share * (wished - value), "bound" if falls else "data"), path
        faster = 2.0 if new - cost < effort.rise / 3.0 else 1.3 if new - cost < effort.rise else 1.0
        step = min(effort.stride, step * faster)
        value, cost = wished, new
    raise ArithmeticError(f"{search.problem.name}: the profile of {search.problem.labels[index]} does not end")


def _ends(
    search: Search, starts: tuple[np.ndarray, ...], pin: tuple[int, float], bounds: Bounds | None = None
) -> list[tuple[float, np.ndarray]]:
    """Costs and points of searches that hold the pin and the bands."""
    ends = [search.minimise(start, pin, bounds) for start in starts]
    held = [e for e in ends if abs(search.values(e)[pin[0]] - pin[1]) < FOLLOWS and search.obeys(e)]
    return [(search.cost(e), e) for e in held]


def _widened(search: Search, best: np.ndarray, x: np.ndarray) -> Bounds:
    """The search bounds, moved tenfold where `x` leans on them and the best fit does not."""
    low, high = search.bounds
    down = (x - low < AT_BOUND) & (best - low >= AT_BOUND)
    up = (high - x < AT_BOUND) & (high - best >= AT_BOUND)
    return low - WIDER * down, high + WIDER * up
