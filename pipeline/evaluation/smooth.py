"""A smooth calibration curve, and how far predicted risks lie from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.evaluation.bootstrap import arrange, chunked, interval, resample, too_few
from pipeline.evaluation.metrics import CERTAIN, Event, Risk, Value, Weights, observed_expected

KNOTS = (0.05, 0.35, 0.65, 0.95)      # quantiles of the log odds (Harrell FE, Regression Modeling Strategies, 2.4.6)
FEWEST = 20                           # people with the event, and without, below which no curve is drawn (assumed)
ENDS = (0.01, 0.99)                   # of the risks: the curve says nothing beyond, where a few people lie
POINTS = 60
AGREEMENT = ("observed_expected", "ici", "e50", "e90")
STEPS, TOLERANCE, LEAP = 50, 1e-11, 5.0


class Smooth(NamedTuple):
    """How predicted and observed risk agree, for one model."""

    curve: pd.DataFrame        # predicted, observed, low, high; empty where it cannot be drawn
    measures: pd.DataFrame     # metric (one of `AGREEMENT`), value, low, high
    reason: str                # why there is no curve; "" if there is


def smooth_calibration(predictions: pd.DataFrame, groups: pd.Series, *, resamples: int, seed: int) -> Smooth:
    """The observed share of events as a smooth function of the predicted risk of one model, with 95 % interval.

    Logistic regression of the event on a restricted cubic spline of the log odds, with four knots, each person with
    the weight of the table; a person's risk is the mean over repeats. ICI, E50 and E90 are mean, median and 90 %
    quantile over people of the distance between predicted risk and curve (Austin PC, Steyerberg EW, Stat Med
    2019;38:4051-4065, 10.1002/sim.8281); "observed_expected" is how many had the event for each that was foretold.
    Intervals are quantiles over the resamples that `judge` draws; in each the curve is fitted anew, the knots stay.
    """
    persons, event, weight, risks = arrange(predictions)
    (risk,) = (each.mean(axis=0) for each in risks.values())
    curve = pd.DataFrame(columns=["predicted", "observed", "low", "high"], dtype=float)
    measures = pd.DataFrame({"metric": pd.array(AGREEMENT, dtype="str")}).assign(value=np.nan, low=np.nan, high=np.nan)
    if reason := too_few(event, weight, FEWEST):
        return Smooth(curve, measures, reason)
    if np.ptp(risk[weight > 0]) == 0:
        return Smooth(curve, measures, "everybody has the same predicted risk: there is no curve")
    drawn = resample(groups.loc[persons].to_numpy(), draws=resamples, seed=seed)
    first, last = np.quantile(risk, ENDS)
    grid = np.linspace(first, last, POINTS)
    work = _worker(risk, event, grid, np.unique(np.quantile(_logit(risk[weight > 0]), KNOTS)), weight)
    value, spread = work(weight[None])[:, 0], chunked(work, drawn, weight)
    if not np.isfinite(value).all():
        return Smooth(curve, measures, "predicted risks separate people with the event from the rest: no curve fits")
    ends = np.array([interval(v, s)[:2] for v, s in zip(value, spread, strict=True)])
    found = np.column_stack([value, ends])
    measures[["value", "low", "high"]] = found[: len(AGREEMENT)]
    curve = pd.DataFrame(np.column_stack([grid, found[len(AGREEMENT) :]]), columns=list(curve))
    return Smooth(curve, measures, "")


def spline(
    x: Float[np.ndarray, " rows"], knots: Float[np.ndarray, " knots"]
) -> Float[np.ndarray, "rows columns"]:
    """Restricted cubic spline: `x` and a column for each knot but two, straight lines beyond the outer knots.

    With fewer than three knots `x` alone. Harrell FE, Regression Modeling Strategies, 2nd ed., eq. 2.25.
    """
    if len(knots) < 3:
        return x[:, None]
    cube = np.clip(x[:, None] - knots, 0, None) ** 3
    last, before = knots[-1], knots[-2]
    bends = [
        (cube[:, j] - cube[:, -2] * (last - t) / (last - before) + cube[:, -1] * (before - t) / (last - before))
        / (last - knots[0]) ** 2
        for j, t in enumerate(knots[:-2])
    ]
    return np.column_stack([x, *bends])


def fit_logistic(
    basis: Float[np.ndarray, "people columns"], event: Event, weights: Weights, start: np.ndarray | None = None
) -> Float[np.ndarray, "resamples columns"]:
    """Most likely coefficients, a row a resample; NaN where the likelihood has no maximum.

    Newton's method; a step moves no log odds by more than `LEAP`.
    """
    found = np.zeros((len(weights), basis.shape[1])) if start is None else np.repeat(start[None], len(weights), axis=0)
    wanted = (weights * event) @ basis
    products = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    active = np.arange(len(weights))
    for _ in range(STEPS):
        at, drawn = found[active], weights[active]
        expected = 1 / (1 + np.exp(-(at @ basis.T)))
        gradient = wanted[active] - (drawn * expected) @ basis
        curve = ((drawn * expected * (1 - expected)) @ products).reshape(len(at), basis.shape[1], -1)
        sound = np.linalg.cond(curve) < 1e12
        step = np.full_like(at, np.nan)
        step[sound] = np.linalg.solve(curve[sound], gradient[sound][:, :, None])[:, :, 0]
        leap = np.abs(step @ basis.T).max(axis=1)
        with np.errstate(divide="ignore"):
            found[active] = at + step * np.minimum(1, LEAP / leap)[:, None]
        active = active[~(np.abs(step).max(axis=1) < TOLERANCE * (1 + np.abs(at).max(axis=1)))]
        active = active[np.isfinite(found[active]).all(axis=1)]
        if not len(active):
            break
    found[active] = np.nan
    return found


def quantile(
    values: Float[np.ndarray, "resamples people"], weights: Weights, share: float
) -> Float[np.ndarray, " resamples"]:
    """The smallest value at or below which at least `share` of the weight of each row lies."""
    order = np.argsort(values, axis=1)
    below = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    first = (below >= share * below[:, -1:] * (1 - 1e-12)).argmax(axis=1)
    return np.take_along_axis(values, np.take_along_axis(order, first[:, None], axis=1), axis=1)[:, 0]


def _worker(
    risk: Risk, event: Event, grid: np.ndarray, knots: np.ndarray, weight: np.ndarray
) -> Callable[[Weights], Float[np.ndarray, "measures resamples"]]:
    """What gives, for resamples, `AGREEMENT` and then the curve at each point of the grid."""
    everybody = spline(_logit(risk), knots)
    centre, spread = everybody.mean(axis=0), everybody.std(axis=0)      # or the curvature is hard to invert

    def basis(columns: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(columns)), (columns - centre) / spread])

    own, drawn = basis(everybody), basis(spline(_logit(grid), knots))
    start = fit_logistic(own, event, weight[None])[0]
    start = np.where(np.isfinite(start), start, 0.0)

    def work(weights: Weights) -> Float[np.ndarray, "measures resamples"]:
        found = fit_logistic(own, event, weights, start)
        apart = np.abs(1 / (1 + np.exp(-(found @ own.T))) - risk)
        total = weights.sum(axis=1)
        values: list[Value] = [
            observed_expected(risk, event, weights),
            (weights * apart).sum(axis=1) / total,
            quantile(apart, weights, 0.5),
            quantile(apart, weights, 0.9),
        ]
        return np.concatenate([np.stack(values), (1 / (1 + np.exp(-(found @ drawn.T)))).T])

    return work


def _logit(risk: np.ndarray) -> np.ndarray:
    clipped = np.clip(risk, CERTAIN, 1 - CERTAIN)
    return np.log(clipped) - np.log1p(-clipped)
