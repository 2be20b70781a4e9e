"""Whether a model that has learned below a limit is right above it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.evaluation import discrimination, wilson
from pipeline.models import Builder, Matrix, refit
from pipeline.runs import RunError


def range_shift(
    matrix: Matrix, builders: Mapping[str, Builder], feature_set: str, *, variable: str, below: float, seed: int
) -> pd.DataFrame:
    """Mean risk and observed share of those with `variable` at `below` or more, by models that saw only the others.

    Raises `RunError` if one of the two sides has no event.
    """
    values = matrix.frame[variable].to_numpy(dtype=float)
    train, test = np.flatnonzero(values < below), np.flatnonzero(values >= below)
    if min(matrix.event[train].sum(), matrix.event[test].sum()) == 0:
        raise RunError(f"range shift: nobody has the event on one side of {variable} {below:g}")
    event, weight = matrix.event[test], matrix.weight[test]
    observed, equal = weight @ event / weight.sum(), weight.sum() ** 2 / (weight**2).sum()
    low, high = (float(side[0]) for side in wilson(np.array([observed * equal]), np.array([equal])))
    rows = []
    for name, builder in builders.items():
        model = refit(matrix, None, builder, feature_set, seed=seed, train_draws=1, people=train)
        risk = model.predict_proba(matrix.frame[model.feature_names_in_].iloc[test])[:, 1]
        auroc = float(discrimination(risk, event, weight[None])[0][0])
        rows.append((name, len(train), len(test), float(risk.mean()), float(observed), low, high, auroc))
    heads = ["model", "learned_from", "tested_on", "predicted", "observed", "observed_low", "observed_high", "auroc"]
    return pd.DataFrame(rows, columns=heads)
