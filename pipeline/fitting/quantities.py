"""What is not known of a person before measuring: one row a quantity, from a standard normal number to its value.

Priors are those of adults by age and sex; a quantity may depend on those before it, so that a measured body mass index
tells about liver fat, and systolic pressure about diastolic. "assumed" marks what no study was found for.

What a person has or has not, such as diabetes, is a `Trait`. It is 1 or 0 once answered. Without an answer each draw
has it or not, by its chance at that age and sex: risk is not linear in a diagnosis, so that half a diabetes would give
the risk of nobody, and the spread between draws is what is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Known = Mapping[str, Any]
BMI_RANGE = (18.0, 45.0)       # beyond it the guess of liver fat stays at its end
MOST = 0.95                    # of energy from carbohydrate and fat together; protein is never less than the rest
PRESSURES_TOGETHER = 0.55      # correlation of the two pressures in people of one age
# Share of what is drunk that people recall. Surveys cover 30 to 60 % of what is sold (Esser MB et al., J Stud Alcohol
# Drugs 2022;83:134-144, doi 10.15288/jsad.2022.83.134); half is assumed, alike in everybody.
ALCOHOL_RECALLED = 0.5


class Quantity(NamedTuple):
    """One unknown of a person. `value(z, known)`: z is standard normal, `known` holds what stands before it."""

    name: str
    unit: str
    low: float                   # draws are kept inside
    high: float
    value: Callable[[Any, Known], Any]
    source: str
    is_log: bool = False         # whether its spread is told as a share of its value
    is_bent: bool = False        # whether it follows from its own unknown alone, and far from a straight line


class Trait(NamedTuple):
    """Something that a person has or has not, apart from the unknowns above. `chance(known)`: from age and sex."""

    name: str
    unit: str
    chance: Callable[[Known], Any]
    source: str
    amount: str = ""             # the quantity that it is in whoever has it; else it is 1


def _height(z: Any, k: Known) -> Any:
    """Men 173.6 (sd 7.6), women 159.7 (6.9) cm at 50, 0.8 to 1 cm less each ten years later."""
    man = 173.6 - 0.083 * (k["age_years"] - 50.0) + 7.6 * z
    return jnp.where(k["male"] > 0.5, man, 159.7 - 0.098 * (k["age_years"] - 50.0) + 6.9 * z)


def _bmi(z: Any, k: Known) -> Any:
    """Log-normal with a median of 29.7 in men and 30.3 in women of 50, less in the young and the old."""
    bend = -1.1e-4 * (k["age_years"] - 50.0) ** 2
    return jnp.where(k["male"] > 0.5, 29.7 * jnp.exp(bend + 0.21 * z), 30.3 * jnp.exp(bend + 0.25 * z))


def _body_fat(z: Any, k: Known) -> Any:
    """Jackson's equation and what DXA reads above it, with its spread, in 1,065 men and 1,169 women."""
    log_bmi = jnp.log(k["bmi_kg_m2"])
    man, woman = 37.31 * log_bmi - 103.95 + 1.2, 39.96 * log_bmi - 102.01 + 1.7
    return 0.14 * k["age_years"] + jnp.where(k["male"] > 0.5, man + 5.1 * z, woman + 6.1 * z)


def _liver_fat(z: Any, k: Known) -> Any:
    """Log-normal: a median of 2.11 %, 5 % of people below BMI 25 and a third of those above 30 over 5.5 %."""
    low, high = BMI_RANGE      # reached smoothly, for a kink at the mode is where Gauss-Newton does not settle
    within = low + jax.nn.softplus(k["bmi_kg_m2"] - low) - jax.nn.softplus(k["bmi_kg_m2"] - high)
    return 2.11 * jnp.exp(0.0937 * (within - 26.5) + 0.81 * z)


def _diastolic(z: Any, k: Known) -> Any:
    deviation = (k["sbp_mmhg"] - _systolic(0.0, k)) / PEOPLE_SD["sbp_mmhg"]
    together = PRESSURES_TOGETHER * deviation + (1.0 - PRESSURES_TOGETHER**2) ** 0.5 * z
    return 77.5 - 0.0126 * (k["age_years"] - 50.0) ** 2 + PEOPLE_SD["dbp_mmhg"] * together


def _systolic(z: Any, k: Known) -> Any:
    return 102.0 + 0.5 * k["age_years"] + PEOPLE_SD["sbp_mmhg"] * z


def _alcohol(z: Any, k: Known) -> Any:
    """Fourth power of a number that is nearly normal but stays above 0: a quarter of women hardly ever drink.

    On that scale what is recalled of a day says as much of those who drink much as of those who drink little.
    """
    x = (k["age_years"] - 50.0) / 10.0
    number = 0.66 + 0.58 * k["male"] - 0.090 * x - 0.027 * x**2 + 0.87 * z
    return jax.nn.softplus(number) ** 4 / ALCOHOL_RECALLED


