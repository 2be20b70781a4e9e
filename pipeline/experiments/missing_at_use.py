"""What a model loses when something that it learned with is not measured where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.evaluation import discrimination, resample
from pipeline.models import Builder, Matrix, refit, split

INTERVAL = (0.025, 0.975)


def missing_at_use(
    matrix: Matrix,
    builders: Mapping[str, Builder],
    feature_set: str,
    *,
    variables: Sequence[str],
    folds: int,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """AUROC of out-of-fold risks with everything and without `variables`, and the paired fall between them."""
    frame = matrix.frame[matrix.sets[feature_set].columns]
    holed = frame.assign(**dict.fromkeys(variables, np.nan))
    fold = split(matrix.event, matrix.groups, folds=folds, seed=seed)
    counts = np.vstack([np.ones(len(fold)), resample(matrix.groups, draws=resamples, seed=seed)]) * matrix.weight
    rows = []
    for name, builder in builders.items():
        whole, less = np.empty(len(fold)), np.empty(len(fold))
        for number in range(folds):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            model = refit(matrix, None, builder, feature_set, seed=seed, train_draws=1, people=train)
            for table, risk in ((frame, whole), (holed, less)):
                risk[test] = model.predict_proba(table[model.feature_names_in_].iloc[test])[:, 1]
        areas = np.stack([discrimination(risk, matrix.event, counts)[0] for risk in (whole, less)])
        fall = areas[0] - areas[1]
        low, high = np.quantile(fall[1:], INTERVAL)
        rows.append((name, areas[0, 0], areas[1, 0], fall[0], low, high))
    return pd.DataFrame(rows, columns=["model", "auroc", "auroc_without", "fall", "fall_low", "fall_high"])
