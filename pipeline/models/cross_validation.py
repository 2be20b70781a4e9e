"""Risks of people by models that never saw them: grouped, stratified, repeated cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from joblib import delayed
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.models.matrix import FeatureSet, FollowUp, Matrix
from pipeline.models.processes import spread_out
from pipeline.runs import RunError

Builder = Callable[[int, Sequence[str], Mapping[str, Sequence[str]], int], Any]

INTERVAL = (0.025, 0.975)
ROUTINE_ONLY = frozenset({"hybrid"})      # models that make their own mechanistic features
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


def pairs(models: Iterable[str], sets: Mapping[str, FeatureSet]) -> list[tuple[str, str]]:
    """Every model with every feature set that it takes."""
    return [(m, s) for m, s in product(models, sets) if not (m in ROUTINE_ONLY and sets[s].mechanistic)]


def out_of_fold(
    matrix: Matrix,
    draws: Float[np.ndarray, "people draws features"] | None,
    builders: Mapping[str, Builder],
    *,
    folds: int,
    repeats: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """The risk of each person by models fitted without their fold: a row a model, set, repeat, person.

    Sets with twin features learn from `train_draws` draws a person, each a row with its share of the person's
    weight, as multiple imputation does: a model that has only seen means would take a draw's deviation for a
    difference between people, and give ranges far too wide. The risk is the mean over all draws, the range
    their 95 %. The range is missing for a person with a failed twin: no draws, or a feature that others have
    and all of theirs lack. The values do not depend on `jobs`.
    """
    fold_of = [split(matrix.event, matrix.groups, folds=folds, seed=seed + r) for r in range(repeats)]
    tasks = [(*pair, repeat) for pair in pairs(builders, matrix.sets) for repeat in range(repeats)]
    calls = (
        delayed(_predict)(
            builders[model],
            matrix.frame[matrix.sets[name].columns],
            matrix.event,
            fold_of[repeat],
            matrix.sets[name],
            draws if matrix.sets[name].mechanistic else None,
            train_draws,
            seed,
            matrix.follow,
            matrix.later,
        )
        for model, name, repeat in tasks
    )
    results = spread_out(calls, jobs=jobs, label="train", progress=progress)
    tables = [
        pd.DataFrame(
            {
                "person_id": matrix.frame.index.to_numpy(),
                "model": model,
                "feature_set": name,
                "repeat": repeat,
                "fold": fold_of[repeat],
                "event": matrix.event,
                "weight": matrix.weight,
                "risk": risk,
                "risk_low": low,
                "risk_high": high,
            }
        )
        for (model, name, repeat), (risk, low, high) in zip(tasks, results, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.astype({"person_id": "str", "model": "str", "feature_set": "str"})


def fit(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " rows"],
    columns: FeatureSet,
    *,
    seed: int,
    rows_per_person: int = 1,
    weight: Float[np.ndarray, " rows"] | float = 1.0,
    later: pd.DataFrame | None = None,
) -> Any:
    """A model fitted to these rows; its `feature_names_in_` are the columns it uses.

    `weight` is of the person, whose rows share it. A column that nobody has teaches nothing and is left out. `later`
    holds the next visit of each row, of which a model learns if it can, and which it never needs for a prediction.
    """
    known = [name for name in columns.columns if frame[name].notna().any()]
    if not known:
        raise RunError("no column of a feature set has a value for anyone: see the quality report")
    numbers = [name for name in columns.numbers if name in known]
    categories = {name: levels for name, levels in columns.categories.items() if name in known}
    shared = np.broadcast_to(weight, len(event)) / rows_per_person
    model = builder(seed, numbers, categories, rows_per_person)
    learns = later is not None and getattr(model[-1], "learns_from_later", False)
    seen = {"risk__later": later} if learns else {}
    return model.fit(frame[known], event, risk__sample_weight=shared, **seen)


def refit(
    matrix: Matrix,
    draws: Float[np.ndarray, "people draws features"] | None,
    builder: Builder,
    name: str,
    *,
    seed: int,
    train_draws: int,
    people: Int[np.ndarray, " some"] | None = None,
) -> Any:
    """The model of one feature set fitted to everybody, or to some, for use on others."""
    columns = matrix.sets[name]
    some = np.arange(len(matrix.event)) if people is None else people
    return _fit_people(
        builder, matrix.frame, matrix.event, columns, draws, some, train_draws, seed, matrix.follow, matrix.later
    )


def _fit_people(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    train: Int[np.ndarray, " some"],
    train_draws: int,
    seed: int,
    follow: FollowUp | None,
    later: pd.DataFrame | None,
) -> Any:
    weight = np.ones(len(train))
    if follow is not None:       # whoever was lost before the horizon teaches nothing
        weight = follow.learning_weight(train)
        train, weight = train[weight > 0], weight[weight > 0]
    if draws is None or not columns.mechanistic:
        seen = None if later is None else later.iloc[train]
        rows = frame[columns.columns].iloc[train]
        return fit(builder, rows, event[train], columns, seed=seed, weight=weight, later=seen)
    # Each person gets other draws, so that all of them together have the distribution of all draws.
    count = draws.shape[1]
    taken = min(train_draws, count)
    which = (np.arange(len(draws))[:, None] + np.arange(taken)[None, :] * count // taken) % count
    few = np.take_along_axis(draws, which[:, :, None], axis=1)
    rows = _drawn(frame, columns, few, train)
    outcome, weight = np.repeat(event[train], few.shape[1]), np.repeat(weight, few.shape[1])
    return fit(builder, rows, outcome, columns, seed=seed, rows_per_person=few.shape[1], weight=weight)


def _drawn(
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"],
    some: Int[np.ndarray, " some"],
) -> pd.DataFrame:
    """A row for each draw of some people: their routine variables beside the drawn twin features."""
    rows = frame[columns.columns].iloc[np.repeat(some, draws.shape[1])].reset_index(drop=True)
    rows[list(columns.mechanistic)] = draws[some].reshape(len(rows), -1)
    return rows


def _predict(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    fold: Int[np.ndarray, " people"],
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    train_draws: int,
    seed: int,
    follow: FollowUp | None,
    later: pd.DataFrame | None,
) -> tuple[Float[np.ndarray, " people"], Float[np.ndarray, " people"], Float[np.ndarray, " people"]]:
    risk, low, high = (np.full(len(event), np.nan) for _ in range(3))
    for number in np.unique(fold):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        estimator = _fit_people(builder, frame, event, columns, draws, train, train_draws, seed, follow, later)
        if draws is None:
            risk[test] = estimator.predict_proba(frame[estimator.feature_names_in_].iloc[test])[:, 1]
            continue
        count = draws.shape[1]
        for some in np.array_split(test, 1 + len(test) * count // ROWS):
            rows = _drawn(frame, columns, draws, some)
            each = estimator.predict_proba(rows[estimator.feature_names_in_])[:, 1].reshape(len(some), count)
            risk[some] = each.mean(axis=1)
            low[some], high[some] = np.quantile(each, INTERVAL, axis=1)
    if draws is not None:
        lacks = np.isnan(draws).all(axis=1)
        failed = (lacks & ~lacks.all(axis=0)).any(axis=1) | lacks.all(axis=1)
        low[failed] = high[failed] = np.nan
    return risk, low, high
