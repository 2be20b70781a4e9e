"""Ridge logistic regression on standardised columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MISSING = "missing"   # level that an unknown category becomes; an indicator of its own


def logistic(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """Ridge logistic regression (C = 1): the model every other one has to beat.

    Numbers: median of the training fold where missing, plus an indicator. Categories: one column a level and
    one for missing; a level never declared is zero in all of them. All columns are then standardised.
    `rows_per_person` changes nothing: the rows' weights already sum to one a person.
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
    return Pipeline(
        [
            ("columns", ColumnTransformer(steps, verbose_feature_names_out=False)),
            ("scale", StandardScaler()),
            ("risk", LogisticRegression(C=1.0, solver="newton-cholesky", random_state=seed)),
        ]
    )
