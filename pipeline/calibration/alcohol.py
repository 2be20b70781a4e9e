"""The alcohol twin of hours, fitted to the studies that it was trained on.

The estimation half of Podéus H et al., npj Digital Medicine 2024;7:112, doi 10.1038/s41746-024-01089-6: blood and
breath alcohol, acetate, gastric volume and PEth of 17 groups after drinks and meals; group means and inputs are in
`alcohol_studies.csv`, as the repository of the paper has them. The validation half is held back and predicted.

The search keeps the bounds of the paper. The sample does not: along lumped parameters a flat prior of ten decades
is a wasteland that no chain crosses. It runs in the quantities that the data see (emptying rate, absorbed share,
affinity of food, fast and slow part of PEth), each with one partner that they hardly see, and their flat priors span
what the published vectors that fit the data span, three times wider to both sides. Intervals of what is not
identified therefore say how far the published vectors reach, and profiles what the data alone allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.stats import chi2

from pipeline.calibration.problem import Coordinate, Effort, FitParameter, Predictions, Problem, Quantity, Theta
from pipeline.solving import Pace
from pipeline.twins.alcohol import Alcohol
from pipeline.twins.episode import simulate_episode
from pipeline.twins.events import Drink, Events, Meal, event_arrays

Role = Literal["estimation", "validation"]

TWIN = Alcohol(frozenset({"quasi_steady"}))
PACE, STEPS = Pace(0.5, 1.1, 1e4), 160
GROUPS = {"Javors_Low": (16, "PEth_L"), "Javors_High": (11, "PEth_H")}    # people, their PEth at the start
POOLED = "Javors_Combined"                                                # both groups together
FROM_BASELINE = ("breath_alcohol_g_210l", "gastric_volume_ml", "peth_ng_ml")      # compared as change from time 0
RANGE = (2.5, 97.5)                                                       # per cent of draws


def studies() -> pd.DataFrame:
    """The 193 points of the estimation and the 73 of the validation, each with the inputs of its experiment."""
    return pd.read_csv(str(files("pipeline.calibration").joinpath("alcohol_studies.csv")))


class Bench(NamedTuple):
    """All experiments of one role as arrays (lanes, ...), and where each point is read."""

    rows: pd.DataFrame
    person: dict[str, np.ndarray]
    events: dict[str, np.ndarray]
    start: np.ndarray            # (lanes,), place in `STARTS` of the PEth to start with
    times: np.ndarray            # (lanes, times), min; the last one is repeated to fill up
    observable: np.ndarray       # (points,), place in `OBSERVABLES`
    lane: np.ndarray             # (points, 2), lanes whose weighted mean a point is,
    weight: np.ndarray           # (points, 2), and their weights
    time: np.ndarray             # (points,)
    is_change: np.ndarray        # (points,)


OBSERVABLES = tuple(TWIN.observables)
STARTS = ("", *(start for _, start in GROUPS.values()))


@cache
def bench(role: Role) -> Bench:
    """The experiments and points of one role."""
    data = studies()
    rows = data[data["role"] == role].reset_index(drop=True)
    inputs = data.groupby("study", sort=False).first()
    doses = ["drink_start_min", "drink_minutes", "volume_l", "abv_percent", "kcal_per_l"]
    lanes: list[tuple[str, str, pd.Series]] = []     # study, group, inputs
    for study in rows["study"].unique():
        for group in GROUPS if study == POOLED else [study]:
            who = inputs.loc[study].copy()
            who[doses] = inputs.loc[group, doses]
            lanes.append((study, group, who))
    read = [sorted({0.0, *rows.loc[rows["study"] == study, "time_min"]}) for study, _, _ in lanes]
    width = max(len(times) for times in read)
    times = np.array([[*row, *[row[-1]] * (width - len(row))] for row in read])
    places = {study: [i for i, lane in enumerate(lanes) if lane[0] == study] for study in rows["study"]}
    pair = np.array([(places[study][0], places[study][-1]) for study in rows["study"]])
    low, high = (people for people, _ in GROUPS.values())
    share = np.where(rows["study"] == POOLED, low / (low + high), 1.0)
    return Bench(
        rows=rows,
        person={name: np.array([float(who[name]) for *_, who in lanes]) for name in TWIN.needs},
        events=event_arrays([_events(who) for *_, who in lanes]),
        start=np.array([STARTS.index(GROUPS[group][1] if group in GROUPS else "") for _, group, _ in lanes]),
        times=times,
        observable=np.array([OBSERVABLES.index(name) for name in rows["observable"]]),
        lane=pair,
        weight=np.stack([share, 1.0 - share], axis=1),
        time=np.array([read[i].index(t) for (i, _), t in zip(pair, rows["time_min"], strict=True)]),
        is_change=(rows["observable"].isin(FROM_BASELINE) & (rows["study"] != POOLED)).to_numpy(),
    )


def _events(who: pd.Series) -> Events:
    drink = Drink(
        start_min=who["drink_start_min"],
        minutes=who["drink_minutes"],
        volume_l=who["volume_l"],
        abv_percent=who["abv_percent"],
        kcal_per_l=who["kcal_per_l"],
    )
    meals = () if np.isnan(who["meal_kcal"]) else (Meal(start_min=0.0, kcal=who["meal_kcal"]),)
    return Events(drinks=(drink,), meals=meals)


def model(theta: Theta, role: Role) -> Any:
    """What the twin says at each point of one role; NaN where it cannot be solved."""
    at = bench(role)
    p = {name: theta[name] for name in TWIN.defaults()}
    peth = jnp.stack([jnp.zeros(()), *(jnp.asarray(theta[name]) for name in STARTS[1:])])[at.start]

    def one(person: Any, start: Any, events: Any, times: Any) -> Any:
        known = {**person, "peth_ng_ml": start}
        seen = simulate_episode(TWIN, known, p, events, times, method="batch", steps=STEPS, pace=PACE).values
        # At time 0 free PEth has not yet settled with what is bound.
        seen["peth_ng_ml"] = seen["peth_ng_ml"].at[0].set(start)
        return jnp.stack([seen[name] for name in OBSERVABLES])

    seen = jax.vmap(one)(at.person, peth, at.events, at.times)      # (lanes, observables, times)
    read = seen[at.lane, at.observable[:, None], at.time[:, None]]
    before = seen[at.lane[:, 0], at.observable, 0]
    return jnp.sum(at.weight * read, axis=1) - jnp.where(at.is_change, before, 0.0)


def whitened(theta: Theta, role: Role) -> Any:
    """Distances of one role, in the spreads of the source."""
    rows = bench(role).rows
    return (model(theta, role) - rows["mean"].to_numpy()) / rows["sem"].to_numpy()


def residuals(theta: Theta) -> Any:
    """The 193 points of the estimation, in the spreads of the source."""
    return whitened(theta, "estimation")
