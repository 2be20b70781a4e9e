"""What each intervention would do to each person's risk, as far as trials say: model-based, and no causal proof.

The twin says how a mediator would change in this person, trials say what such a change does to the outcome; nothing
else of an intervention counts. An intervention that moves no mediator with evidence has no benefit that could be told,
which is not the same as none. That a rise does as much harm as an equal fall does good, and that effects of several
mediators multiply, is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.runs import RunError
from pipeline.strata.evidence import Effect

SURE = 0.8             # chance of being the best from which one intervention is called so
INTERVAL = (0.025, 0.975)
UNCLEAR, UNKNOWN, NO_EVIDENCE = "no clear winner", "not known", "no trial evidence"
BEST = "best"          # in the place of a scenario: the row that holds a person's choice
FIGURES = ("arr", "low", "high", "nnt", "nnt_low", "nnt_high")
TOGETHER = 8           # consecutive samples, draws of the person under one model, that share one of the trial effects
PARTS = ("person_sd", "model_sd")
Samples = Float[np.ndarray, "people samples"]


class Benefit(NamedTuple):
    """Absolute risk reductions of a cohort."""

    # person_id, scenario, choice, `FIGURES`, `PARTS`, probability, cut (share of samples); `BEST` last
    table: pd.DataFrame
    groups: pd.DataFrame     # choice, people, `FIGURES`
    bands: pd.DataFrame      # band, scenario, people, best (people whose best it is), risk (without it), arr, low, high
    beyond: dict[str, int]   # scenario -> people whose mean change lies beyond what trials have seen


def changes_until(
    draws: Float[np.ndarray, "people draws columns"],
    columns: Sequence[str],
    years: Sequence[int],
    horizon: float | None,
) -> dict[str, dict[str, Float[np.ndarray, "people draws"]]]:
    """Mean change of every observable under every scenario, from features: `one_pressure_drug_5y_change_sbp_mmhg`.

    Over the time from 0, where nothing has changed, to the last of `years` within the horizon (the last of all without
    one), in straight lines between the years. Raises `RunError` if no year lies within the horizon.
    """
    within = [0, *sorted(year for year in years if horizon is None or year <= horizon)]
    if len(within) == 1:
        raise RunError(f"[twins] years: none lies within the horizon of {horizon:g} years, so no change can be read")
    found: dict[str, dict[str, np.ndarray]] = {}
    mark = f"_{within[-1]}y_change_"
    for name in columns:
        scenario, there, observable = name.partition(mark)
        if there:
            read = [draws[:, :, columns.index(f"{scenario}_{year}y_change_{observable}")] for year in within[1:]]
            course = np.stack([np.zeros(draws.shape[:2]), *read])
            found.setdefault(scenario, {})[observable] = np.trapezoid(course, within, axis=0) / within[-1]
    return found


def find_benefit(
    person_id: Sequence[str],
    risk: Samples,
    draw: Int[np.ndarray, "*people samples"],
    changes: Mapping[str, Mapping[str, Float[np.ndarray, "people draws"]]],
    effects: Mapping[str, Effect],
    *,
    seed: int,
    band: Int[np.ndarray, " people"] | None = None,
) -> Benefit:
    """Expected absolute risk reduction (ARR) of each scenario for each person, and who gains most from which.

    `risk` is by the horizon without any change, `changes` are by scenario and observable, `draw` names the draw of
    the person that each sample of the risk belongs to, for all people alike or for each. Risk under a scenario is
    1 - (1 - risk) ** RR, with log RR the sum over mediators of `effects` of change times effect; `TOGETHER` samples
    share one draw of the trial effects, the same for all people. What differs within them is unknown of the person
    (`person_sd`), what differs between them of the model and the trials (`model_sd`). The number needed to treat (NNT)
    is 1 / ARR, infinite where the ARR may be 0: then it is at least `nnt_low`. A scenario is a person's best if it
    reduces risk more than every other, and no change, with a chance of at least `SURE`, and the interval of its ARR
    lies above 0. The chance is never 1: it is what so many draws of a person can tell, by Laplace's rule of succession.
    Scenarios without any mediator of `effects` are left out. Who has a risk or a change that is not known has NaN, and
    no best. `band` puts people into groups known beforehand, for which each scenario is told as well.
    """
    reductions, cut, beyond = reduce_risk(risk, draw, changes, effects, seed=seed)
    choice, chance = _choose(reductions, len(risk), len(np.unique(draw)))
    figures = {
        name: pd.DataFrame({**_summary(values), **_parts(values), "probability": chance[name], "cut": cut[name]})
        for name, values in reductions.items()
    }
    figures[BEST] = pd.DataFrame(np.nan, index=range(len(risk)), columns=[*FIGURES, *PARTS, "probability", "cut"])
    for name in reductions:
        figures[BEST][choice == name] = figures[name][choice == name]
    table = pd.concat(figures, names=["scenario", None]).reset_index("scenario").reset_index(drop=True)
    table.insert(0, "person_id", pd.array(np.tile(person_id, len(figures)), dtype="str"))
    table.insert(2, "choice", np.where(table["scenario"] == BEST, np.tile(choice, len(figures)), ""))
    table = table.astype({"scenario": "str", "choice": "str"})
    return Benefit(table, _strata(reductions, choice), _bands(risk, reductions, choice, band), beyond)


def reduce_risk(
    risk: Samples,
    draw: Int[np.ndarray, "*people samples"],
    changes: Mapping[str, Mapping[str, Float[np.ndarray, "people draws"]]],
    effects: Mapping[str, Effect],
    *,
    seed: int,
) -> tuple[dict[str, Samples], dict[str, Float[np.ndarray, " people"]], dict[str, int]]:
    """For each scenario with a mediator of `effects` the absolute risk reductions, sample by sample as `find_benefit`
    describes them, the share of samples whose change was cut to what trials have seen, and of how many people the mean
    change was."""
    of = np.broadcast_to(draw, risk.shape).astype(np.int64)
    alike = _together(risk.shape[1])
    drawn = _trial_effects(effects, risk.shape[1] // alike, seed)
    slopes = {name: np.repeat(values, alike) for name, values in drawn.items()}
    reductions, cut, beyond = {}, {}, {}
    for scenario, by_observable in changes.items():
        mediators = [name for name in effects if name in by_observable]
        if not mediators:
            continue
        log_ratio, far = np.zeros_like(risk), np.zeros_like(risk, dtype=bool)
        outside = np.zeros(len(risk), dtype=bool)
        for name in mediators:
            most, change = effects[name].most, np.take_along_axis(by_observable[name], of, axis=1)
            log_ratio += slopes[name] * np.clip(change, -most, most)
            far |= np.abs(change) > most
            outside |= np.abs(change.mean(axis=1)) > most
        left = 1.0 - risk
        reductions[scenario] = left ** np.exp(log_ratio) - left
        cut[scenario], beyond[scenario] = far.mean(axis=1), int(outside.sum())
    return reductions, cut, beyond


def _trial_effects(effects: Mapping[str, Effect], samples: int, seed: int) -> dict[str, Float[np.ndarray, " samples"]]:
    """Log relative risk per unit of each mediator, spread evenly; in random order, for the draws of people have one."""
    from scipy.stats import norm, qmc

    even = qmc.LatinHypercube(max(len(effects), 1), rng=np.random.default_rng(seed)).random(samples)
    pairs = zip(effects.items(), norm.ppf(even).T, strict=False)
    return {name: effect.log_per_unit + effect.log_error * z for (name, effect), z in pairs}


def _choose(reductions: Mapping[str, Samples], people: int, draws: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The best scenario of each person, or why there is none, and the chance of each of being it."""
    choice, chance = np.full(people, UNCLEAR if reductions else NO_EVIDENCE, dtype=object), {}
    for name, values in reductions.items():
        others = [np.zeros_like(values), *(other for key, other in reductions.items() if key != name)]
        known = np.isfinite(values).all(axis=1)
        share = np.mean(values > np.max(others, axis=0), axis=1)
        chance[name] = np.where(known, (share * draws + 1.0) / (draws + 2.0), np.nan)
        low = np.quantile(values, INTERVAL[0], axis=1)
        choice[(chance[name] >= SURE) & (low > 0)] = name
        choice[~known] = UNKNOWN
    return choice.astype(str), chance


