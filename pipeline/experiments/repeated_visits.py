"""What earlier visits add to a risk, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.evaluation import judge
from pipeline.fitting import QUANTITIES, usual
from pipeline.models import Builder, Matrix, out_of_fold
from pipeline.runs import RunError

REFERENCE = "routine"           # name of the feature set that `judge` compares the others with
FORMS = {REFERENCE: "last visit", "raw": "raw columns", "mean": "mean", "usual": "usual value"}
TOLD = {"auroc": "auroc", "calibration_slope": "slope"}


def repeated_visits(
    matrix: Matrix,
    people: pd.DataFrame,
    observations: pd.DataFrame,
    builders: Mapping[str, Builder],
    feature_set: str,
    *,
    earlier: int,
    folds: int,
    repeats: int,
    threshold: float,
    resamples: int,
    seed: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """AUROC and calibration slope with the history of each person in four forms, and their paired gain on the first.

    "last visit" is the matrix as it is. "raw columns" adds the `earlier` readings before that of each number.
    "mean" has the mean of all these, and "usual value" the personalised twin's value and spread from every reading, in
    place of the last reading of what a twin knows. Folds and resamples of people are those of every form. Raises
    `RunError` if nobody has an earlier reading.
    """
    settings: dict[str, Any] = {"folds": folds, "repeats": repeats, "seed": seed, "jobs": jobs, "progress": progress}
    tables = [
        out_of_fold(form, None, builders, **settings, train_draws=1).assign(feature_set=name)
        for name, form in forms(matrix, people, observations, feature_set, earlier).items()
    ]
    groups = pd.Series(matrix.groups, matrix.frame.index)
    judged = judge(pd.concat(tables), groups, threshold=threshold, resamples=resamples, seed=seed)
    gains = judged.differences[judged.differences["reference"] == REFERENCE]
    keys = ["model", "feature_set"]
    found = pd.MultiIndex.from_product([builders, FORMS], names=keys).to_frame(index=False)
    for metric, short in TOLD.items():
        for table, value, name in ((judged.metrics, "value", short), (gains, "difference", f"{short}_gain")):
            rows = table.loc[table["metric"] == metric, [*keys, value, "low", "high"]]
            columns = {value: name, "low": f"{name}_low", "high": f"{name}_high"}
            found = found.merge(rows.rename(columns=columns), on=keys, how="left", validate="one_to_one")
    return found.rename(columns={"feature_set": "history"}).replace({"history": FORMS})


def forms(
    matrix: Matrix, people: pd.DataFrame, observations: pd.DataFrame, feature_set: str, earlier: int
) -> dict[str, Matrix]:
    """The matrix with each person's history in each of `FORMS`, its columns under the name of one feature set."""
    columns, persons = matrix.sets[feature_set], matrix.frame.index
    known = observations[observations["variable"].isin(columns.numbers) & (observations["time_d"] <= 0)]
    daily = known.dropna(subset="value").groupby(["person_id", "variable", "time_d"])["value"].mean().reset_index()
    daily["ago"] = daily.groupby(["person_id", "variable"]).cumcount(ascending=False)       # 0: the last reading
    daily = daily[daily["person_id"].isin(persons) & (daily["ago"] <= earlier)]
    before = daily[daily["ago"] > 0]
    if before.empty:
        raise RunError(
            "repeated visits: no predictor was read before the last visit: take a cohort with a history before "
            "time zero, such as exam = 3 of framingham"
        )
    raw = before.pivot(index="person_id", columns=["variable", "ago"], values="value").reindex(persons)
    raw.columns = [f"{variable}_{ago}_before" for variable, ago in raw.columns]
    twins = [q.name for q in QUANTITIES if q.name in columns.numbers]
    mean = daily.groupby(["person_id", "variable"])["value"].mean().unstack().reindex(persons)
    value, spread = (table.loc[persons, twins] for table in usual(people, observations))
    frames = {
        REFERENCE: matrix.frame,
        "raw": matrix.frame.join(raw),
        "mean": matrix.frame.assign(**mean[[name for name in twins if name in mean]]),
        "usual": matrix.frame.assign(**value).join(spread.add_suffix("_sd")),
    }
    return {
        name: matrix._replace(
            frame=frame,
            sets={feature_set: columns._replace(numbers=(*columns.numbers, *frame.columns.drop(matrix.frame.columns)))},
        )
        for name, frame in frames.items()
    }
