"""How well a later visit is foretold from the first ones, beside simpler ways to do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.impute import SimpleImputer
from sklearn.linear_model import BayesianRidge, RidgeCV
from sklearn.model_selection import GroupKFold, GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.cohorts import DAYS_A_YEAR
from pipeline.config import require
from pipeline.evaluation import resample
from pipeline.fitting import QUANTITIES, usual
from pipeline.runs import RunError

INTERVAL = (0.025, 0.975)
NORMAL_95, NORMAL_90 = 1.959964, 1.644854
PENALTIES = np.logspace(-1, 4, 21)      # that ridge chooses from, within the people it learns from
REFERENCE = "ridge"                     # what every other model is compared with


class Seen(NamedTuple):
    """What was seen of people at the visits used, and the reading to foretell."""

    own: Float[np.ndarray, "people visits"]           # readings of the variable itself
    numbers: Float[np.ndarray, "people columns"]      # every number of those visits, age and sex
    age_years: Float[np.ndarray, " people"]           # at the later visit
    male: Float[np.ndarray, " people"]
    expected: Float[np.ndarray, " people"]            # usual value at the later visit, as the personalised twin has it
    is_log: bool                                      # whether it spreads by shares of its value
    groups: np.ndarray
    value: Float[np.ndarray, " people"]               # at the later visit


Foretold = tuple[Float[np.ndarray, " people"], ...]       # value, and the limits of its 90 % interval if it has one
Model = Callable[[Seen, Int[np.ndarray, " some"]], Foretold]


def forecast(
    people: pd.DataFrame,
    observations: pd.DataFrame,
    *,
    variable: str,
    visits: int,
    target: int,
    sizes: Sequence[int],
    draws: int,
    folds: int,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Mean absolute error of `variable` at visit `target`, from all that was read at visits 1 to `visits`.

    Visits are those at which the variable was read. Everybody with `target` of them takes part, and is personalised
    for the day of that visit from the visits used alone; whoever never came to it is in no figure. Learned from "all":
    cross-validation with whole groups, intervals over people. Learned from a number of groups (people, where they are
    single): `draws` such samples, each tested on everybody else, intervals of the mean over samples.
    `difference` is the paired one to ridge, `coverage_90` the share of readings inside the 90 % intervals of a model
    that has them. Raises `ConfigError` if no twin knows the variable, `RunError` if too few
    have so many visits.
    """
    require([variable], [q.name for q in QUANTITIES], "[experiments] forecasts variable")
    fewest = max([folds, *(size + 1 for size in sizes)])
    seen = see(people, observations, variable=variable, visits=visits, target=target, fewest=fewest)
    models = {name: model for name, model in MODELS.items() if name != "mean" or visits > 1}
    tables = [_all(seen, models, folds, resamples, seed)]
    tables += [_some(seen, models, size, draws, seed) for size in sizes]
    of = {"variable": variable, "visits": visits, "target": target, "people": len(seen.value)}
    return pd.concat([pd.DataFrame(of | {"model": list(models)} | table) for table in tables], ignore_index=True)


def see(
    people: pd.DataFrame, observations: pd.DataFrame, *, variable: str, visits: int, target: int, fewest: int = 1
) -> Seen:
    """Everybody in whom `variable` was read at `target` visits, by the first `visits` of these alone.

    Left out is who cannot be personalised, because the search for the most likely values did not settle. Raises
    `RunError` if the others are in fewer than `fewest` groups.
    """
    known = observations[observations["value"].notna()]
    days = known.loc[known["variable"] == variable, ["person_id", "time_d"]].drop_duplicates()
    days["visit"] = days.sort_values("time_d").groupby("person_id").cumcount() + 1
    known = known.merge(days[days["visit"] <= target], on=["person_id", "time_d"])
    read = known[known["variable"] == variable].groupby(["person_id", "visit"])[["value", "time_d"]].mean().unstack()
    read = read.reindex(columns=pd.MultiIndex.from_product([["value", "time_d"], range(1, target + 1)])).dropna()
    who = people[people["person_id"].isin(read.index)].sort_values("person_id").reset_index(drop=True)
    read = read.loc[who["person_id"]]
    if (found := who["group_id"].nunique()) < fewest:
        raise RunError(
            f"forecast of {variable}: {found} people (or groups) had it read at {target} visits, and {fewest} are "
            "needed: take a cohort with repeated visits, or lower target, sizes or [models] folds"
        )

    when = read["time_d", target]
    used = known[(known["visit"] <= visits) & known["person_id"].isin(read.index)]
    history = used.assign(time_d=used["time_d"] - used["person_id"].map(when))
    who["age_years"] += when.to_numpy() / DAYS_A_YEAR
    who["expected"] = usual(who, history).mode[variable].to_numpy()
    who = who[who["expected"].notna()]
    read = read.loc[who["person_id"]]
    male = (who["sex"] == "male").to_numpy(dtype=float)
    wide = used.groupby(["person_id", "variable", "visit"])["value"].mean().unstack(["variable", "visit"])
    return Seen(
        read["value"].to_numpy()[:, :visits],
        np.column_stack([wide.reindex(who["person_id"]).to_numpy(), who["age_years"], male]),
        who["age_years"].to_numpy(),
        male,
        who["expected"].to_numpy(),
        next(q.is_log for q in QUANTITIES if q.name == variable),
        who["group_id"].to_numpy(dtype=str),
        read["value", target].to_numpy(),
    )


