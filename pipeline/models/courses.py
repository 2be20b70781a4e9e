"""Risks over the years, by models that know when the event came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from joblib import delayed
from sklearn.pipeline import Pipeline

from pipeline.cohorts import DAYS_A_YEAR
from pipeline.models.cross_validation import Builder, pairs, put_through, refit, split
from pipeline.models.matrix import FeatureSet, Matrix, TwinDraws, take
from pipeline.models.processes import spread_out
from pipeline.runs import RunError


def years_until(horizon_d: float) -> list[float]:
    """Every whole year before the horizon, and the horizon."""
    horizon = horizon_d / DAYS_A_YEAR
    return [*(float(year) for year in range(1, int(np.ceil(horizon - 1e-9)))), horizon]


def risk_courses(
    matrix: Matrix,
    draws: TwinDraws | None,
    builders: Mapping[str, Builder],
    *,
    folds: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """The risk of each person by the end of each year, from models fitted without their fold.

    Of the builders only those whose classifier has `cumulative_incidence`; the folds are those of the first repeat of
    `out_of_fold`. A row a model, feature set, person and year (`years_until`); the last is the risk within the horizon.
    """
    if matrix.follow is None:
        raise RunError("nobody was followed, so that no risk changes over the years")
    years = years_until(matrix.follow.horizon_d)
    fold = split(matrix.event, matrix.groups, folds=folds, seed=seed)
    timed = {name: builder for name, builder in builders.items() if _knows_time(builder)}
    tasks = [(*pair, number) for pair in pairs(timed, matrix.sets) for number in range(folds)]
    if not tasks:
        columns = {"person_id": "str", "model": "str", "feature_set": "str", "year": float, "risk": float}
        return pd.DataFrame(columns=list(columns)).astype(columns)
    calls = (
        delayed(_course)(matrix, draws, timed[model], name, fold, number, years, seed, train_draws)
        for model, name, number in tasks
    )
    found: dict[tuple[str, str], np.ndarray] = {}
    results = spread_out(calls, jobs=jobs, label="courses", progress=progress)
    for (model, name, number), course in zip(tasks, results, strict=True):
        found.setdefault((model, name), np.empty((len(fold), len(years))))[fold == number] = course
    persons = matrix.frame.index.to_numpy()
    tables = [
        pd.DataFrame(
            {
                "person_id": np.repeat(persons, len(years)),
                "model": model,
                "feature_set": name,
                "year": np.tile(years, len(persons)),
                "risk": course.ravel(),
            }
        )
        for (model, name), course in found.items()
    ]
    return pd.concat(tables, ignore_index=True).astype({"person_id": "str", "model": "str", "feature_set": "str"})


def _knows_time(builder: Builder) -> bool:
    model = builder(0, ("any",), {}, 1)
    return isinstance(model, Pipeline) and hasattr(model[-1], "cumulative_incidence")


def _course(
    matrix: Matrix, draws: TwinDraws | None, builder: Builder, name: str, fold: Int[np.ndarray, " people"],
    number: int, years: Sequence[float], seed: int, train_draws: int,
) -> Float[np.ndarray, "some years"]:  # fmt: skip
    columns: FeatureSet = matrix.sets[name]
    test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
    model = refit(matrix, draws, builder, name, seed=seed, train_draws=train_draws, people=train)
    block = None
    if draws is not None and columns.mechanistic:
        block = take(draws.features, draws.redrawn(train, seed))

    def course(rows: pd.DataFrame) -> Any:
        return model[-1].cumulative_incidence(model[:-1].transform(rows), years)

    return put_through(course, model.feature_names_in_, matrix.frame, columns, block, test).mean(axis=1)
