"""Cox models of the event and of death before it, put together to the risk of the event within the horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from sklearn.pipeline import Pipeline

from pipeline.cohorts import CAUSES, DAYS_A_YEAR
from pipeline.models.classifier import RiskClassifier
from pipeline.models.columns import standardised
from pipeline.models.matrix import FollowUp
from pipeline.runs import RunError

ITERATIONS, SETTLED = 100, 1e-9
FARTHEST = 2.0      # that a row's log hazard moves in one step: farther off its curvature says little
STEEPEST = 50.0     # log hazard ratio to the average person; keeps an absurd value finite


class CauseSpecificCox(RiskClassifier):
    """A proportional hazard for each way in which follow-up ends, and the share that ends in the event.

    Learns from everybody up to the day they were lost, and from nothing after the horizon. Effects maximise the partial
    likelihood less `ridge` / 2 times the sum of their squares, tied days by Breslow: unlike Efron's, his form counts k
    rows of weight 1 / k as one row. The risk is the sum over days of the chance to be still there times the hazard of
    the event (Aalen and Johansen; Putter H et al., Stat Med 2007;26:2389-2430). Of the people there remain only the
    rises of the two hazards, in the order of the days and with no more of them than the year.
    """

    learns_from_time = True
    fewest_events = 20      # assumed: below, a coefficient a column is noise

    def __init__(self, ridge: float = 1.0) -> None:
        self.ridge = ridge

    def fit(
        self,
        X: Float[np.ndarray, "rows columns"],
        y: np.ndarray,
        sample_weight: Float[np.ndarray, " rows"] | None = None,
        *,
        follow: FollowUp,
    ) -> CauseSpecificCox:
        """Effects (causes, columns) and rises of the hazards at the average person (causes, days).

        Raises `RunError` if the effects do not settle.
        """
        self.classes_ = np.array([0, 1])
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        within = follow.time_d <= follow.horizon_d
        until = np.minimum(follow.time_d, follow.horizon_d)
        ends = [within & (follow.status == cause) for cause in CAUSES]
        days = np.unique(until[ends[0] | ends[1]])
        effects, rises = [], []
        for end in ends:
            effect = _effects(X, until, end, weight, self.ridge)
            at_risk = _at_risk(days, until, weight * np.exp(X @ effect))
            ended = np.bincount(np.searchsorted(days, until[end]), weight[end], minlength=len(days))
            effects.append(effect)
            rises.append(ended / at_risk)
        self.coef_, self.rises_, self.years_ = np.array(effects), np.array(rises), np.ceil(days / DAYS_A_YEAR)
        return self

    def predict_proba(self, X: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event within the horizon."""
        risk = self.cumulative_incidence(X, [np.inf])[:, 0]
        return np.column_stack([1.0 - risk, risk])

    def cumulative_incidence(
        self, X: Float[np.ndarray, "rows columns"], years: Sequence[float]
    ) -> Float[np.ndarray, "rows years"]:
        """Chance of the event within each of some rising numbers of whole years; at the horizon it stays."""
        ratio = np.exp(np.clip(np.asarray(X) @ self.coef_.T, -STEEPEST, STEEPEST))
        risk, still, courses = np.zeros(len(ratio)), np.ones(len(ratio)), []
        by_then = np.searchsorted(self.years_, np.ceil(years), side="right")
        for first, end in pairwise([0, *by_then]):
            for rise in self.rises_.T[first:end]:
                event, other = (ratio * rise).T
                both = event + other
                risk += still * event / np.maximum(both, 1.0)      # nobody can end more than once
                still *= np.maximum(1.0 - both, 0.0)
            courses.append(np.minimum(risk, 1.0))      # the sum may round up
        return np.column_stack(courses)


def _at_risk(
    days: Float[np.ndarray, " days"], until: Float[np.ndarray, " rows"], amount: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " days"]:
    """The amount of those still followed on each day."""
    order = np.argsort(-until, kind="stable")
    return np.cumsum(amount[order])[np.searchsorted(-until[order], -days, side="right") - 1]


def _effects(
    X: Float[np.ndarray, "rows columns"],
    until: Float[np.ndarray, " rows"],
    end: Bool[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
    ridge: float,
) -> Float[np.ndarray, " columns"]:
    """Log hazard ratios by Newton's method; zero where nobody ended so."""
    order = np.argsort(-until, kind="stable")
    X, until, end, weight = X[order], until[order], end[order], weight[order]
    last = np.searchsorted(-until, -until[end], side="right") - 1      # those still followed are all rows up to it
    own, of_end = X[end], weight[end]
    effect = np.zeros(X.shape[1])
    for _ in range(ITERATIONS):
        ratio = X @ effect
        share = weight * np.exp(ratio - ratio.max())
        total = np.cumsum(share)[last]
        mean = np.cumsum(share[:, None] * X, axis=0)[last] / total[:, None]
        gradient = of_end @ (mean - own) + ridge * effect
        hazard = np.cumsum(np.bincount(last, of_end / total, minlength=len(X))[::-1])[::-1]      # up to each row's day
        curve = (X.T * (share * hazard)) @ X - (mean.T * of_end) @ mean + ridge * np.eye(len(effect))
        step = np.linalg.solve(curve, gradient)
        effect = effect - step * min(1.0, FARTHEST / (np.abs(X @ step).max() + 1e-12))
        if np.abs(step).max() < SETTLED:
            return effect
    raise RunError("the effects of the Cox model do not settle: look for columns that are nearly the same, or absurd")


def cox(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """Cause-specific Cox models with a small ridge, on the columns of the logistic regression.

    Nothing here is drawn, and rows share their person's weight: `seed` and `rows_per_person` change nothing.
    """
    return Pipeline([*standardised(numbers, categories), ("risk", CauseSpecificCox())])
