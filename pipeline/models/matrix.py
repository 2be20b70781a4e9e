"""Who is in a model, with which columns: routine variables, twin features, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.cohorts import DAYS_A_YEAR, censoring_weights
from pipeline.fitting import Population, Unknowns, learn_population, redraw
from pipeline.runs import RunError
from pipeline.schema import Variable


class FeatureSet(NamedTuple):
    """The columns of one feature set, in the order a model takes them."""

    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]     # levels by column
    mechanistic: tuple[str, ...]               # those of `numbers` that come from twins

    @property
    def columns(self) -> list[str]:
        """All columns."""
        return [*self.numbers, *self.categories]

    def describe(self) -> dict[str, Any]:
        """The set as plain JSON."""
        levels = {name: list(levels) for name, levels in self.categories.items()}
        return {"numbers": list(self.numbers), "categories": levels, "mechanistic": list(self.mechanistic)}


class FollowUp(NamedTuple):
    """What became of people who were followed; arrays over people."""

    time_d: Float[np.ndarray, " people"]
    status: np.ndarray                         # what ended `time_d`: "event", "competing" or "censored"
    weight: Float[np.ndarray, " people"]       # how much each counts when a risk is judged
    horizon_d: float

    def of(self, some: Int[np.ndarray, " some"]) -> Self:
        """The same of some of the people, each as often as they stand there."""
        return self._replace(time_d=self.time_d[some], status=self.status[some], weight=self.weight[some])

    def learning_weight(self, train: Int[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
        """How much each of the people to learn from counts, by their own losses to follow-up alone."""
        return censoring_weights(self.time_d[train], self.status[train], self.horizon_d)


class TwinDraws(NamedTuple):
    """What the twins say of each person, draw by draw, and the unknowns that the draws are of."""

    features: Float[np.ndarray, "people draws features"]
    unknowns: Unknowns | None = None           # None: the population is that of the literature

    def learn(self, train: Int[np.ndarray, " train"]) -> Population | None:
        """The population that the people of `train` come from; None is that of the literature."""
        return None if self.unknowns is None else learn_population(self.unknowns, train)

    def under(self, population: Population | None, seed: int) -> Int[np.ndarray, "people draws"]:
        """Which draw of each person to take in each place, for people who come from the population."""
        if self.unknowns is None or population is None:
            people, draws, _ = self.features.shape
            return np.broadcast_to(np.arange(draws, dtype=np.int16), (people, draws))
        return redraw(self.unknowns, population, seed).astype(np.int16)

    def redrawn(self, train: Int[np.ndarray, " train"], seed: int) -> Int[np.ndarray, "people draws"]:
        """Which draw of each person to take in each place, for the population that the people of `train` come from."""
        return self.under(self.learn(train), seed)


def take(
    features: Float[np.ndarray, "people draws features"], which: Int[np.ndarray, "people draws"]
) -> Float[np.ndarray, "people draws features"]:
    """The features of the draws `which` of each person."""
    return np.take_along_axis(features, which[:, :, None].astype(np.int64), axis=1)


class Matrix(NamedTuple):
    """One row a person, ordered by person_id."""

    frame: pd.DataFrame                        # index person_id; the columns of every set
    event: Int[np.ndarray, " people"]
    groups: np.ndarray                         # kept together in cross-validation
    sets: dict[str, FeatureSet]
    absent: tuple[str, ...]                    # predictors that the cohort does not have; all missing
    follow: FollowUp | None = None             # None: the event is of the visit itself, and known of everybody
    later: pd.DataFrame | None = None          # the next visit of each, to learn from only; see `next_visit`

    @property
    def weight(self) -> Float[np.ndarray, " people"]:
        """How much each person counts when a risk is judged."""
        return np.ones(len(self.event)) if self.follow is None else self.follow.weight


def assemble(
    people: pd.DataFrame,
    outcomes: pd.DataFrame,
    baseline: pd.DataFrame,
    features: pd.DataFrame | None,
    *,
    predictors: Sequence[str],
    known: Mapping[str, Variable],
    names: Sequence[str],
    horizon_years: float | None = None,
    later: pd.DataFrame | None = None,
) -> Matrix:
    """Everybody with an outcome, and the columns of the feature sets `names`.

    `baseline` has person_id as index and one column a variable; `features` (column person_id) may be None
    when only "routine" is asked for; `later` is what `next_visit` found. Nothing is learned here: missing stays
    missing.
    """
    by_person = people.set_index("person_id")[["group_id"]].join(
        outcomes.set_index("person_id")[["event", "time_d", "status", "weight"]], how="inner", validate="one_to_one"
    )
    if by_person.empty:
        raise RunError("nobody in people.parquet has a row in outcomes.parquet: run the cohort stage again")
    by_person = by_person.sort_index()
    persons = by_person.index

    numbers = [name for name in predictors if known[name].kind == "number"]
    categories = {name: known[name].levels for name in predictors if known[name].kind == "category"}
    free = [name for name, levels in categories.items() if not levels]
    if free:
        raise RunError(
            f"predictor {free[0]} is free text, which a model could memorise: give its levels under "
            f"[variables.{free[0]}], or take it out of predictors"
        )
    routine = routine_rows(baseline.reindex(index=persons), numbers, categories)
    absent = tuple(name for name in predictors if name not in baseline.columns)

    mechanistic: list[str] = []
    frame = routine
    if set(names) != {"routine"}:
        if features is None or features.shape[1] < 2:
            raise RunError("no twin features to learn from: ask only for 'routine' under [models]")
        twins = features.set_index("person_id").astype(float).reindex(persons)
        mechanistic = list(twins.columns)
        shared = sorted(set(mechanistic) & set(predictors))
        if shared:
            raise RunError(f"features.parquet: column {shared[0]} is also a predictor; rename the feature")
        frame = pd.concat([routine, twins], axis=1)

    every = {
        "routine": FeatureSet(tuple(numbers), categories, ()),
        "mechanistic": FeatureSet(tuple(mechanistic), {}, tuple(mechanistic)),
        "both": FeatureSet((*numbers, *mechanistic), categories, tuple(mechanistic)),
    }
    follow = None
    if horizon_years is not None:
        time_d, status, weight = (by_person[name].to_numpy() for name in ("time_d", "status", "weight"))
        if early := np.flatnonzero(~(time_d > 0)).tolist():
            first = early[0]
            raise RunError(
                f"outcomes.parquet: person {persons[first]}: {status[first]} on day {time_d[first]:g}, so that what "
                f"is known at time zero may have been found after it: leave such people out, {len(early)} in all"
            )
        follow = FollowUp(time_d, status, weight, DAYS_A_YEAR * horizon_years)
    return Matrix(
        frame,
        by_person["event"].to_numpy(dtype=np.int64),
        by_person["group_id"].to_numpy(dtype=object),
        {name: every[name] for name in names},
        absent,
        follow,
        None if later is None else later.reindex(persons),
    )


def stack_draws(
    draws: pd.DataFrame, persons: pd.Index, columns: Sequence[str]
) -> Float[np.ndarray, "people draws features"]:
    """The draws of each person's twin features as one block; a person without draws is NaN throughout."""
    labels = np.sort(draws["draw"].unique())
    rows = persons.get_indexer(draws["person_id"])
    kept = rows >= 0
    block = np.full((len(persons), len(labels), len(columns)), np.nan)
    which = np.searchsorted(labels, draws["draw"])
    block[rows[kept], which[kept]] = draws[list(columns)].to_numpy(float)[kept]
    return block


def routine_rows(
    baseline: pd.DataFrame, numbers: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """The routine variables of each person as models take them; missing where the table has no such column."""
    rows = baseline.reindex(columns=[*numbers, *categories])
    return rows.astype(dict.fromkeys(numbers, float) | dict.fromkeys(categories, "str"))


def example(frame: pd.DataFrame, columns: FeatureSet) -> pd.DataFrame:
    """One made-up row to show what a model takes: medians and first levels, nobody's own row."""
    numbers = frame[list(columns.numbers)].median().fillna(0.0).round(2)
    row: dict[str, Any] = {name: [float(value)] for name, value in numbers.items()}
    row |= {name: [levels[0]] for name, levels in columns.categories.items()}
    return pd.DataFrame(row)[columns.columns]
