"""The alcohol twin of hours, fitted to the studies that it was trained on.

The estimation half of Podéus H et al., npj Digital Medicine 2024;7:112, doi 10.1038/s41746-024-01089-6: blood and
breath alcohol, acetate, gastric volume and PEth of 17 groups after drinks and meals; group means and inputs are in
`alcohol_studies.csv`, as the repository of the paper has them. The validation half is held back and predicted.

The search keeps the bounds of the paper. Starts and sample do not: along lumped parameters a flat prior of ten
decades is a wasteland that no chain crosses. They run in ratios that the data see (of emptying, absorption, food's
affinity, fast and slow part of PEth; a factor of 20 or more wide), each with partners that they hardly see. Those span
what the published vectors that fit the data span, three times wider to both sides, but not beyond the bounds of the
search. Intervals of the sample for what is not identified therefore say how far the published vectors reach; what
the data alone allow is in the profiles.
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
from pipeline.twins import TWINS, Drink, EpisodeTwin, Events, Meal, event_arrays, simulate_episode

Role = Literal["estimation", "validation"]


def _twin() -> EpisodeTwin:
    twin = TWINS["alcohol"](frozenset({"quasi_steady"}))
    assert isinstance(twin, EpisodeTwin)
    return twin


TWIN = _twin()
PACE, STEPS = Pace(0.07, 1.1, 1e4), 144      # cost to 0.1, mostly to 0.03; steps enough for the whole box of the starts
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


def derived(theta: Theta) -> dict[str, Any]:
    """The quantities below."""
    fast = theta["kPEth_out"] + theta["kPEth_bind"] + theta["kPEth_release"]
    adh, cyp = theta["VmaxADH"], theta["VmaxCYP2E1"]
    return {
        "emptying_rate": theta["Vmax"] / theta["km"],
        "absorbed_share": theta["k3"] / (theta["k3"] + theta["k4"]),
        "food_affinity": theta["k_poolIn"] / theta["k_poolOut"],
        "peth_fast": theta["kPEth"] / fast,
        "peth_slow": theta["kPEth_release"] * theta["kPEth_out"] / fast,
        "capacity": adh + cyp,
        "elimination_50": 50.0 * (adh / (theta["KmADH"] + 50.0) + cyp / (theta["KmCYP2E1"] + 50.0)),
    }


QUANTITIES: Mapping[str, Quantity] = {
    "emptying_rate": Quantity("1/min", ("Vmax", "km"), "Vmax / km: emptying of a stomach without energy"),
    "absorbed_share": Quantity("1", ("k3", "k4"), "k3 / (k3 + k4): share of ethanol that reaches the blood volume"),
    "food_affinity": Quantity("1", ("k_poolIn", "k_poolOut"), "k_poolIn / k_poolOut: how strongly food holds ethanol"),
    "peth_fast": Quantity(
        "ng/mL per mg/dL", ("kPEth", "kPEth_bind", "kPEth_out"), "PEth formed at once, per blood alcohol"
    ),
    "peth_slow": Quantity("1/min", ("kPEth_release", "kPEth_out", "kPEth_bind"), "rate at which bound PEth is lost"),
    "capacity": Quantity("mg/dL/min", ("VmaxADH", "VmaxCYP2E1"), "highest elimination of the liver"),
    "elimination_50": Quantity(
        "mg/dL/min", ("VmaxADH", "VmaxCYP2E1", "KmADH", "KmCYP2E1"), "elimination at 50 mg/dL in blood"
    ),
}


def predict(vectors: Mapping[str, np.ndarray], costs: np.ndarray) -> Predictions:
    """The validation half by vectors whose estimation costs are `costs`; low and high span 95 % of them."""
    said = np.asarray(_everyone({name: np.asarray(v, dtype=float) for name, v in vectors.items()}))
    rows = bench("validation").rows
    off = ((said - rows["mean"].to_numpy()) / rows["sem"].to_numpy()) ** 2
    best, total = int(np.argmin(costs)), off.sum(axis=1)
    low, high = np.percentile(said, RANGE, axis=0)
    table = pd.DataFrame(
        {
            "study": rows["study"],
            "observable": rows["observable"],
            "time_min": rows["time_min"],
            "mean": rows["mean"],
            "spread": rows["sem"],
            "kind": "sem of the source",
            "model_best": said[best],
            "model_low": low,
            "model_high": high,
            "citation": rows["citation"],
        }
    )
    sets = pd.Series(off[best]).groupby([rows["study"], rows["observable"]], sort=False).sum()
    limit = float(chi2.ppf(0.95, len(rows)))
    summary = {
        "points": len(rows),
        "chi_square_limits": {"validation": limit},
        "best": {"validation": float(total[best])},
        "best_by_set": {f"{study} {observable}": float(v) for (study, observable), v in sets.items()},
        "median": float(np.median(total)),
        "share_below_limit": float(np.mean(total < limit)),
    }
    return Predictions(table, summary)


@jax.jit
def _everyone(vectors: dict[str, Any]) -> Any:
    return jax.lax.map(lambda theta: model(theta, "validation"), vectors, batch_size=32)


UNITS = {q.name: q.unit for q in TWIN.parameters} | dict.fromkeys(STARTS[1:], "ng/mL")
PUBLISHED = TWIN.defaults() | {"PEth_L": 12.0000083815656, "PEth_H": 197.199443078436}
BOUNDS = {"KmADH": (0.922, 9.22), "KmCYP2E1": (36.88, 46.1), "PEth_L": (12.0, 347.0), "PEth_H": (12.0, 347.0)}
WIDE = (1e-5, 1e5)      # of all others


def _coordinates() -> tuple[Coordinate, ...]:
    """What starts and sample run in; of single parameters in the ranges of the published accepted vectors, widened."""

    def spread(low: float, high: float, **powers: float) -> Coordinate:
        return Coordinate(powers, low / 3.0, 3.0 * high)

    alone = {
        "k_kcal": (99.6, 265.0),
        "k6": (0.0844, 0.583),
        "VmaxADH": (0.703, 1.097),
        "VmaxCYP2E1": (0.0075, 0.191),
        "k_Kcal": (3e-5, 0.0332),
        "kPEth_release": (0.00202, 0.0232),
        "kPEth_bind": (1918.0, 33333.0),
        "km": (15.0, 33333.0),
        "k4": (534.0, 28128.0),
        "k_poolOut": (0.00194, 1333.0),
    }
    return (
        *(spread(*ends, **{name: 1.0}) for name, ends in alone.items()),
        spread(0.1, 0.3, Vmax=1.0, km=-1.0),
        spread(0.05, 0.2, k3=1.0, k4=-1.0),
        spread(10.0, 75.0, k_poolIn=1.0, k_poolOut=-1.0),
        spread(0.5, 0.99, kPEth=1.0, kPEth_bind=-1.0),
        spread(2e-5, 1e-4, kPEth_out=1.0, kPEth_release=1.0, kPEth_bind=-1.0),
        *(Coordinate({name: 1.0}, *ends) for name, ends in BOUNDS.items()),
    )


ALCOHOL = Problem(
    name=TWIN.name,
    citation=TWIN.citation,
    parameters=tuple(FitParameter(n, UNITS[n], *BOUNDS.get(n, WIDE), v) for n, v in PUBLISHED.items()),
    quantities=QUANTITIES,
    residuals=residuals,
    derived=derived,
    points=len(bench("estimation").rows),
    published_cost=187.20,
    predict=predict,
    coordinates=_coordinates(),
    effort=Effort(
        starts=12,
        chains=2,
        warmup=120,
        draws=200,
        walkers=40,
        thinning=120,
        tolerance=1e-6,
        tries=50,
        same=0.05,
        ramp=(1e3,),
        rise=1.5,
        stride=3.0,
        is_double=False,
    ),
)