def _logistic(start: float, man: float, decade: float, bend: float) -> Callable[[Known], Any]:
    """Chance at 50 in women, in men, by ten years of age and their square, as logarithms of odds."""

    def chance(k: Known) -> Any:
        x = (k["age_years"] - 50.0) / 10.0
        return jax.nn.sigmoid(start + man * k["male"] + decade * x + bend * x**2)

    return chance


PEOPLE_SD = {"sbp_mmhg": 16.0, "dbp_mmhg": 9.5}      # between people of one age, without visit to visit spread
NHANES = "adults of NHANES 2017-2018, by age and sex"
QUANTITIES = (
    Quantity("height_cm", "cm", 120.0, 220.0, _height, NHANES),
    Quantity("bmi_kg_m2", "kg/m2", 12.0, 90.0, _bmi, NHANES, is_log=True),
    Quantity("weight_kg", "kg", 25.0, 350.0, lambda z, k: k["bmi_kg_m2"] * (k["height_cm"] / 100.0) ** 2,
             "by definition", is_log=True),
    Quantity("body_fat_percent", "%", 5.0, 60.0, _body_fat,
             "Jackson AS et al., Int J Obes 2002;26:789-796; DXA of NHANES 2017-2018"),
    Quantity("activity_level", "1", 1.1, 2.6, lambda z, k: 1.5 * jnp.exp(0.15 * z),
             "sedentary to light; Black AE, Int J Obes 2000;24:1119-1130", is_log=True),
    Quantity("carbohydrate_fraction", "1", 0.05, 0.80, lambda z, k: 0.45 + 0.072 * z,
             "two recall days of 3,911 adults, NHANES 2017-2018; the mean is the twin's default diet"),
    Quantity("fat_fraction", "1", 0.05, 0.80, lambda z, k: 0.37 + 0.053 * z, "the same"),
    Quantity("pdff_percent", "%", 0.1, 45.0, _liver_fat,
             "UK Biobank: Wilman HR et al., PLoS ONE 2017;12:e0172921, doi 10.1371/journal.pone.0172921",
             is_log=True),
    Quantity("sbp_mmhg", "mmHg", 60.0, 260.0, _systolic, "adults of NHANES 2017-2018"),
    Quantity("dbp_mmhg", "mmHg", 30.0, 160.0, _diastolic, "adults of NHANES 2017-2018"),
    Quantity("alcohol_g_d", "g/d", 0.0, 300.0, _alcohol,
             "likeliest for two recall days of 4,742 adults, NHANES 2017-2018, over the share that is recalled",
             is_bent=True),
    Quantity("cigarettes_if_smoker", "/d", 0.1, 100.0,
             lambda z, k: 7.6 * jnp.exp(0.10 * k["male"] + 0.89 * z), "944 smokers of NHANES 2017-2018", is_log=True),
)  # fmt: skip
FREE = tuple(q for q in QUANTITIES if q.name != "weight_kg")       # weight follows from height and body mass index

TRAITS = (
    Trait("cigarettes_per_day", "/d", _logistic(-1.47, 0.52, -0.16, -0.107), "5,265 adults of NHANES 2017-2018",
          amount="cigarettes_if_smoker"),
    Trait("atrial_fibrillation", "1", _logistic(-5.07, 0.18, 1.44, -0.159),
          "0.14 % at 40 (assumed: centre of those below 49), 4 % at 65, 13 % at 85, in men 1.2 times as many: Zoni-"
          "Berisso M et al., Clin Epidemiol 2014;6:213-220, doi 10.2147/CLEP.S47385"),
    Trait("diabetes", "1", _logistic(-1.88, 0.16, 0.77, -0.158), "told by a doctor: 5,265 adults of NHANES 2017-2018"),
)  # fmt: skip


def describe(z: Any, known: Known) -> dict[str, Any]:
    """A person from age, sex and a standard normal number for each of `FREE`; scalars, for `jax.vmap`."""
    person = dict(known)
    number = iter(z)
    for quantity in QUANTITIES:
        person[quantity.name] = quantity.value(next(number) if quantity in FREE else None, person)
    return person


def possible(person: Known) -> dict[str, Any]:
    """The same person with every quantity inside its range, and a diet that leaves room for protein."""
    inside = {q.name: jnp.clip(person[q.name], q.low, q.high) for q in QUANTITIES}
    scale = jnp.minimum(1.0, MOST / (inside["carbohydrate_fraction"] + inside["fat_fraction"]))
    shares = {name: inside[name] * scale for name in ("carbohydrate_fraction", "fat_fraction")}
    return {**person, **inside, **shares}
