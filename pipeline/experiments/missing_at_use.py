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
    """AUROC of out-of-fold risks with everything and without `variables`, and the paired fall between them.

    `auroc_relearned` is that of a model which never had them: a smaller fall than to there is not to be expected, as it
    is what the measurements themselves are worth.
    """
    frame = matrix.frame[matrix.sets[feature_set].columns]
    holed = frame.assign(**dict.fromkeys(variables, np.nan))
    fold = split(matrix.event, matrix.groups, folds=folds, seed=seed)
    counts = np.vstack([np.ones(len(fold)), resample(matrix.groups, draws=resamples, seed=seed)]) * matrix.weight
    never_had = matrix._replace(frame=matrix.frame.assign(**dict.fromkeys(variables, np.nan)))
    rows = []
    for name, builder in builders.items():
        risks = np.empty((3, len(fold)))
        for number in range(folds):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            learned, relearned = (
                refit(people, None, builder, feature_set, seed=seed, train_draws=1, people=train)
                for people in (matrix, never_had)
            )
            for risk, model, table in zip(risks, (learned, learned, relearned), (frame, holed, holed), strict=True):
                risk[test] = model.predict_proba(table[model.feature_names_in_].iloc[test])[:, 1]
        areas = np.stack([discrimination(risk, matrix.event, counts)[0] for risk in risks])
        fall = areas[0] - areas[1]
        low, high = np.quantile(fall[1:], INTERVAL)
        rows.append((name, areas[0, 0], areas[1, 0], fall[0], low, high, areas[2, 0]))
    heads = ["model", "auroc", "auroc_without", "fall", "fall_low", "fall_high", "auroc_relearned"]
    return pd.DataFrame(rows, columns=heads)
