"""What was not measured, of whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.evaluation.bootstrap import arrange


def missing_values(predictions: pd.DataFrame, baseline: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    """For each predictor how many people lack it, in all and by whether they had the event.

    `baseline` has person_id as index. A predictor that the cohort does not have is missing in everybody. Who was
    lost before it was known whether the event came is counted in all and with neither.
    """
    persons, event, weight, _ = arrange(predictions)
    table = baseline.reindex(index=persons, columns=list(predictors)).isna().to_numpy()
    sides = {"": np.ones(len(persons), dtype=bool), "_events": event == 1, "_others": (event == 0) & (weight > 0)}
    counts = {f"people{side}": int(members.sum()) for side, members in sides.items()}
    found = {f"missing{side}": table[members].sum(axis=0) for side, members in sides.items()}
    return pd.DataFrame({"predictor": pd.array(list(predictors), dtype="str"), **found}).assign(**counts)