def _summary(reduction: Samples) -> dict[str, np.ndarray]:
    """ARR and NNT with 95 % intervals, a value a row."""
    low, high = np.quantile(reduction, INTERVAL, axis=1)
    arr = reduction.mean(axis=1)
    needed = {"nnt": arr, "nnt_low": high, "nnt_high": low}
    with np.errstate(divide="ignore"):
        return {"arr": arr, "low": low, "high": high} | {
            name: np.where(np.isnan(value), np.nan, np.where(value > 0, 1.0 / value, np.inf))
            for name, value in needed.items()
        }


def _together(samples: int) -> int:
    return TOGETHER if samples % TOGETHER == 0 else 1


def _parts(reduction: Samples) -> dict[str, np.ndarray]:
    """Spread within and between samples that share the trial effects: components of a one-way analysis of variance."""
    alike = _together(reduction.shape[1])
    if alike == 1:
        return dict.fromkeys(PARTS, np.full(len(reduction), np.nan))
    blocks = reduction.reshape(len(reduction), -1, alike)
    person = blocks.var(axis=2, ddof=1).mean(axis=1)
    model = np.maximum(blocks.mean(axis=2).var(axis=1, ddof=1) - person / alike, 0.0)
    return dict(zip(PARTS, (np.sqrt(person), np.sqrt(model)), strict=True))


