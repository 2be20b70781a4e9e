"""What would be enough: the least that a person can do, of what was tried, to come below a risk that matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import expit

from pipeline.explain.attribution import INTERVAL, Samples
from pipeline.explain.chains import MODEL, TRIALS, By, key
from pipeline.strata import Effect, reduce_risk

THRESHOLD, BAND, LOWEST = "threshold", "band", "lowest"      # goals; of the lowest band there is none
# Below these a change is no longer asked of anybody: underweight by the WHO, and a pressure that needs no lowering
# (assumed).
FLOORS = {"bmi_kg_m2": 18.5, "sbp_mmhg": 110.0}


def enough(
    samples: Samples,
    risk: Float[np.ndarray, "people samples"],
    draw: Int[np.ndarray, "people samples"],
    changes: Mapping[str, By],
    own: By,
    effects: Mapping[str, Effect],
    *,
    threshold: float,
    bands: Sequence[float],
    seed: int,
) -> pd.DataFrame:
    """`counterfactuals` by trials where `effects` holds any, else by the model with all changed values put in."""
    if effects:
        reduced, _, _ = reduce_risk(risk, draw, changes, effects, seed=seed)
        after = {scenario: risk - less for scenario, less in reduced.items()}
    else:
        there = {scenario: samples.changed.get(key(scenario)) for scenario in changes}
        after = {s: expit(found).reshape(len(risk), -1) for s, found in there.items() if found is not None}
    allowed = reachable(changes, own)
    basis = TRIALS if effects else MODEL
    return counterfactuals(
        samples.person_id, risk.mean(axis=1), after, allowed, threshold=threshold, bands=bands, basis=basis
    )


def counterfactuals(
    person_id: np.ndarray,
    risk: Float[np.ndarray, " people"],
    after: Mapping[str, Float[np.ndarray, "people samples"]],
    allowed: Mapping[str, np.ndarray],
    *,
    threshold: float,
    bands: Sequence[float],
    basis: str,
) -> pd.DataFrame:
    """A row a person and scenario that brings the mean risk below the goal; a row without scenario where none does.

    The goal is the study's threshold for whoever is above it, else the lower edge of the person's band. `after` holds
    samples of the risk under each scenario, `allowed` who may be asked for it. `chance` is the share of samples below
    the goal (Laplace's rule, as nothing is certain), in a row without scenario the best of those tried; `smallest`
    marks the scenario that moves the risk least of those that suffice. Who has no known risk, or nothing below, has
    the goal "lowest" or a missing chance.
    """
    edges = np.array([0.0, *bands])
    lower = edges[np.searchsorted(edges, risk, side="right") - 1]
    target = np.where(risk >= threshold, threshold, lower)
    goal = np.where(risk >= threshold, THRESHOLD, np.where(target > 0, BAND, LOWEST))
    everybody = pd.DataFrame(
        {"person_id": pd.array(person_id, dtype="str"), "goal": goal, "target": target, "risk_before": risk}
    ).astype({"goal": "str"})
    tried = [everybody.iloc[:0].assign(scenario=None, risk_after=np.nan, low=np.nan, high=np.nan, chance=np.nan)]
    for name, samples in after.items():
        possible = allowed[name] & (target > 0) & np.isfinite(samples).all(axis=1)
        some = samples[possible]
        low, high = np.quantile(some, INTERVAL, axis=1)
        below = (some < target[possible, None]).sum(axis=1)
        figures = {"risk_after": some.mean(axis=1), "low": low, "high": high}
        figures["chance"] = (below + 1.0) / (some.shape[1] + 2.0)
        tried.append(everybody[possible].assign(scenario=name, **figures))
    every = pd.concat(tried).astype({"scenario": "str"})
    found = every[every["risk_after"] < every["target"]]
    best = every.groupby("person_id")["chance"].max()
    none = everybody[~everybody["person_id"].isin(found["person_id"])]
    none = none.assign(scenario=pd.array([None] * len(none), dtype="str"), chance=none["person_id"].map(best))
    most = found.groupby("person_id")["risk_after"].transform("max")
    table = pd.concat([found.assign(smallest=found["risk_after"] == most), none.assign(smallest=False)])
    table = table.sort_values(["person_id", "risk_after"], ascending=[True, False], kind="stable", ignore_index=True)
    return table.assign(basis=pd.array([basis] * len(table), dtype="str"))


def reachable(changes: Mapping[str, By], own: By) -> dict[str, np.ndarray]:
    """Whom each scenario can be asked of: who does not come below `FLOORS` on average."""
    allowed, height_m = {}, own["height_cm"].mean(axis=1) / 100.0
    for scenario, change in changes.items():
        fine = np.ones(len(height_m), dtype=bool)
        if "weight_kg" in change:
            bmi = (own["weight_kg"] + change["weight_kg"]).mean(axis=1) / height_m**2
            fine &= bmi >= FLOORS["bmi_kg_m2"]
        if "sbp_mmhg" in change:
            fine &= (own["sbp_mmhg"] + change["sbp_mmhg"]).mean(axis=1) >= FLOORS["sbp_mmhg"]
        allowed[scenario] = fine
    return allowed
