"""Life course: how a person came from a lean youth to today's weight, solved backwards through the twins.

This project's own method. A person of the same sex and height is started young and lean (`Youth`, with its spread),
and eats a constant surplus ever since; the surplus that ends at today's weight at today's age is the solution of one
equation in one unknown, the twin's weight. What the other twins then say of today (insulin resistance, fasting glucose,
liver fat) follows from that history instead of from today's measurements. Real histories are not constant: the surplus
is an average, and the interval over draws of the youth is as much as can be said without more visits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pipeline.fitting.sensors import YEAR
from pipeline.solving import Status, make_grid
from pipeline.twins import NO_CHANGE, System, Twin, build_twins, simulate

LONGEST = 70                # years that are simulated; nobody's history may be longer
ITERATIONS = 8
CLOSE_KG = 0.05             # a history that ends farther from today's weight has failed
TWINS = ("body_composition", "liver_fat", "metabolic")


class Youth(NamedTuple):
    """The lean young person that everybody was, with what is assumed of it."""

    age_years: Any = 20.0        # spread 3, assumed
    bmi_kg_m2: Any = 21.5        # spread 1.5: about the median of 20-year-olds before obesity was common, assumed
    pdff_percent: Any = 1.9      # spread 40 %: median of healthy lean adults, assumed


class LifeCourse(NamedTuple):
    """One person's history; arrays over the years since youth, NaN after today."""

    surplus_kcal_d: Any
    courses: dict[str, Any]      # observable -> values at each year since youth
    today: dict[str, Any]        # observable -> value today
    status: Any


def life_course(
    person: Mapping[str, Any], parameters: Mapping[str, Any], youth: Youth, twins: tuple[Twin, ...] = ()
) -> LifeCourse:
    """The history that ends at `weight_kg` and `age_years` of `person`; pure, for `jax.vmap` over people and draws.

    `person` holds male, age_years, height_cm, weight_kg, activity_level, carbohydrate_fraction and fat_fraction;
    `parameters` those of each twin. Whoever is younger than the youth, or whose weight no surplus reaches, has the
    status `NOT_FINITE` and NaN.
    """
    system = System(twins or build_twins(TWINS))
    start = _youth(person, youth)
    years = jnp.arange(LONGEST + 1.0)
    grid = make_grid((0.0,), tuple(YEAR * y for y in range(LONGEST + 1)), max_step=YEAR / 2)
    lived = person["age_years"] - youth.age_years
    (u,) = NO_CHANGE.arrays()

    def history(change: Any, **inputs: Any) -> dict[str, Any]:
        now = {name: jnp.asarray(v) for name, v in (u | {"energy_change_kcal_d": change} | inputs).items()}
        return simulate(system, start, parameters, [now], (0.0,), grid, method="batch").values

    def weight(change: Any) -> Any:
        return jnp.interp(lived, years, history(change)["weight_kg"])

    # The twin's own linearised intake towards a weight is where Newton begins.
    days = jnp.maximum(lived, 1.0) * YEAR
    first = history(0.0, weight_target_factor=person["weight_kg"] / start["weight_kg"], weight_target_days=days)
    change = first["energy_intake_kcal_d"][0] - history(0.0)["energy_intake_kcal_d"][0]

    def improve(change: Any, _: None) -> Any:
        value, slope = jax.jvp(weight, (change,), (jnp.ones_like(change),))
        move = (person["weight_kg"] - value) / jnp.maximum(slope, 1e-4)
        return jnp.clip(change + jnp.clip(move, -300.0, 300.0), -900.0, 2500.0), None

    change, _ = jax.lax.scan(improve, change, None, length=ITERATIONS)
    courses = history(change)
    today = {name: jnp.interp(lived, years, course) for name, course in courses.items()}
    reached = jnp.abs(today["weight_kg"] - person["weight_kg"]) < CLOSE_KG
    ok = reached & (lived >= 1.0) & (lived <= LONGEST)
    kept = {name: jnp.where(ok & (years <= lived), course, jnp.nan) for name, course in courses.items()}
    today = {name: jnp.where(ok, value, jnp.nan) for name, value in today.items()}
    status = jnp.where(ok, int(Status.OK), int(Status.NOT_FINITE))
    return LifeCourse(jnp.where(ok, change, jnp.nan), kept, today, status)


def _youth(person: Mapping[str, Any], youth: Youth) -> dict[str, Any]:
    """The person when young: body fat by Jackson AS et al., Int J Obes 2002;26:789-796."""
    log_bmi = jnp.log(youth.bmi_kg_m2)
    man, woman = 37.31 * log_bmi - 103.95, 39.96 * log_bmi - 102.01
    fat = 0.14 * youth.age_years + jnp.where(person["male"] > 0.5, man, woman)
    weight = youth.bmi_kg_m2 * (person["height_cm"] / 100.0) ** 2
    return {
        **person,
        "age_years": youth.age_years,
        "weight_kg": weight,
        "body_fat_percent": jnp.clip(fat, 5.0, 60.0),
        "pdff_percent": youth.pdff_percent,
    }
