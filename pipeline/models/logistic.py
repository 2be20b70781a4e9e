"""Ridge logistic regression on standardised columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from pipeline.models.columns import standardised


def logistic(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """Ridge logistic regression (C = 1): the model every other one has to beat.

    `rows_per_person` changes nothing: the rows' weights already sum to one a person.
    """
    risk = LogisticRegression(C=1.0, solver="newton-cholesky", random_state=seed)
    return Pipeline([*standardised(numbers, categories), ("risk", risk)])
