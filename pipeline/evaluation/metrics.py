"""Measures of a risk against what happened, for many weightings of the same people at once.

`weights` has one row a resample: how often each person was drawn. A row of ones is the cohort itself. Where a
measure does not exist (nobody, or everybody, had the event) it is NaN.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

METRICS = (
    "auroc",
    "auprc",
    "brier",
    "calibration_slope",
    "calibration_in_the_large",
    "observed_expected",
    "net_benefit",
    "net_benefit_treat_all",
)

Risk = Float[np.ndarray, " people"]
Event = Int[np.ndarray, " people"]
Weights = Float[np.ndarray, "resamples people"]
Value = Float[np.ndarray, " resamples"]

CERTAIN = 1e-12        # risks are kept this far from 0 and 1, where the logit is infinite
STEPS, TOLERANCE, LEAP = 50, 1e-11, 5.0


def discrimination(risk: Risk, event: Event, weights: Weights) -> tuple[Value, Value]:
    """Areas under the receiver operating curve and under the precision-recall curve (as average precision).

    The first is the chance that someone with the event has a higher risk than someone without, ties counting
    half. Risks 0.1, 0.4, 0.35, 0.8 of people without, without, with and with the event give 0.75 and 0.83.
    """
    order = np.argsort(-risk, kind="stable")
    starts = np.flatnonzero(np.diff(risk[order], prepend=np.inf) != 0)     # of people with equal risk
    drawn = weights[:, order]
    with_event = np.add.reduceat(drawn * event[order], starts, axis=1)
    everybody = np.add.reduceat(drawn, starts, axis=1)
    hits, called = np.cumsum(with_event, axis=1), np.cumsum(everybody, axis=1)
    events, people = hits[:, -1], called[:, -1]
    # Non-events above a person are those called so far, less the hits; of those tied, half count.
    without = everybody - with_event
    beaten = (people - events)[:, None] - (called - hits) + without / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = (with_event * beaten).sum(axis=1) / (events * (people - events))
        precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
        auprc = (with_event * precision).sum(axis=1) / events
    return auroc, np.where(events < people, auprc, np.nan)


def brier(risk: Risk, event: Event, weights: Weights) -> Value:
    """Mean squared distance of the risk from what happened: 0 is perfect."""
    return weights @ (risk - event) ** 2 / weights.sum(axis=1)


def calibration(risk: Risk, event: Event, weights: Weights) -> tuple[Value, Value]:
    """Slope and intercept of the event on the log odds of the risk (Cox 1958, 10.1093/biomet/45.3-4.562).

    The slope is 1 if risks spread as they should, below 1 if they are too extreme. The intercept, with the
    slope held at 1, is calibration in the large: 0 if as many events were foretold as came, above 0 if more
    came. NaN where the likelihood has no maximum, as when the risk separates events from the rest.
    """
    clipped = np.clip(risk, CERTAIN, 1 - CERTAIN)
    logit = np.log(clipped) - np.log1p(-clipped)
    everybody = np.ones((1, len(risk)))
    start = _newton(logit, event, everybody, np.zeros((1, 2)), slope=True)
    start = np.where(np.isfinite(start), start, 0.0)
    slope = _newton(logit, event, weights, np.repeat(start, len(weights), axis=0), slope=True)[:, 1]
    level = _newton(logit, event, everybody, np.array([[0.0, 1.0]]), slope=False)
    level = np.where(np.isfinite(level), level, (0.0, 1.0))
    in_the_large = _newton(logit, event, weights, np.repeat(level, len(weights), axis=0), slope=False)[:, 0]
    return slope, in_the_large


def observed_expected(risk: Risk, event: Event, weights: Weights) -> Value:
    """How many had the event for each that was foretold: 1 is right on average, above 1 the risks are too low.

    NaN if no event was foretold at all. 3 events among risks that sum to 2.5 give 1.2.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (weights @ event) / (weights @ risk)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def net_benefit(risk: Risk, event: Event, weights: Weights, threshold: float) -> Value:
    """Net benefit of acting on everyone whose risk is at least `threshold`; acting on nobody is 0.

    True positives less false positives weighted by the odds of the threshold, per person (Vickers & Elkin
    2006, 10.1177/0272989X06295361). Of 10 people 4 are called at 0.2, 3 rightly: (3 - 1 * 0.25) / 10 = 0.275.
    """
    worth = np.where(event == 1, 1.0, -threshold / (1 - threshold)) * (risk >= threshold)
    return weights @ worth / weights.sum(axis=1)


def net_benefit_treat_all(event: Event, weights: Weights, threshold: float) -> Value:
    """Net benefit of acting on everyone, whatever their risk."""
    return net_benefit(np.ones(len(event)), event, weights, threshold)


def measure(
    risk: Risk, event: Event, weights: Weights, threshold: float
) -> Float[np.ndarray, "metrics resamples"]:
    """All of `METRICS`, in that order; NaN in a resample without events or without non-events."""
    values = np.stack(
        [
            *discrimination(risk, event, weights),
            brier(risk, event, weights),
            *calibration(risk, event, weights),
            observed_expected(risk, event, weights),
            net_benefit(risk, event, weights, threshold),
            net_benefit_treat_all(event, weights, threshold),
        ]
    )
    share = weights @ event / weights.sum(axis=1)
    return np.where((share > 0) & (share < 1), values, np.nan)


def _newton(
    logit: Risk, event: Event, weights: Weights, start: Float[np.ndarray, "resamples 2"], *, slope: bool
) -> Float[np.ndarray, "resamples 2"]:
    """Most likely intercept and slope, one pair a resample; the slope stays at `start` unless `slope`.

    Warm starts make three or four steps enough. A step moves no log odds by more than `LEAP`, so that a poor
    start cannot overshoot into the flat tails; what has not settled after `STEPS` is NaN.
    """
    found = start.copy()
    basis = np.stack([np.ones_like(logit), logit, logit**2], axis=1)
    wanted = weights @ (event[:, None] * basis[:, :2])
    active, farthest = np.arange(len(weights)), np.abs(logit).max()
    for _ in range(STEPS):
        at, drawn = found[active], weights[active]
        expected = 1 / (1 + np.exp(-(at[:, :1] + at[:, 1:] * logit)))
        gradient = wanted[active] - (drawn * expected) @ basis[:, :2]
        curve = (drawn * expected * (1 - expected)) @ basis
        with np.errstate(invalid="ignore", divide="ignore"):
            if slope:
                determinant = curve[:, 0] * curve[:, 2] - curve[:, 1] ** 2
                determinant[determinant <= 1e-12 * curve[:, 0] * curve[:, 2]] = np.nan    # one risk for all
                step = np.stack(
                    [
                        curve[:, 2] * gradient[:, 0] - curve[:, 1] * gradient[:, 1],
                        curve[:, 0] * gradient[:, 1] - curve[:, 1] * gradient[:, 0],
                    ],
                    axis=1,
                ) / determinant[:, None]
            else:
                step = np.stack([gradient[:, 0] / curve[:, 0], np.zeros(len(at))], axis=1)
            leap = np.abs(step[:, 0]) + np.abs(step[:, 1]) * farthest
            found[active] = at + step * np.minimum(1, LEAP / leap)[:, None]
        active = active[~(np.abs(step).max(axis=1) < TOLERANCE * (1 + np.abs(at).max(axis=1)))]
        active = active[np.isfinite(found[active]).all(axis=1)]
        if not len(active):
            break
    found[active] = np.nan
    return found