def _carry_forward(seen: Seen, train: Int[np.ndarray, " some"]) -> Foretold:
    """The last reading."""
    return (seen.own[:, -1],)


def _mean(seen: Seen, train: Int[np.ndarray, " some"]) -> Foretold:
    """The mean of the readings."""
    return (seen.own.mean(axis=1),)


def _ridge(seen: Seen, train: Int[np.ndarray, " some"]) -> Foretold:
    """Ridge on every number of the visits, its penalty chosen within the people it learns from."""
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    model = make_pipeline(impute, StandardScaler(), RidgeCV(PENALTIES))
    return (model.fit(seen.numbers[train], seen.value[train]).predict(seen.numbers),)


def _twin(seen: Seen, train: Int[np.ndarray, " some"]) -> Foretold:
    """What the personalised twin expects, without learning from anybody."""
    return (seen.expected,)


def _hybrid(seen: Seen, train: Int[np.ndarray, " some"]) -> Foretold:
    """The same with a correction for level, age and sex that shrinks to none where people are few.

    The level may bend in its upper quarter, and count more or less with age. Bayesian ridge (MacKay DJC, Neural
    Comput 1992;4:415-447) weighs the correction against what the people it learns from tell, and gives the interval.
    """
    to, back = (np.log, np.exp) if seen.is_log else (np.asarray, np.asarray)
    base = to(seen.expected)
    level, age = base - base[train].mean(), seen.age_years - seen.age_years[train].mean()
    bend = np.maximum(base - np.quantile(base[train], 0.75), 0.0)
    columns = np.stack([level, age, seen.male, bend, level * age], axis=1)
    model = make_pipeline(StandardScaler(), BayesianRidge()).fit(columns[train], (to(seen.value) - base)[train])
    correction, sd = model.predict(columns, return_std=True)
    return tuple(back(base + correction + z * sd) for z in (0.0, -NORMAL_90, NORMAL_90))


MODELS: dict[str, Model] = {
    "carry_forward": _carry_forward,
    "mean": _mean,
    "ridge": _ridge,
    "twin": _twin,
    "hybrid": _hybrid,
}


def _errors(
    seen: Seen, models: Mapping[str, Model], parts: Iterator[tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[Int[np.ndarray, " some"], Float[np.ndarray, "models some"], Float[np.ndarray, "models some"]]]:
    """For each split the people tested, the absolute error of each model, and whether its interval held the reading."""
    for train, test in parts:
        error, held = np.empty((len(models), len(test))), np.full((len(models), len(test)), np.nan)
        for row, model in enumerate(models.values()):
            value, *limits = (part[test] for part in model(seen, train))
            error[row] = np.abs(seen.value[test] - value)
            if limits:
                held[row] = (limits[0] <= seen.value[test]) & (seen.value[test] <= limits[1])
        yield test, error, held


def _all(seen: Seen, models: Mapping[str, Model], folds: int, resamples: int, seed: int) -> dict[str, object]:
    error, held = (np.empty((len(models), len(seen.value))) for _ in range(2))
    splitter = GroupKFold(folds, shuffle=True, random_state=seed)
    for test, *parts in _errors(seen, models, splitter.split(seen.numbers, groups=seen.groups)):
        error[:, test], held[:, test] = parts
    counts = np.vstack([np.ones(len(seen.value)), resample(seen.groups, draws=resamples, seed=seed)])
    mae = error @ counts.T / counts.sum(axis=1)
    gap = mae - mae[list(models).index(REFERENCE)]
    limits = [np.quantile(v[:, 1:], INTERVAL, axis=1) for v in (mae, gap)]
    return _columns("all", mae[:, 0], limits[0], held.mean(axis=1), gap[:, 0], limits[1])


def _some(seen: Seen, models: Mapping[str, Model], size: int, draws: int, seed: int) -> dict[str, object]:
    splitter = GroupShuffleSplit(draws, train_size=size, random_state=seed)
    found = _errors(seen, models, splitter.split(seen.numbers, groups=seen.groups))
    means = np.array([(error.mean(axis=1), held.mean(axis=1)) for _, error, held in found])
    mae, held = means[:, 0].T, means[:, 1].T
    gap = mae - mae[list(models).index(REFERENCE)]
    middle = [v.mean(axis=1) for v in (mae, gap)]
    reach = [NORMAL_95 * v.std(axis=1, ddof=1) / np.sqrt(draws) for v in (mae, gap)]
    limits = [np.stack([m - r, m + r]) for m, r in zip(middle, reach, strict=True)]
    return _columns(str(size), middle[0], limits[0], held.mean(axis=1), middle[1], limits[1])


def _columns(
    learned_from: str, mae: np.ndarray, limits: np.ndarray, held: np.ndarray, gap: np.ndarray, gap_limits: np.ndarray
) -> dict[str, object]:
    return {
        "learned_from": learned_from,
        "mae": mae,
        "mae_low": limits[0],
        "mae_high": limits[1],
        "coverage_90": held,
        "difference": gap,
        "difference_low": gap_limits[0],
        "difference_high": gap_limits[1],
    }
