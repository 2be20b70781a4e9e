"""Ridge logistic regressions as what they are, sums over columns: many of them on the same rows in one product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline


class Sums:
    """Fitted pipelines of `standardised` columns and a logistic regression, all of the same columns.

    Each adds up a weight for a number, one for its absence and one for each level; scikit-learn takes 20 ms to say so
    of few rows, which a page that answers at once cannot spend on every member of an ensemble.
    """

    def __init__(self, pipelines: Sequence[Pipeline]) -> None:
        self.numbers, self.levels = _parts(pipelines[0])
        terms = [_weights(pipeline) for pipeline in pipelines]
        self.value, self.absent, self.level, self.constant = (np.array(part).T for part in zip(*terms, strict=True))

    @classmethod
    def of(cls, estimators: Sequence[Any]) -> Self | None:
        """None where one of the estimators is another model, or of other columns."""
        ours = all(
            isinstance(e, Pipeline) and list(e.named_steps) == ["columns", "scale", "risk"]
            and type(e["risk"]) is LogisticRegression and e["risk"].coef_.shape[0] == 1
            for e in estimators
        )  # fmt: skip
        return cls(estimators) if ours and len({str(_parts(e)) for e in estimators}) == 1 else None

    def risks(self, rows: pd.DataFrame) -> Float[np.ndarray, "rows models"]:
        """The risk of each row by each model."""
        numbers = rows[self.numbers].to_numpy(dtype=float)
        absent = np.isnan(numbers)
        total = np.where(absent, 0.0, numbers) @ self.value + absent @ self.absent + self.constant
        if self.levels:
            total += np.hstack([_one_hot(rows[name], levels) for name, levels in self.levels.items()]) @ self.level
        return expit(total)


def _one_hot(column: pd.Series, levels: Sequence[str]) -> np.ndarray:
    """1 where the row has the level, of which the last is "missing"; all 0 for one never declared."""
    cells, absent = column.to_numpy(dtype=object), column.isna().to_numpy()
    return np.column_stack([*(~absent & (cells == level) for level in levels[:-1]), absent | (cells == levels[-1])])


def _parts(pipeline: Pipeline) -> tuple[list[str], dict[str, list[str]]]:
    """Numbers, and categories with their levels, that a fitted pipeline takes."""
    numbers: list[str] = []
    categories: dict[str, list[str]] = {}
    for kind, step, names in pipeline["columns"].transformers_:
        if kind == "numbers":
            numbers = list(names)
        elif kind == "categories":
            categories = {name: list(found) for name, found in zip(names, step[-1].categories_, strict=True)}
    return numbers, categories


def _weights(pipeline: Pipeline) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """What one model adds for a number, for its absence, for each level, and in any case."""
    scale, risk = pipeline["scale"], pipeline["risk"]
    weights = risk.coef_[0] / scale.scale_
    constant = float(risk.intercept_[0] - scale.mean_ @ weights)
    numbers, _ = _parts(pipeline)
    value, absent = np.zeros(len(numbers)), np.zeros(len(numbers))
    if numbers:
        fill = pipeline["columns"].named_transformers_["numbers"]
        told = ~np.isnan(fill.statistics_)        # a column without any value is left out by the imputer
        marked = fill.indicator_.features_
        value[told], weights = weights[: told.sum()], weights[told.sum() :]
        absent[told] = value[told] * fill.statistics_[told]
        absent[marked] += weights[: len(marked)]
        weights = weights[len(marked) :]
    return value, absent, weights, constant
