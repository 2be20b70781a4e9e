"""Diet and drug studies that the liver twin was not fitted to, predicted.

Group means with their citations in `liver_fat_held_back.csv`. As in Simonsson 2024, one multiplier of the supply to
lipogenesis is set for each study, so that the steady state holds its measured liver fat; nothing else is fitted. The
paper's multipliers for Luukkonen 2020 and Browning 2011 stop where the share of lipogenesis leaves the band of the
training instead, 2 and 5 points of liver fat away; here the measured liver fat goes first.
Spreads are kept as the sources or Simonsson 2024 label them, and several are not standard errors (see `kind`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy.stats import chi2

from pipeline.calibration.problem import Predictions
from pipeline.solving import make_grid
from pipeline.twins import TWINS, Scenario, System, simulate

# A multiplier of lipogenesis alone, as in the paper's own predictions, instead of one for both supplies.
TWIN = TWINS["liver_fat"](frozenset(TWINS["liver_fat"].corrections) - {"both_supplies"})
RAISED = "liver fat below the model's limit"
RANGE = (2.5, 97.5)      # per cent of draws
COLUMNS = [
    "study", "arm", "observable", "time_d", "mean", "spread", "kind", "model_best", "model_low", "model_high",
    "share_held",
]  # fmt: skip


class Arm(NamedTuple):
    """One arm of a study."""

    study: str
    rows: pd.DataFrame           # what was measured: observable, time_d, mean, spread, kind
    person: dict[str, float]     # with the study's liver fat at the start
    scenario: Scenario
    is_drug: bool


class Answer(NamedTuple):
    """What each vector says of one arm."""

    values: dict[str, np.ndarray]     # observable -> (draws, times)
    times: tuple[float, ...]
    held: np.ndarray                  # whether the vector can hold the study's liver fat at the start


def held_back_data() -> pd.DataFrame:
    """Group means and diets: study, arm, observable, time_d, mean, spread, kind, n, citation, note."""
    return pd.read_csv(str(files("pipeline.calibration").joinpath("liver_fat_held_back.csv")))


def arms() -> list[Arm]:
    """All arms; arms of one study share their liver fat at the start, weighted by its spread."""
    data = held_back_data()
    start = data[(data["observable"] == "pdff_percent") & (data["time_d"] == 0)]
    weight = start["spread"] ** -2
    shared = (start["mean"] * weight).groupby(start["study"]).sum() / weight.groupby(start["study"]).sum()
    found = []
    for (study, _), rows in data.groupby(["study", "arm"], sort=False):
        person = {"pdff_percent": float(shared[study])}
        said = rows[rows["kind"] == "input"].set_index("observable")["mean"]
        if len(said):
            person["carbohydrate_fraction"] = said["carbohydrate_before_percent"] / 100.0
            person["fat_fraction"] = said["fat_before_percent"] / 100.0
            inputs = {
                "energy_factor": said["energy_during_kcal_d"] / said["energy_before_kcal_d"],
                "carbohydrate_fraction": said["carbohydrate_during_percent"] / 100.0,
                "fat_fraction": said["fat_during_percent"] / 100.0,
            }
        else:
            person |= {name: TWIN.needs[name] for name in ("carbohydrate_fraction", "fat_fraction")}
            inputs = {"dnl_drug_factor": _drug_effect(rows)}
        scenario = Scenario.model_validate({"title": str(study), "segments": [{"inputs": inputs}]})
        found.append(Arm(str(study), rows[rows["kind"] != "input"], person, scenario, not len(said)))
    return found


def _drug_effect(rows: pd.DataFrame) -> float:
    """De novo lipogenesis under the drug over without it, as measured in the same arm."""
    fold = rows[rows["observable"] == "dnl_fold"]["mean"]
    if len(fold):
        return float(fold.iloc[0])
    share = rows[rows["observable"] == "dnl_palmitate_percent"].sort_values("time_d")["mean"]
    return float(share.iloc[-1] / share.iloc[0])


def answer(arm: Arm, vectors: Mapping[str, np.ndarray]) -> Answer:
    """Simulate one arm with every vector of fitted parameters."""
    seen = arm.rows[arm.rows["observable"].isin(["pdff_percent", "bhb_mmol_l"])]
    times = tuple(sorted({0.0, *seen["time_d"].astype(float)}))
    batch = {name: np.asarray(v, dtype=float) for name, v in vectors.items()}
    values, raised = _compiled(times)(batch, arm.person, arm.scenario.arrays()[0])
    return Answer({name: np.asarray(v) for name, v in values.items()}, times, ~np.asarray(raised))


@cache
def _compiled(times: tuple[float, ...]) -> Callable[..., Any]:
    """Simulation of many vectors under one diet or drug from day 0, compiled once for arms read at the same times."""
    grid = make_grid((0.0,), times, first_step=0.02, growth=1.1, max_step=1.0)
    system, fixed = System((TWIN,)), TWIN.defaults()

    def run(p: dict[str, Any], person: dict[str, Any], inputs: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        complete = {TWIN.name: {**fixed, **p}}
        result = simulate(system, person, complete, [inputs], (0.0,), grid, method="batch")
        return result.values, result.flags[RAISED]

    return jax.jit(jax.vmap(run, in_axes=(0, None, None)))


def predict(vectors: Mapping[str, np.ndarray], costs: np.ndarray) -> Predictions:
    """Predictions of all arms by vectors whose training costs are `costs`.

    A vector that cannot hold a study's liver fat at the start says nothing of that study. `model_best` is from the
    best vector that can, low and high span 95 % of those that can, and `share_held` says how many these are.
    """
    rows = []
    parts: dict[str, np.ndarray] = {name: np.zeros(len(costs)) for name in ("baseline", "diet_ends")}
    holds_all = np.ones(len(costs), dtype=bool)
    for arm in arms():
        said = answer(arm, vectors)
        pdff = arm.rows[arm.rows["observable"] == "pdff_percent"].sort_values("time_d")
        bhb = arm.rows[arm.rows["observable"] == "bhb_mmol_l"].sort_values("time_d")
        points = [
            ("pdff_percent", t, m, s, k, said.values["pdff_percent"][:, said.times.index(t)])
            for t, m, s, k in zip(pdff["time_d"], pdff["mean"], pdff["spread"], pdff["kind"], strict=True)
        ]
        if len(bhb):
            first, last = bhb.iloc[0], bhb.iloc[-1]
            model = said.values["bhb_mg_dl"][:, said.times.index(last["time_d"])] / said.values["bhb_mg_dl"][:, 0]
            fold, spread = last["mean"] / first["mean"], last["spread"] / first["mean"]
            points.append(("bhb_fold", last["time_d"], fold, spread, last["kind"], model))
            parts["bhb_fold"] = model
        off = [((model - mean) / spread) ** 2 for name, _, mean, spread, _, model in points if name == "pdff_percent"]
        if arm.is_drug:
            parts[arm.study] = np.sum(off[1:], axis=0)
        else:
            parts["baseline"] += off[0]
            parts["diet_ends"] += np.sum(off[1:], axis=0)
            holds_all &= said.held
        best = int(np.argmin(np.where(said.held, costs, np.inf)))
        for name, time, mean, spread, kind, model in points:
            if time > 0:
                ends = np.percentile(model[said.held], RANGE) if said.held.any() else (np.nan, np.nan)
                middle = model[best] if said.held.any() else np.nan
                rows.append((arm.study, arm.rows["arm"].iloc[0], name, time, mean, spread, kind, middle, *ends,
                             said.held.mean()))  # fmt: skip
    return Predictions(pd.DataFrame(rows, columns=COLUMNS), _summary(parts, holds_all, costs))


def _summary(parts: dict[str, np.ndarray], holds_all: np.ndarray, costs: np.ndarray) -> dict[str, Any]:
    points = {"baseline": 8, "diet_ends": 8, "Lawitz 2018": 2, "Beysen 2020": 2}
    limits = {name: float(chi2.ppf(0.95, n)) for name, n in points.items()}
    best = int(np.argmin(costs))
    summary: dict[str, Any] = {
        "chi_square_limits": limits,
        "best": {name: float(v[best]) for name, v in parts.items()},
        "share_holding_every_diet_arm": float(holds_all.mean()),
    }
    if holds_all.any():
        chosen = {name: v[holds_all] for name, v in parts.items()}
        summary["holding_every_diet_arm"] = {
            "median": {name: float(np.median(v)) for name, v in chosen.items()},
            "share_below_limit": {name: float(np.mean(chosen[name] < limit)) for name, limit in limits.items()},
        }
    return summary
