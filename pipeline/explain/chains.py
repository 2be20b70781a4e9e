"""From what a person could do, over what it changes in the body, to the risk: links with numbers and intervals.

The first link is the person's twin under a scenario of the study. The second is what trials say of such a change, where
the study names an outcome of trials, and beside it what the risk model says of the same person with the changed values
put in: what goes together in the cohort, no effect. Where the model says worse although the mechanism says better, the
two disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.special import expit

from pipeline.explain.attribution import HOLDS, INTERVAL, Samples
from pipeline.models import FeatureSet
from pipeline.strata import Effect, changes_until, reduce_risk

# What lies between a habit and the risk, with what moves along. More of each counts as worse: for pressure and weight
# so say trials (see `evidence.csv`), for liver fat it is assumed.
MEDIATORS: dict[str, tuple[str, ...]] = {
    "weight_kg": ("weight_kg", "fat_mass_kg"),
    "pdff_percent": ("pdff_percent",),
    "sbp_mmhg": ("sbp_mmhg", "dbp_mmhg"),
}
TRIALS, MODEL = "trials", "model"      # what a change of risk rests on
By = Mapping[str, Float[np.ndarray, "people draws"]]


def changes_of(
    draws: Float[np.ndarray, "people draws columns"],
    columns: Sequence[str],
    years: Sequence[int],
    horizon: float | None,
) -> dict[str, dict[str, Float[np.ndarray, "people draws"]]]:
    """What each scenario changes in each observable: on average until the horizon, as benefit is reckoned.

    Of an outcome at the visit itself, which has no horizon, it is the change after the first of `years`.
    """
    if horizon is not None:
        return changes_until(draws, columns, years, horizon)
    found: dict[str, dict[str, np.ndarray]] = {}
    for i, name in enumerate(columns):
        scenario, there, observable = name.partition(f"_{min(years)}y_change_")
        if there:
            found.setdefault(scenario, {})[observable] = draws[:, :, i]
    return found


def moved_by(change: By) -> dict[str, tuple[str, ...]]:
    """The mediators that a scenario moves, with what of each moves along."""
    moved = {m: tuple(o for o in along if o in change) for m, along in MEDIATORS.items() if m in change}
    return {m: along for m, along in moved.items() if np.nanmax(np.abs(change[m]), initial=0.0) > 0}


def put_in(
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    dictionary: pd.DataFrame,
    change: By,
    height_cm: Float[np.ndarray, "people draws"],
) -> dict[str, Float[np.ndarray, "people draws"]]:
    """The columns of a model that tell of what `change` moves, with the changed values.

    These are the variables themselves, the body mass index, and what the twins say of the visit and of years without
    change. What else would change with them, the waist for one, stays.
    """
    of = dictionary[dictionary["kind"].isin(["state", "trajectory"])].set_index("feature")["observable"].to_dict()
    every = dict(change)
    if "weight_kg" in change:
        every["bmi_kg_m2"] = change["weight_kg"] / (height_cm / 100.0) ** 2
    if "sbp_mmhg" in change and "dbp_mmhg" in change:
        every["pulse_pressure_mmhg"] = change["sbp_mmhg"] - change["dbp_mmhg"]
    found = {}
    for column in columns.numbers:
        what = of.get(column, column)
        if what not in every or (column in columns.mechanistic) != (column in of):
            continue
        if column in of:
            assert draws is not None
            own = draws[:, :, columns.mechanistic.index(column)]
        else:
            own = frame[column].to_numpy(dtype=float)[:, None]
        found[column] = own + every[what]
    return found


def put_in_all(
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    dictionary: pd.DataFrame,
    changes: Mapping[str, By],
    own: By,
) -> dict[str, dict[str, Float[np.ndarray, "people draws"]]]:
    """What to put into the model for every scenario: all that it moves, and each mediator by itself; by `key`."""
    found = {}
    for scenario, change in changes.items():
        moved = moved_by(change)
        asked = {key(scenario, m): along for m, along in moved.items()}
        if moved:
            asked[key(scenario)] = tuple(o for along in moved.values() for o in along)
        for name, observables in asked.items():
            only = {o: change[o] for o in observables}
            found[name] = put_in(frame, columns, draws, dictionary, only, own["height_cm"])
    return found


def chains(
    samples: Samples,
    risk: Float[np.ndarray, "people samples"],
    draw: Int[np.ndarray, "people samples"],
    changes: Mapping[str, By],
    own: By,
    effects: Mapping[str, Effect],
    *,
    seed: int,
) -> pd.DataFrame:
    """A row a person, scenario and mediator that it moves: what changes, and what that does to the risk.

    `risk` is without change, `draw` names the draw of each of its samples, `own` holds everybody's values today.
    `risk_change` is by trials where `effects` holds any, missing for a mediator that none is known of, else by the
    model; `model_change` is always by the model, from `samples.changed` at (scenario, mediator). The two disagree
    where the change of the mediator is clear and the model's risk goes the other way in `HOLDS` of the refits.
    """
    tables = []
    for scenario, change in changes.items():
        for mediator in moved_by(change):
            moved = change[mediator]
            low, high = np.quantile(moved, INTERVAL, axis=1)
            before = own[mediator].mean(axis=1)
            model = expit(samples.changed[key(scenario, mediator)]) - expit(samples.some)
            against = (np.sign(model.mean(axis=2)) == -np.sign(moved.mean(axis=1))[:, None]).mean(axis=1)
            by_model = _summary(model.reshape(len(model), -1), "model")
            by = {name.replace("model", "risk"): values for name, values in by_model.items()}
            if effects:
                less = np.full_like(risk, np.nan)
                if mediator in effects:
                    only = {mediator: effects[mediator]}
                    less = reduce_risk(risk, draw, {scenario: {mediator: moved}}, only, seed=seed)[0][scenario]
                by = _summary(-less, "risk")
            tables.append(
                pd.DataFrame(
                    {
                        "person_id": pd.array(samples.person_id, dtype="str"),
                        "scenario": pd.array([scenario] * len(moved), dtype="str"),
                        "mediator": pd.array([mediator] * len(moved), dtype="str"),
                        "before": before,
                        "after": before + moved.mean(axis=1),
                        "change": moved.mean(axis=1),
                        "low": low,
                        "high": high,
                        **by,
                        **by_model,
                        "disagrees": (against >= HOLDS) & (low * high > 0),
                        "basis": pd.array([TRIALS if effects else MODEL] * len(moved), dtype="str"),
                    }
                )
            )
    if not tables:      # nothing that was tried moves anything
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    return pd.concat(tables, ignore_index=True)


NUMBERS = (
    "before", "after", "change", "low", "high", "risk_change", "risk_low", "risk_high", "model_change", "model_low",
    "model_high",
)  # fmt: skip
COLUMNS = {
    **dict.fromkeys(("person_id", "scenario", "mediator"), "str"),
    **dict.fromkeys(NUMBERS, "float64"),
    "disagrees": "bool",
    "basis": "str",
}


def key(scenario: str, mediator: str = "all") -> str:
    """The name under which a change that is put into the model stands in `Samples.changed`."""
    return f"{scenario} {mediator}"


def _summary(values: Float[np.ndarray, "people samples"], name: str) -> dict[str, np.ndarray]:
    low, high = np.quantile(values, INTERVAL, axis=1)
    return {f"{name}_change": values.mean(axis=1), f"{name}_low": low, f"{name}_high": high}
