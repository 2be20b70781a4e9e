"""A model whose risks are put right on average and in spread, as a model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from pipeline.models.classifier import RiskClassifier
from pipeline.models.columns import round_medians
from pipeline.models.cross_validation import Builder, split
from pipeline.models.knowledge import PriorLogistic
from pipeline.models.matrix import FollowUp

FOLDS = 5
FEWEST = 20            # events, for a level and a slope (assumed)
CERTAIN = 1e-6         # risks are kept this far from 0 and 1
SLOPE_SD = 1.0         # of the slope around 1: wide, but one that the data do not tell stays where it is (assumed)


class Recalibrated(RiskClassifier):
    """Another model, whose log odds get a level and a slope that are learned from people it has not seen.

    Both come from one logistic regression of the event on the out-of-fold log odds of the training people (Cox 1958,
    10.1093/biomet/45.3-4.562); then the model is fitted to all of them. Groups, and the rows of a person, stay in one
    fold. Where people were lost to follow-up the regression counts each by the inverse chance of being still followed,
    also for a model that learns from time itself. The order of people stays that of the model.
    """

    learns_in_groups = True

    def __init__(self, model: Any, seed: int = 0) -> None:
        self.model = model
        self.seed = seed

    @property
    def learns_from_time(self) -> bool:
        """Whether the model does."""
        return getattr(self.model[-1], "learns_from_time", False)

    @property
    def fewest_events(self) -> int:
        """As many as leave the model what it needs when a fold is taken away."""
        return max(FEWEST, -(-getattr(self.model[-1], "fewest_events", 0) * FOLDS // (FOLDS - 1)))

    def fit(
        self,
        X: pd.DataFrame,
        y: np.ndarray,
        sample_weight: Float[np.ndarray, " rows"] | None = None,
        *,
        groups: np.ndarray | None = None,
        follow: FollowUp | None = None,
    ) -> Recalibrated:
        """The model, and level and slope as `coef_`."""
        self.classes_, self.feature_names_in_ = np.array([0, 1]), np.array(X.columns, dtype=object)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        together = np.arange(len(X)) if groups is None else groups
        fold = split(y, together, folds=FOLDS, seed=self.seed)
        unseen = np.empty(len(X))
        for number in range(FOLDS):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            unseen[test] = _log_odds(self._fitted(X, y, weight, follow, train), X.iloc[test])
        judged = weight if follow is None else weight * follow.learning_weight(np.arange(len(X)))
        known = judged > 0
        line = PriorLogistic(slope_sd=SLOPE_SD).fit(unseen[known, None], y[known], judged[known])
        self.coef_ = line.coef_
        self.fitted_ = self._fitted(X, y, weight, follow, np.arange(len(X)))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event."""
        risk = expit(self.coef_[0] + self.coef_[1] * _log_odds(self.fitted_, X))
        return np.column_stack([1.0 - risk, risk])

    def _fitted(
        self, X: pd.DataFrame, y: np.ndarray, weight: np.ndarray, follow: FollowUp | None, some: np.ndarray
    ) -> Any:
        given: dict[str, Any] = {"risk__sample_weight": weight[some]}
        if follow is not None:
            given["risk__follow"] = follow.of(some)
        return round_medians(clone(self.model).fit(X.iloc[some], y[some], **given))


def _log_odds(model: Any, X: pd.DataFrame) -> np.ndarray:
    return logit(np.clip(model.predict_proba(X)[:, 1], CERTAIN, 1 - CERTAIN))


def recalibrated(
    builder: Builder,
    seed: int,
    numbers: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    rows_per_person: int = 1,
) -> Pipeline:
    """The model of `builder`, recalibrated; everything that it learns is learned again in each inner fold."""
    return Pipeline([("risk", Recalibrated(builder(seed, numbers, categories, rows_per_person), seed))])
