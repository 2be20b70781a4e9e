"""Columns as classifiers take them: what is missing filled or left to the trees, categories as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

BINS = 255            # of a number, the most that boosted trees tell apart
MISSING = "missing"   # level that an unknown category becomes; an indicator of its own


def standardised(numbers: Sequence[str], categories: Mapping[str, Sequence[str]]) -> list[tuple[str, Any]]:
    """First steps of a pipeline that ends in a linear predictor.

    Numbers: median of the training fold where missing, plus an indicator. Categories: one column a level and
    one for missing; a level never declared is zero in all of them. All columns are then standardised.
    """
    steps = []
    if numbers:
        fill = SimpleImputer(strategy="median", add_indicator=True)
        steps.append(("numbers", fill, list(numbers)))
    if categories:
        one_hot = make_pipeline(
            SimpleImputer(strategy="constant", fill_value=MISSING),
            SimpleImputer(missing_values=None, strategy="constant", fill_value=MISSING),   # null in JSON
            OneHotEncoder(
                categories=[[*levels, MISSING] for levels in categories.values()],
                handle_unknown="ignore",
                sparse_output=False,
            ),
        )
        steps.append(("categories", one_hot, list(categories)))
    return [("columns", ColumnTransformer(steps, verbose_feature_names_out=False)), ("scale", StandardScaler())]


def round_medians(model: Any) -> Any:
    """The fitted model, in which what fills in for a missing number has three digits.

    A median is the value of one of the people, and a model that is saved and shared must hold none.
    """
    columns = getattr(model, "named_steps", {}).get("columns")
    for _, step, _ in columns.transformers_ if columns else ():
        if isinstance(step, SimpleImputer):
            step.statistics_ = np.array([float(f"{median:.3g}") for median in step.statistics_])
    return model


def sources(columns: ColumnTransformer) -> list[str]:
    """Which column each column that a fitted first step of `standardised` gives was made of."""
    found: list[str] = []
    for _, step, names in columns.transformers_:
        if isinstance(step, SimpleImputer):
            found += [*names, *(names[i] for i in step.indicator_.features_)]
        else:
            found += [name for name, levels in zip(names, step[-1].categories_, strict=True) for _ in levels]
    return found


class Binned(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Each number as its place among the quantiles of the training fold; what is missing stays missing.

    Trees that bin by themselves weigh every quantile anew where rows have weights: nine tenths of their time. Limits
    are rounded to four digits, so that a model holds no value of a person.
    """

    def fit(self, rows: Any, y: Any = None) -> Binned:
        """Find the limits of each column."""
        shares = np.linspace(0.0, 100.0, BINS + 1)[1:-1]
        self.limits_ = [_limits(column[~np.isnan(column)], shares) for column in np.asarray(rows, dtype=float).T]
        self.n_features_in_ = len(self.limits_)
        return self

    def transform(self, rows: Any) -> Float[np.ndarray, "rows columns"]:
        """The number of limits below each value."""
        columns = np.asarray(rows, dtype=float).T
        places = [np.searchsorted(limits, column) for limits, column in zip(self.limits_, columns, strict=True)]
        return np.where(np.isnan(columns), np.nan, places).T


def _limits(known: Float[np.ndarray, " known"], shares: Float[np.ndarray, " limits"]) -> Float[np.ndarray, " limits"]:
    found = np.percentile(known, shares, method="averaged_inverted_cdf") if known.size else known
    return np.unique([float(f"{limit:.4g}") for limit in found])


def coded(
    numbers: Sequence[str], categories: Mapping[str, Sequence[str]], number: Any = "passthrough"
) -> list[tuple[str, Any]]:
    """First step of a pipeline that ends in trees: numbers through `number`, levels by their place in the declaration.

    Missing values, and levels never declared, stay missing.
    """
    steps: list[tuple[str, Any, list[str]]] = []
    if numbers:
        steps.append(("numbers", number, list(numbers)))
    if categories:
        # Missing becomes text first, because the encoder cannot compare a column of NaN with its levels.
        ordinal = make_pipeline(
            SimpleImputer(strategy="constant", fill_value=MISSING),
            OrdinalEncoder(
                categories=[list(levels) for levels in categories.values()],
                handle_unknown="use_encoded_value",
                unknown_value=np.nan,
            ),
        )
        steps.append(("categories", ordinal, list(categories)))
    return [("columns", ColumnTransformer(steps, verbose_feature_names_out=False))]
