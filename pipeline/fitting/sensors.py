"""What is measured of a person, at which visit, and how far a reading lies from what it stands for.

A reading of an earlier visit says less about today: what it stands for wanders, by `drift` in the square root of the
years between. All readings of one visit share its deviation, so that the number of them matters only where said.
Traits are not measured but asked for: `QUESTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from pipeline.fitting.quantities import ALCOHOL_RECALLED

YEAR = 365.25
UNDER_REPORT = 0.11              # of a recalled intake, Moshfegh AJ et al., AJCN 2008;88:324-332
# Error of MRI: 1.1 points at 10 % (repeatability coefficient 3.0 points, Yokoo T et al., Radiology 2018;286:486-498);
# less in lean livers, by how much is assumed.
PDFF_FLOOR, PDFF_SHARE = 0.2, 0.1
# PEth (umol/L) by grams a day as its twin has it in the median man and woman, and the grams at which it is twice that.
PETH_SLOPE, PETH_DOUBLE = 0.008, 80.0


def _one(person: Mapping[str, Any], years: Any) -> Any:
    return 1.0


class Visits(NamedTuple):
    """Readings by person and day, a visit each, sorted by both: of a variable their mean and how many there were."""

    person: np.ndarray                # (visits,)
    time_d: np.ndarray
    mean: dict[str, np.ndarray]       # NaN where the variable was not measured
    number: dict[str, np.ndarray]

    def column(self, name: str) -> np.ndarray:
        """The means of one variable, missing where it was not measured."""
        return self.mean[name] if name in self.mean else np.full(len(self.person), np.nan)


class Sensor(NamedTuple):
    """One way to learn about a person."""

    tells: str                                            # the quantity that it is a measurement of
    read: Callable[[Visits], np.ndarray]                  # readings by visit, on the scale on which errors are normal
    predict: Callable[[Mapping[str, Any], Any], Any]      # the same without error, from the person and years (< 0: ago)
    sd: float                                             # of one visit
    drift: float                                          # in the square root of a year
    shared: float = 0.0                                   # sd of an error that all visits of a person have in common
    days: str = ""                                        # variable of which each reading is one day of a visit
    # What the errors are multiples of. If it varies, `read` and `predict` must be such that the squares of errors are
    # all of the likelihood, for its logarithm is left out.
    scale: Callable[[Mapping[str, Any], Any], Any] = _one


class Question(NamedTuple):
    """An answer that tells whether a person has a trait: texts and what each means, or a number above 0."""

    tells: str
    variable: str
    answers: Mapping[str, float] | None = None


def resting_kcal_d(person: Mapping[str, Any]) -> Any:
    """Resting rate by Mifflin MD et al., AJCN 1990;51:241-247."""
    size = 9.99 * person["weight_kg"] + 6.25 * person["height_cm"] - 4.92 * person["age_years"]
    return size + 166.0 * person["male"] - 161.0


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _index(visits: Visits) -> np.ndarray:
    """Body mass index where it does not follow from weight and height of the same visit."""
    follows = ~np.isnan(visits.column("weight_kg") + visits.column("height_cm"))
    return np.log(_positive(np.where(follows, np.nan, visits.column("bmi_kg_m2"))))


def _share(nutrient: str, kcal_per_g: float) -> Callable[[Visits], np.ndarray]:
    name = f"{nutrient}_intake_g_d"
    return lambda v: kcal_per_g * v.column(name) / _positive(v.column("energy_intake_kcal_d"))


def _ageing(name: str) -> Callable[[Mapping[str, Any], Any], Any]:
    """Usual pressure so many years before today, as people of that age have it on average."""

    def before(k: Mapping[str, Any], years: Any) -> Any:
        age = k["age_years"]
        if name == "sbp_mmhg":
            return k[name] + 0.5 * years
        return k[name] - 0.0126 * ((age + years - 50.0) ** 2 - (age - 50.0) ** 2)

    return before


def even_error(pdff_percent: Any, xp: Any) -> Any:
    """Liver fat on the scale on which its error has a spread of 1: a floor in lean livers, a share in fatty ones."""
    return xp.arcsinh(PDFF_SHARE * pdff_percent / PDFF_FLOOR) / PDFF_SHARE


def _energy(k: Mapping[str, Any], years: Any) -> Any:
    return jnp.log((1.0 - UNDER_REPORT) * k["activity_level"] * resting_kcal_d(k))


def _recalled(k: Mapping[str, Any], years: Any) -> Any:
    """Square root of the mean of recalled days."""
    return jnp.sqrt(ALCOHOL_RECALLED * k["alcohol_g_d"])


def _recalled_scale(k: Mapping[str, Any], years: Any) -> Any:
    """For days that are a Poisson number of occasions, each exponential.

    Then 2 (sqrt(y) - sqrt(mu)) / mu^(1/4) is the root of the deviance, and a mean of days has the dispersion over their
    number: Jørgensen B, J R Stat Soc B 1987;49:127-162, power 3/2.
    """
    return 0.5 * (ALCOHOL_RECALLED * k["alcohol_g_d"]) ** 0.25


def _peth(k: Mapping[str, Any], years: Any) -> Any:
    intake = k["alcohol_g_d"]
    return (intake * (1.0 + (intake / PETH_DOUBLE) ** 2)) ** 0.25


# Errors: of a scale, a stadiometer and DXA assumed; visit to visit spread of systolic pressure
# from Muntner P et al., Hypertension 2011;57:160-166, of diastolic assumed; recall from Black AE, Int J Obes
# 2000;24:1119-1130 (23 % from day to day, 8.5 % of the resting rate), 20 % between people in under-reporting assumed;
# shares of energy and alcohol from two recall days of NHANES 2017-2018; assumed of cigarettes (20 %), of alcohol in a
# usual week and of PEth (both two thirds at 20 g/d; parameters of its twin alone spread PEth by 38 %). Drifts are
# assumed; a day's alcohol has none, for it says little of any year.
SENSORS = (
    Sensor("height_cm", lambda v: v.column("height_cm"), lambda k, _: k["height_cm"], 0.5, 0.1),
    Sensor("weight_kg", lambda v: np.log(_positive(v.column("weight_kg"))), lambda k, _: jnp.log(k["weight_kg"]),
           0.01, 0.025),
    Sensor("bmi_kg_m2", _index, lambda k, _: jnp.log(k["bmi_kg_m2"]), 0.012, 0.025),
    Sensor("body_fat_percent", lambda v: v.column("body_fat_percent"), lambda k, _: k["body_fat_percent"], 1.5, 1.2),
    Sensor("activity_level", lambda v: np.log(_positive(v.column("energy_intake_kcal_d"))), _energy,
           0.23, 0.05, shared=(0.085**2 + 0.20**2) ** 0.5, days="energy_intake_kcal_d"),
    Sensor("carbohydrate_fraction", _share("carbohydrate", 4.0), lambda k, _: k["carbohydrate_fraction"],
           0.091, 0.01, days="carbohydrate_intake_g_d"),
    Sensor("fat_fraction", _share("fat", 9.0), lambda k, _: k["fat_fraction"], 0.077, 0.01, days="fat_intake_g_d"),
    Sensor("pdff_percent", lambda v: even_error(_positive(v.column("pdff_percent")), np),
           lambda k, _: even_error(k["pdff_percent"], jnp), 1.0, 2.0),
    Sensor("sbp_mmhg", lambda v: v.column("sbp_mmhg"), _ageing("sbp_mmhg"), 7.7, 3.5),
    Sensor("dbp_mmhg", lambda v: v.column("dbp_mmhg"), _ageing("dbp_mmhg"), 6.0, 2.0),
    Sensor("alcohol_g_d", lambda v: np.sqrt(v.column("alcohol_intake_g_d")), _recalled, 4.35, 0.0,
           days="alcohol_intake_g_d", scale=_recalled_scale),
    Sensor("alcohol_g_d", lambda v: (v.column("alcohol_intake_g_wk") / 7.0) ** 0.25,
           lambda k, _: (ALCOHOL_RECALLED * k["alcohol_g_d"]) ** 0.25, 0.2, 0.1, shared=0.25),
    Sensor("alcohol_g_d", lambda v: (v.column("peth_umol_l") / PETH_SLOPE) ** 0.25, _peth,
           0.2, 0.15, shared=0.3),
    Sensor("cigarettes_if_smoker", lambda v: np.log(_positive(v.column("cigarettes_per_day"))),
           lambda k, _: jnp.log(k["cigarettes_if_smoker"]), 0.2, 0.1),
)  # fmt: skip
NO_YES = {"no": 0.0, "yes": 1.0}
QUESTIONS = (
    Question("cigarettes_per_day", "smoking_status", {"never": 0.0, "former": 0.0, "current": 1.0}),
    Question("cigarettes_per_day", "current_smoker", NO_YES),
    Question("cigarettes_per_day", "cigarettes_per_day"),
    Question("atrial_fibrillation", "atrial_fibrillation", NO_YES),
    Question("diabetes", "diabetes", {**NO_YES, "borderline": 0.0}),
)


@cache
def asked_for() -> tuple[str, ...]:
    """Every variable that a sensor reads or a question asks for."""
    names: dict[str, None] = {}

    class Listening(Visits):
        def column(self, name: str) -> np.ndarray:
            names[name] = None
            return super().column(name)

    for sensor in SENSORS:
        sensor.read(Listening(np.array([]), np.array([]), {}, {}))
    return tuple(names | dict.fromkeys(question.variable for question in QUESTIONS))
