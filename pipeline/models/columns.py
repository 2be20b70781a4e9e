"""Columns of a table as numbers on one scale: the steps that linear and neural models share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MISSING = "missing"   # level that an unknown category becomes; an indicator of its own


def standardised(numbers: Sequence[str], categories: Mapping[str, Sequence[str]]) -> list[tuple[str, Any]]:
    """The steps `columns` and `scale` of a pipeline.

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
