"""Published risk functions: what other cohorts have taught, before anything is learned here.

Never one that was derived from a cohort which it is used on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

Column = Callable[[str, float], np.ndarray]      # a variable of all rows, with what stands for it where it is missing


class RiskFunction(NamedTuple):
    """One published function; `log_odds` takes a reader of columns and gives the logit of its risk for each row.

    A function that was made for each age band alone has a level of its own in each: `bands` are the ages at which they
    begin, but for the first.
    """

    name: str
    predicts: str
    citation: str
    log_odds: Callable[[Column], Float[np.ndarray, " rows"]]
    bands: tuple[float, ...] = ()

    def levels(self, column: Column) -> Float[np.ndarray, "rows bands"]:
        """1 in the column of each row's age band; no column where bands have one level together."""
        if not self.bands:
            return np.empty((len(column("age_years", 0.0)), 0))
        return np.eye(len(self.bands) + 1)[np.digitize(column("age_years", 60.0), self.bands)]


# SCORE2, log subdistribution hazard ratios: age per 5 years from 60, smoking, systolic pressure per 20 mmHg from 120,
# total cholesterol per mmol/L from 6, HDL per 0.5 mmol/L from 1.3, diabetes; then the same with age; baseline survival.
SCORE2_MEN = ((0.3742, 0.6012, 0.2777, 0.1458, -0.2698, 0.6457), (-0.0755, -0.0255, -0.0281, 0.0426, -0.0983), 0.9605)
SCORE2_WOMEN = ((0.4648, 0.7744, 0.3131, 0.1002, -0.2606, 0.8096), (-0.1088, -0.0277, -0.0226, 0.0613, -0.1272), 0.9776)


def _score2(column: Column) -> Float[np.ndarray, " rows"]:
    age = (column("age_years", 60.0) - 60.0) / 5.0
    others = np.stack(
        [
            column("current_smoker", 0.3),
            (column("sbp_mmhg", 120.0) - 120.0) / 20.0,
            column("cholesterol_mmol_l", 6.0) - 6.0,
            (column("hdl_mmol_l", 1.3) - 1.3) / 0.5,
            column("diabetes", 0.03),
        ]
    )

    def risk(main: tuple[float, ...], with_age: tuple[float, ...], survival: float) -> np.ndarray:
        effects = np.array(main[1:])[:, None] + np.array(with_age)[:, None] * age
        return 1.0 - survival ** np.exp(main[0] * age + (effects * others).sum(axis=0))

    male = column("male", 0.5)
    chance = np.clip(male * risk(*SCORE2_MEN) + (1.0 - male) * risk(*SCORE2_WOMEN), 1e-9, 1.0 - 1e-9)
    return np.log(chance) - np.log1p(-chance)


SCORE2 = RiskFunction(
    "SCORE2, not recalibrated",
    "a first cardiovascular event within ten years",
    "SCORE2 working group, Eur Heart J 2021;42:2439-2454, doi 10.1093/eurheartj/ehab309",
    _score2,
)


def _stroke_ensemble(column: Column) -> Float[np.ndarray, " rows"]:
    """By the twin of stroke risk, corrected; fibrillation and diabetes count as absent where nobody told of them."""
    smokes, cigarettes = column("current_smoker", 0.0), column("cigarettes_per_day", np.nan)
    person = {
        "male": column("male", 0.5),
        "age_years": column("age_years", 60.0),
        "sbp_mmhg": column("sbp_mmhg", 135.0),
        "dbp_mmhg": column("dbp_mmhg", 82.0),
        "height_cm": np.full(len(smokes), 100.0),                  # only the index counts
        "weight_kg": column("bmi_kg_m2", 27.0),
        "cigarettes_per_day": np.where(np.isnan(cigarettes), USUAL_CIGARETTES * smokes, cigarettes),
        "atrial_fibrillation": column("atrial_fibrillation", 0.0),
        "diabetes": column("diabetes", 0.0),
    }
    risk = np.clip(np.asarray(_stroke_twin()(person)), 1e-9, 1.0 - 1e-9)
    return np.log(risk) - np.log1p(-risk)


@cache
def _stroke_twin() -> Callable[[Mapping[str, np.ndarray]], Any]:
    """Five-year risk of many people by the twin; compiled once for each number of them."""
    import jax

    from pipeline.twins import NO_CHANGE, TWINS, ExactTwin

    twin = TWINS["stroke_risk"].build("corrected")
    assert isinstance(twin, ExactTwin)
    inputs, p, times = NO_CHANGE.arrays(), twin.defaults(), np.zeros(1)

    def one(who: Mapping[str, Any]) -> Any:
        return twin.solution(times, twin.constants(who, p), (0.0,), inputs, {})["stroke_risk_5y"][0]

    return jax.jit(jax.vmap(one))


USUAL_CIGARETTES = 15.0       # of a smoker who did not say how many, assumed
STROKE_ENSEMBLE = RiskFunction(
    "age-stratified stroke ensemble, corrected",
    "a first stroke within five years",
    "Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803",
    _stroke_ensemble,
    bands=(50.0, 60.0, 70.0),
)
FUNCTIONS: Mapping[str, RiskFunction] = {"score2": SCORE2, "stroke_ensemble": STROKE_ENSEMBLE}


def reader(frame: pd.DataFrame) -> Column:
    """Columns of a table by the name that risk functions know; what the table lacks is the value that stands for it."""

    def column(name: str, otherwise: float) -> np.ndarray:
        if name == "male":
            source, yes = "sex", "male"
        elif name == "current_smoker" and name not in frame:
            source, yes = "smoking_status", "current"
        else:
            source, yes = name, "yes"
        if source not in frame:
            return np.full(len(frame), otherwise)
        values = frame[source]
        if pd.api.types.is_numeric_dtype(values):
            return values.fillna(otherwise).to_numpy(dtype=float)
        return np.where(values.isna(), otherwise, (values == yes).astype(float))

    return column
