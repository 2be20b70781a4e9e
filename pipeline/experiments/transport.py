"""Whether a model that has learned from one cohort is right in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation import calibration, discrimination, resample
from pipeline.models import Builder, FeatureSet, Matrix, out_of_fold, refit
from pipeline.runs import RunError

INTERVAL = (0.025, 0.975)


def transport(
    source: Matrix,
    target: Matrix,
    builders: Mapping[str, Builder],
    feature_set: str,
    *,
    folds: int,
    resamples: int,
    seed: int,
    jobs: int = 2,
) -> pd.DataFrame:
    """AUROC, calibration slope and expected over observed events in `target` of models that saw `source` alone.

    Both take the columns that both cohorts have. `at_home` is the out-of-fold AUROC of the same model learned in
    `target`, `fall` what is lost against it, paired. Raises `RunError` if the cohorts share no column.
    """
    shared = _shared(source, target, feature_set)
    there, here = (m._replace(sets={feature_set: shared}, frame=m.frame[shared.columns]) for m in (source, target))
    home = out_of_fold(here, None, builders, folds=folds, repeats=1, seed=seed, train_draws=1, jobs=jobs)
    people = np.ones(len(here.event))
    counts = np.vstack([people, resample(here.groups, draws=resamples, seed=seed)]) * here.weight
    rows = []
    for name, builder in builders.items():
        model = refit(there, None, builder, feature_set, seed=seed, train_draws=1)
        risk = model.predict_proba(here.frame[model.feature_names_in_])[:, 1]
        own = home.loc[home["model"] == name, "risk"].to_numpy()
        areas = [discrimination(r, here.event, counts)[0] for r in (risk, own)]
        found = {
            "auroc": areas[0],
            "slope": calibration(risk, here.event, counts)[0],
            "expected_observed": (counts @ risk) / (counts @ here.event),
            "at_home": areas[1],
            "fall": areas[1] - areas[0],
        }
        numbers = {"columns": len(shared.columns), "learned_from": len(there.event), "tested_on": len(here.event)}
        row: dict[str, Any] = {"model": name, **numbers}
        for key, values in found.items():
            low, high = np.nanquantile(values[1:], INTERVAL)
            row |= {key: values[0], f"{key}_low": low, f"{key}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _shared(source: Matrix, target: Matrix, feature_set: str) -> FeatureSet:
    """The columns that both cohorts have, and have values of."""
    ours, theirs = source.sets[feature_set], target.sets[feature_set]

    def measured(name: str) -> bool:
        return bool(source.frame[name].notna().any() and target.frame[name].notna().any())

    numbers = tuple(n for n in ours.numbers if n in theirs.numbers and measured(n))
    levels = {n: v for n, v in ours.categories.items() if n in theirs.categories and measured(n)}
    if not numbers and not levels:
        raise RunError("transport: the two cohorts have no predictor in common")
    return FeatureSet(numbers, levels, ())
