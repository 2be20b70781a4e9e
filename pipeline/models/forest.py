"""Random forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from pipeline.models.columns import coded


def forest(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """The mean of 200 deep trees (Breiman L, Mach Learn 2001;45:5-32), each of its own sample of people.

    Missing values, and levels never declared, go to the side of each split that separates better. Of a person with
    several rows each tree sees one on average, so that a leaf of 10 rows is one of 10 people.
    """
    trees = RandomForestClassifier(
        n_estimators=200,
        min_samples_leaf=10,
        max_samples=1.0 / rows_per_person,
        random_state=seed,
    )
    return Pipeline([*coded(numbers, categories), ("risk", trees)])
