"""Random forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from pipeline.models.columns import coded


class Forest(ClassifierMixin, BaseEstimator):
    """The mean of deep trees, each of its own sample of as many rows as the weights sum to, drawn by weight.

    Breiman L, Mach Learn 2001;45:5-32. A missing value goes to the side of each split that separates better. Unlike
    scikit-learn's forest, which it holds, it keeps no weights of the people.
    """

    def __init__(self, trees: int = 120, leaf: int = 10, random_state: int = 0) -> None:
        self.trees = trees
        self.leaf = leaf
        self.random_state = random_state

    def fit(
        self,
        X: Float[np.ndarray, "rows columns"],
        y: np.ndarray,
        sample_weight: Float[np.ndarray, " rows"] | None = None,
    ) -> Forest:
        """Grow the trees."""
        self.trees_ = RandomForestClassifier(
            self.trees, min_samples_leaf=self.leaf, max_samples=1.0, random_state=self.random_state
        )
        self.trees_.fit(X, y, sample_weight)
        self.classes_ = self.trees_.classes_
        del self.trees_._sample_weight      # serves only to tell whom a tree did not see
        return self

    def predict_proba(self, X: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event."""
        return self.trees_.predict_proba(X)

    def predict(self, X: Float[np.ndarray, "rows columns"]) -> np.ndarray:
        """Whether the event is more likely than not."""
        return self.trees_.predict(X)


def forest(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """A random forest of 120 trees with leaves of ten people or more.

    Rows share their person's weight, so that a tree's sample has a row a person on average, however many there are:
    `rows_per_person` changes nothing.
    """
    return Pipeline([*coded(numbers, categories), ("risk", Forest(random_state=seed))])
