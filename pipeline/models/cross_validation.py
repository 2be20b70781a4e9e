"""Risks of people by models that never saw them: grouped, stratified, repeated cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from pipeline.models.matrix import FeatureSet, Matrix
from pipeline.runs import RunError

Builder = Callable[[int, Sequence[str], Mapping[str, Sequence[str]]], Any]

INTERVAL = (0.025, 0.975)
ROWS = 100_000   # of draws put through a model at once; bounds memory, not the result


def split(
    event: Int[np.ndarray, " people"], groups: np.ndarray, *, folds: int, seed: int
) -> Int[np.ndarray, " people"]:
    """The test fold of each person: groups stay whole, folds have like shares of events.

    Raises `RunError` when events, or people without one, are in fewer groups than there are folds.
    """
    for value, who in ((1, "with the event"), (0, "without the event")):
        found = len(set(groups[event == value]))
        if found < folds:
            raise RunError(
                f"{int((event == value).sum())} people {who} in {found} groups are too few for {folds} "
                "folds: lower folds under [models], or widen the cohort"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(event), dtype=np.int64)
    for number, (_, test) in enumerate(splitter.split(np.zeros((len(event), 1)), event, groups)):
        fold[test] = number
    for number in range(folds):
        if len(set(event[fold != number])) < 2 or not (fold == number).any():
            raise RunError(f"the groups are too large for {folds} folds: lower folds under [models]")
    return fold


def out_of_fold(
    matrix: Matrix,
    draws: Float[np.ndarray, "people draws features"] | None,
    builders: Mapping[str, Builder],
    *,
    folds: int,
    repeats: int,
    seed: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """The risk of each person by models fitted without their fold: a row a model, set, repeat, person.

    In repeat 0, sets with twin features also get the 95 % range of the risk over the person's draws. It is
    missing for a person with a failed twin: no draws, or a feature that others have and all of theirs lack.
    The values do not depend on `jobs`.
    """
    fold_of = [split(matrix.event, matrix.groups, folds=folds, seed=seed + r) for r in range(repeats)]
    tasks = list(product(builders, matrix.sets, range(repeats)))
    with parallel_config(backend="loky", inner_max_num_threads=1):
        results = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator")(
            delayed(_predict)(
                builders[model],
                matrix.frame[matrix.sets[name].columns],
                matrix.event,
                fold_of[repeat],
                matrix.sets[name],
                draws if repeat == 0 and matrix.sets[name].mechanistic else None,
                seed,
            )
            for model, name, repeat in tasks
        )
        shown = tqdm(results, total=len(tasks), desc="train", disable=None if progress else True)
        tables = [
            pd.DataFrame(
                {
                    "person_id": matrix.frame.index.to_numpy(),
                    "model": model,
                    "feature_set": name,
                    "repeat": repeat,
                    "fold": fold_of[repeat],
                    "event": matrix.event,
                    "risk": risk,
                    "risk_low": low,
                    "risk_high": high,
                }
            )
            for (model, name, repeat), (risk, low, high) in zip(tasks, shown, strict=True)
        ]
    table = pd.concat(tables, ignore_index=True)
    return table.astype({"person_id": "str", "model": "str", "feature_set": "str"})


def fit(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    columns: FeatureSet,
    *,
    seed: int,
) -> Any:
    """A model fitted to these people; its `feature_names_in_` are the columns it uses.

    A column that none of them has teaches nothing and is left out.
    """
    known = [name for name in columns.columns if frame[name].notna().any()]
    if not known:
        raise RunError("no column of a feature set has a value for anyone: see the quality report")
    numbers = [name for name in columns.numbers if name in known]
    categories = {name: levels for name, levels in columns.categories.items() if name in known}
    return builder(seed, numbers, categories).fit(frame[known], event)


def refit(matrix: Matrix, builder: Builder, name: str, *, seed: int) -> Any:
    """The model of one feature set fitted to everybody, for use outside the cohort."""
    return fit(builder, matrix.frame, matrix.event, matrix.sets[name], seed=seed)


def _predict(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    fold: Int[np.ndarray, " people"],
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    seed: int,
) -> tuple[Float[np.ndarray, " people"], Float[np.ndarray, " people"], Float[np.ndarray, " people"]]:
    risk, low, high = (np.full(len(event), np.nan) for _ in range(3))
    for number in np.unique(fold):
        test = np.flatnonzero(fold == number)
        estimator = fit(builder, frame.iloc[fold != number], event[fold != number], columns, seed=seed)
        risk[test] = estimator.predict_proba(frame[estimator.feature_names_in_].iloc[test])[:, 1]
        if draws is not None:
            low[test], high[test] = _range(estimator, frame, columns, draws, test)
    if draws is not None:
        lacks = np.isnan(draws).all(axis=1)
        failed = (lacks & ~lacks.all(axis=0)).any(axis=1) | lacks.all(axis=1)
        low[failed] = high[failed] = np.nan
    return risk, low, high


def _range(
    estimator: Any,
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"],
    test: Int[np.ndarray, " some"],
) -> Float[np.ndarray, "2 some"]:
    """The 2.5 % and 97.5 % quantiles of each test person's risk over the draws of their twins."""
    count = draws.shape[1]
    ranges = []
    for start in range(0, len(test), max(1, ROWS // count)):
        some = test[start : start + max(1, ROWS // count)]
        rows = frame.iloc[np.repeat(some, count)].reset_index(drop=True)
        rows[list(columns.mechanistic)] = draws[some].reshape(len(rows), -1)
        risk = estimator.predict_proba(rows[estimator.feature_names_in_])[:, 1].reshape(len(some), count)
        ranges.append(np.quantile(risk, INTERVAL, axis=1))
    return np.concatenate(ranges, axis=1)
