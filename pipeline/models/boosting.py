"""Gradient-boosted trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from pipeline.models.columns import Binned, coded


def boosting(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """Shallow boosted trees: interactions and bends that a straight line cannot follow.

    Missing values, and levels never declared, go to the side of each split that lowers the loss. With fewer
    than 60 people no split has 30 on both sides, so everybody gets the average risk.
    """
    trees = HistGradientBoostingClassifier(
        learning_rate=0.04,
        max_leaf_nodes=8,
        min_samples_leaf=30 * rows_per_person,
        l2_regularization=5.0,
        max_iter=120,
        early_stopping=False,   # by default it would hold out rows of cohorts above 10 000 people
        categorical_features=[False] * len(numbers) + [True] * len(categories),
        random_state=seed,
    )
    return Pipeline([*coded(numbers, categories, Binned()), ("risk", trees)])