def _strata(reductions: Mapping[str, Samples], choice: np.ndarray) -> pd.DataFrame:
    """How many people have which best scenario, or none and why, and what it does to them on average.

    Samples are averaged over people first, so that what is unknown of trials and of twins does not average out.
    """
    rows = []
    for name in (*reductions, UNCLEAR, UNKNOWN, NO_EVIDENCE):
        chosen = choice == name
        row: dict[str, object] = {"choice": name, "people": int(chosen.sum())}
        if name in reductions and chosen.any():
            row |= {key: value[0] for key, value in _summary(reductions[name][chosen].mean(axis=0)[None]).items()}
        rows.append(row)
    heads = ["choice", "people", *FIGURES]
    return pd.DataFrame(rows).reindex(columns=heads).astype({"choice": "str"} | dict.fromkeys(FIGURES, "float64"))


def _bands(
    risk: Samples, reductions: Mapping[str, Samples], choice: np.ndarray, band: Int[np.ndarray, " people"] | None
) -> pd.DataFrame:
    """What each scenario does on average to the people of each band whose reduction is known."""
    rows = []
    places = np.zeros(len(risk), dtype=np.int64) if band is None else band
    for place in np.unique(places):
        inside = places == place
        for name, values in reductions.items():
            known = inside & np.isfinite(values).all(axis=1)
            row = {"band": place, "scenario": name, "people": known.sum(), "best": (inside & (choice == name)).sum()}
            if known.any():
                low, high = np.quantile(values[known].mean(axis=0), INTERVAL)
                row |= {"risk": risk[known].mean(), "arr": values[known].mean(), "low": low, "high": high}
            rows.append(row)
    heads = {"band": "int64", "scenario": "str", "people": "int64", "best": "int64"}
    numbers = dict.fromkeys(("risk", "arr", "low", "high"), "float64")
    return pd.DataFrame(rows, columns=[*heads, *numbers]).astype(heads | numbers)
