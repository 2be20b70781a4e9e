"""Hazards by period: in each, a logistic regression of the event, of death before it, and of neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from pipeline.cohorts import CAUSES, DAYS_A_YEAR
from pipeline.models.classifier import RiskClassifier
from pipeline.models.columns import standardised
from pipeline.models.matrix import FollowUp


class DiscreteHazard(RiskClassifier):
    """Multinomial logistic regression on a row for each person and period that they entered, all of equal length.

    A period has a level of its own, a column the same effect in all. Whoever was lost within a period counts there for
    the share of it that they were followed, as a constant hazard asks. The risk is the sum over periods of the chance
    to be still there times that of the event (Tutz G, Schmid M, Modeling Discrete Time-to-Event Data, Springer 2016).
    """

    learns_from_time = True
    fewest_events = 20      # assumed: below, a coefficient a column is noise

    def __init__(self, periods: int = 5, C: float = 1.0) -> None:
        self.periods = periods
        self.C = C

    def fit(
        self,
        X: Float[np.ndarray, "rows columns"],
        y: np.ndarray,
        sample_weight: Float[np.ndarray, " rows"] | None = None,
        *,
        follow: FollowUp,
    ) -> DiscreteHazard:
        """Effects on the chances of each period."""
        self.classes_ = np.array([0, 1])
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.horizon_years_ = follow.horizon_d / DAYS_A_YEAR
        edges = np.linspace(0.0, follow.horizon_d, self.periods + 1)
        ending = sum(number * (follow.status == cause) for number, cause in enumerate(CAUSES, start=1))
        rows, outcomes, weights = [], [], []
        for period, (start, end) in enumerate(pairwise(edges)):
            there = follow.time_d > start
            outcome = np.where(follow.time_d <= end, ending, 0)[there]
            followed = np.minimum((follow.time_d[there] - start) / (end - start), 1.0)
            rows.append(self._in_period(X[there], period))
            outcomes.append(outcome)
            weights.append(weight[there] * np.where(outcome > 0, 1.0, followed))
        self.of_period_ = LogisticRegression(C=self.C, solver="newton-cholesky")
        self.of_period_.fit(np.concatenate(rows), np.concatenate(outcomes), np.concatenate(weights))
        return self

    def predict_proba(self, X: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event within the horizon."""
        risk = np.minimum(self._course(X)[0][-1], 1.0)      # the sum may round up
        return np.column_stack([1.0 - risk, risk])

    def cumulative_incidence(
        self, X: Float[np.ndarray, "rows columns"], years: Sequence[float]
    ) -> Float[np.ndarray, "rows years"]:
        """Chance of the event within each number of years: hazards are constant within a period, none come after."""
        risk, still = self._course(X)
        courses = []
        for year in years:
            done = min(year / self.horizon_years_, 1.0) * self.periods
            period = min(int(done), self.periods - 1)
            stays = still[period + 1] / np.where(still[period] > 0, still[period], 1.0)
            part = (1.0 - stays ** (done - period)) / np.where(stays < 1, 1.0 - stays, 1.0)
            courses.append(np.minimum(risk[period] + (risk[period + 1] - risk[period]) * part, 1.0))
        return np.column_stack(courses)

    def _course(self, X: Float[np.ndarray, "rows columns"]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Risk, and chance to be still there, at the start and after each period."""
        risk, still = [np.zeros(len(X))], [np.ones(len(X))]
        for period in range(self.periods):
            chance = self.of_period_.predict_proba(self._in_period(np.asarray(X), period))
            risk.append(risk[-1] + still[-1] * chance[:, self.of_period_.classes_ == 1].sum(axis=1))
            still.append(still[-1] * chance[:, self.of_period_.classes_ == 0].sum(axis=1))
        return risk, still

    def _in_period(self, X: Float[np.ndarray, "rows columns"], period: int) -> np.ndarray:
        return np.column_stack([X, np.tile(np.eye(self.periods)[period], (len(X), 1))])


def hazard(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """Hazards of five periods with a small ridge, on the columns of the logistic regression.

    Nothing here is drawn, and rows share their person's weight: `seed` and `rows_per_person` change nothing.
    """
    return Pipeline([*standardised(numbers, categories), ("risk", DiscreteHazard())])
