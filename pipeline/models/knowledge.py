"""Knowledge as prior: a published risk function is where learning starts, and how far it may leave is learned.

With few people the published function stays as it is but for its level; with many it is corrected as the data ask.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.pipeline import Pipeline

from pipeline.models.classifier import RiskClassifier
from pipeline.models.published import FUNCTIONS, reader

STRENGTHS = np.array([0.01, 0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 1.0])     # spreads of corrections, per sd
HALF = 0.5                                                   # spread of an answer that half of all give
SEEN = (0.01, 0.99)                                          # of the training people: corrections end there
ITERATIONS, SETTLED = 50, 1e-9


class Known(BaseEstimator, TransformerMixin):
    """Rows of variables to the published log odds, its age bands, and all variables.

    Numbers are centred and of spread 1, answers as far apart as if half of all gave each. Missing numbers are expected
    from the others of the row (chained ridge regressions, learned in the training fold); a missing answer, or one never
    declared, is the share of the training fold. Beyond the values that were seen in training a variable corrects no
    further: there the published function alone goes on.
    """

    def __init__(self, function: str, numbers: Sequence[str], levels: Sequence[tuple[str, Sequence[str]]]) -> None:
        self.function = function
        self.numbers = numbers
        self.levels = levels

    def fit(self, X: pd.DataFrame, y: Any = None) -> Known:
        """Learn how to fill what is missing, and centres and spreads."""
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        answers = self._answers(X)
        self.shares_ = np.array([np.nanmean(a) if np.isfinite(a).any() else 0.0 for a in answers.T])
        self.imputer_ = IterativeImputer(max_iter=10, tol=1e-3, keep_empty_features=True, random_state=0)
        with warnings.catch_warnings():      # several visits of a variable settle slowly, and ten rounds fill them well
            warnings.simplefilter("ignore", ConvergenceWarning)
            filled = self.imputer_.fit_transform(self._joined(X, answers))
        self.centre_, spread = filled.mean(axis=0), filled.std(axis=0)
        spread[len(self.numbers) :] = HALF        # an answer that few give is not stretched
        self.spread_ = np.where(spread > 1e-9, spread, 1.0)
        self.seen_ = np.quantile(filled, SEEN, axis=0)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """An array (rows, 1 + bands + columns)."""
        joined = self.imputer_.transform(self._joined(X, self._answers(X)))
        whole = X.assign(**dict(zip(self.numbers, joined[:, : len(self.numbers)].T, strict=True)))
        known, column = FUNCTIONS[self.function], reader(whole)
        inside = (np.clip(joined, *self.seen_) - self.centre_) / self.spread_
        return np.column_stack([known.log_odds(column), known.levels(column), inside])

    def _answers(self, X: pd.DataFrame) -> np.ndarray:
        """A column of 0 and 1 a level but the first; NaN where there is no declared answer."""
        columns = [np.empty((len(X), 0))]
        for name, levels in self.levels:
            given = X[name].astype(object)
            known = given.isin(levels).to_numpy()
            columns += [np.where(known, given == level, np.nan).astype(float)[:, None] for level in levels[1:]]
        return np.concatenate(columns, axis=1)

    def _joined(self, X: pd.DataFrame, answers: np.ndarray) -> np.ndarray:
        filled = np.where(np.isnan(answers), self.shares_, answers)
        return np.column_stack([X[list(self.numbers)].to_numpy(dtype=float), filled])


class PriorLogistic(RiskClassifier):
    """Logistic regression around a published log odds, the first column.

    Log odds are a + b published + d band + c x: a is free, b normal around 1 with spread `slope_sd`, d, the level of
    each of the `bands` next columns, normal around 0 with spread `band_sd`, and c normal around 0 with a spread that
    is not known either: before seeing data it is half-normal with scale `usual_strength`. Coefficients are averaged
    over it, each strength with its marginal likelihood (Laplace) in the training people.
    """

    def __init__(
        self, usual_strength: float = 0.1, slope_sd: float = 0.15, bands: int = 0, band_sd: float = 1.0
    ) -> None:
        self.usual_strength = usual_strength
        self.slope_sd = slope_sd
        self.bands = bands
        self.band_sd = band_sd

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> PriorLogistic:
        """The coefficients, averaged over strengths."""
        self.classes_ = np.array([0, 1])
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        found = [self._at(np.asarray(X), np.asarray(y), weight, strength) for strength in STRENGTHS]
        evidence = np.array([evidence for _, evidence in found]) - 0.5 * (STRENGTHS / self.usual_strength) ** 2
        share = np.exp(evidence - evidence.max())
        share /= share.sum()
        self.strength_, self.coef_ = float(share @ STRENGTHS), share @ np.array([at for at, _ in found])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Chances of no event and of the event."""
        risk = expit(self.coef_[0] + np.asarray(X) @ self.coef_[1:])
        return np.column_stack([1.0 - risk, risk])

    def _at(
        self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, strength: float
    ) -> tuple[np.ndarray, float]:
        """Coefficients and log evidence for corrections of spread `strength`."""
        basis = np.column_stack([np.ones(len(X)), X])
        spreads = [self.slope_sd] + [self.band_sd] * self.bands + [strength] * (X.shape[1] - 1 - self.bands)
        precision = np.array([0.0, *(spread**-2 for spread in spreads)])
        middle = np.zeros(len(precision))
        middle[1] = 1.0
        at = middle.copy()
        share = np.clip(weight @ y / weight.sum(), 1e-3, 1 - 1e-3)
        at[0] = np.log(share / (1 - share)) - weight @ X[:, 0] / weight.sum()
        for _ in range(ITERATIONS):
            risk = expit(basis @ at)
            gradient = basis.T @ (weight * (risk - y)) + precision * (at - middle)
            curve = (basis.T * (weight * risk * (1 - risk))) @ basis + np.diag(precision)
            step = np.linalg.solve(curve + 1e-10 * np.eye(len(at)), gradient)
            at = at - step * min(1.0, 3.0 / (np.abs(step).max() + 1e-12))
            if np.abs(step).max() < SETTLED:
                break
        logit = basis @ at
        likelihood = weight @ (y * logit - np.logaddexp(0.0, logit))
        prior = 0.5 * np.sum(np.log(precision[1:])) - 0.5 * np.sum(precision * (at - middle) ** 2)
        return at, float(likelihood + prior - 0.5 * np.linalg.slogdet(curve)[1])


def knowledge(
    function: str,
    seed: int,
    numbers: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    rows_per_person: int = 1,
) -> Pipeline:
    """A published risk function as prior; where the columns lack what it needs, its own typical values stand there.

    Nothing here is drawn, and rows share their person's weight: `seed` and `rows_per_person` change nothing.
    """
    levels = tuple((name, tuple(levels)) for name, levels in categories.items())
    bands = FUNCTIONS[function].bands
    risk = PriorLogistic(bands=len(bands) + 1 if bands else 0)
    return Pipeline([("known", Known(function, tuple(numbers), levels)), ("risk", risk)])
