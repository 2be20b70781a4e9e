"""What is measured: made-up people, our solution of one of them, and the same people in sund."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from benchmarks import sund_people
from benchmarks.sund_people import InSund
from pipeline.solving import make_grid
from pipeline.twins import INPUTS, Events, System, build_twins, episode_steps, event_arrays, simulate, simulate_episode
from pipeline.twins.alcohol import Alcohol
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.meal import Meal
from pipeline.twins.metabolic import Metabolic
from pipeline.twins.peth import Peth

People = Mapping[str, Any]      # trees of arrays whose leading axis is people
Method = Literal["batch", "reference"]
TIGHT = 1e-10
BASELINE = {name: spec.baseline for name, spec in INPUTS.items()}


class Case(NamedTuple):
    """One scenario for many people."""

    name: str
    bound: float                 # error that the targets are for
    target: float                # times cheaper than one core of sund
    chunk: int                   # people in one call of our program
    people: Callable[[int], People]
    ours: Callable[[People, Method], Callable[[Any], dict[str, Any]]]     # for these people, the outputs of one
    sund: Callable[[People], InSund]
    exact: Literal["diffrax", "sund"] = "diffrax"      # whose tight solution errors are against
    of_value: bool = False       # errors relative to each value, not to the largest of the course
    in_sund: int = 200           # people that sund solves
    counts: Callable[[dict[str, Any]], Any] | None = None      # which output times count, of the exact solution


def adults(number: int, bmi: tuple[float, float] = (22.0, 40.0)) -> tuple[np.random.Generator, dict[str, np.ndarray]]:
    """A source of random numbers, and people over the adult range with the fat of Jackson 2002."""
    r = np.random.default_rng(0)
    height, male, age = r.uniform(155, 190, number), r.integers(0, 2, number) * 1.0, r.uniform(25, 70, number)
    index = r.uniform(*bmi, number)
    fat = 0.14 * age + np.where(male > 0.5, 37.31 * np.log(index) - 103.95, 39.96 * np.log(index) - 102.01)
    person = {"male": male, "age_years": age, "height_cm": height, "weight_kg": index * (height / 100) ** 2}
    return r, person | {"body_fat_percent": fat, "activity_level": np.full(number, 1.5)}


# Body composition and liver fat


class FieldAlone(System):
    """A system whose states are all stepped, whatever its twins know in closed form."""

    def solved(self, t: Any, start: Any, arguments: Any) -> dict[str, Any]:
        """Nothing."""
        return jax.tree.map(lambda _: None, dict(start))


YEARS = make_grid((0.0,), tuple(np.linspace(0.0, 1095.0, 37).tolist()), growth=1.5)      # as far apart as outputs
BODY_LIVER = build_twins(["body_composition", "liver_fat"])
BODY_LIVER_P = {twin.name: twin.defaults() for twin in BODY_LIVER}


def liver_people(number: int) -> People:
    """Diets, weight change, and for every fifth a drug."""
    r, person = adults(number)
    same = {"pdff_percent": r.uniform(2, 20, number), "carbohydrate_fraction": np.full(number, 0.45)}
    change = {
        "energy_change_kcal_d": r.uniform(-500, 300, number),
        "carbohydrate_fraction": r.uniform(0.25, 0.55, number),
        "dnl_drug_factor": np.where(np.arange(number) % 5 == 0, 0.7176, 1.0),
    }
    return {"person": person | same | {"fat_fraction": np.full(number, 0.37)}, "change": change}


def liver(system: System, x: Any, method: Method, parameters: Any = BODY_LIVER_P) -> dict[str, Any]:
    """Three years of one person."""
    inputs = [{**BASELINE, **x["change"]}]
    found = simulate(system, x["person"], parameters, inputs, (0.0,), YEARS, method=method, rtol=TIGHT).values
    return {name: found[name] for name in ("weight_kg", "pdff_percent")}


# Fasting glucose and insulin over years, as published

DECADE = make_grid((0.0,), tuple(np.linspace(0.0, 3650.0, 41).tolist()), max_step=91.25)      # as far apart as outputs
PUBLISHED = System(
    (BodyComposition(frozenset({"resting_rate", "start", "diet", "sodium"})), Metabolic.build("published"))
)
METABOLIC_OUTPUTS = ("weight_kg", "fasting_glucose_mg_dl", "fasting_insulin_pmol_l", "diabetes")
PUBLISHED_P = {twin.name: twin.defaults() for twin in PUBLISHED.twins}


def metabolic_people(number: int) -> People:
    """Gain from every start between lean and obese; fat loss runs into the published switch of secretion."""
    r, person = adults(number, (20.0, 34.0))
    same = {"carbohydrate_fraction": np.full(number, 0.4)}
    return {"person": person | same, "change": {"energy_change_kcal_d": r.uniform(0, 450, number)}}


def metabolic(x: Any, method: Method) -> dict[str, Any]:
    """Ten years of one person."""
    inputs = [{**BASELINE, **x["change"]}]
    found = simulate(PUBLISHED, x["person"], PUBLISHED_P, inputs, (0.0,), DECADE, method=method, rtol=TIGHT).values
    return {name: found[name] for name in METABOLIC_OUTPUTS}


def settled(exact: dict[str, Any]) -> Any:
    """All times but the first after body mass index has crossed the published limit: the minutes still move there."""
    return np.diff(exact["diabetes"], axis=1, prepend=exact["diabetes"][:, :1]) == 0.0


# Alcohol over a day

DAY = np.arange(0.0, 1441.0)
DRINKER = Alcohol(frozenset({"quasi_steady"}))
DRINKER_P = DRINKER.defaults()
ALCOHOL_OUTPUTS = ("blood_alcohol_mg_dl", "acetate_mmol_l", "breath_alcohol_g_210l", "gastric_volume_ml", "peth_ng_ml")
DRINKS = ((0.33, 5.1, 129.83), (0.15, 12.0, 133.25), (0.04, 40.0, 10.0))      # L, % v/v, kcal/L


def drinkers(number: int) -> People:
    """One or two meals and two to five drinks each, at random times."""
    r, person = adults(number)

    def some() -> Events:
        count, meals = r.integers(2, 6), r.integers(1, 3)
        starts = np.sort(r.uniform(0, 600, count)) + 45.0 * np.arange(count)
        kinds = (DRINKS[i] for i in r.integers(0, 3, count))
        drinks = [
            {"start_min": at, "minutes": r.uniform(5, 40), "volume_l": v, "abv_percent": a, "kcal_per_l": q}
            for at, (v, a, q) in zip(starts, kinds, strict=True)
        ]
        times = np.sort(r.uniform(0, 800, meals)) + 60.0 * np.arange(meals)
        ate = [{"start_min": at, "kcal": r.uniform(200, 1000)} for at in times]
        return Events.model_validate({"drinks": drinks, "meals": ate})

    return {"person": person, "events": event_arrays([some() for _ in range(number)])}


def alcohol(x: Any, method: Method, steps: int, p: Any = DRINKER_P) -> dict[str, Any]:
    """One day of one person."""
    found = simulate_episode(DRINKER, x["person"], p, x["events"], DAY, method=method, steps=steps, rtol=TIGHT).values
    return {name: found[name] for name in ALCOHOL_OUTPUTS}


def steps_of(twin: Any, x: People, end: float) -> int:
    """Steps that our solver needs for these people."""
    number = len(jax.tree.leaves(x)[0])
    p = {n: np.full(number, v) for n, v in twin.defaults().items()}
    return episode_steps(twin, x["person"], p, x["events"], end)


def alcohol_of(x: People, method: Method) -> Callable[[Any], dict[str, Any]]:
    """The solution for the busiest of these people."""
    steps = steps_of(DRINKER, x, DAY[-1]) if method == "batch" else 0
    return lambda one: alcohol(one, method, steps)


# PEth over three months of the same evening every day

MONTHS = make_grid((0.0,), tuple(np.arange(91.0).tolist()))
PETH = System((Peth.build("corrected"),))
PETH_P = {"peth": PETH.twins[0].defaults()}


def habits(number: int) -> People:
    """People settled at one amount a day who drink another from now on."""
    r, person = adults(number)
    usual = r.uniform(40, 80, number)
    return {
        "person": person | {"alcohol_g_d": usual},
        "change": {"alcohol_factor": r.uniform(40, 80, number) / usual},
    }


def peth(x: Any) -> dict[str, Any]:
    """Ninety days of one person."""
    found = simulate(PETH, x["person"], PETH_P, [{**BASELINE, **x["change"]}], (0.0,), MONTHS, method="batch").values
    return {"peth_umol_l": found["peth_umol_l"]}


# A meal

AFTER = np.linspace(0.0, 300.0, 61)
EATER = Meal.build("published")
EATER_P = EATER.defaults()


def eaters(number: int) -> People:
    """One meal each, of people who have gained or lost fat since their first visit."""
    r, person = adults(number, (20.0, 34.0))
    who = {n: person[n] for n in ("weight_kg", "height_cm")}
    who |= {"fat_ratio": r.uniform(0.97, 1.5, number), "lean_ratio": r.uniform(0.98, 1.1, number)}
    events = {"meal_start_min": np.zeros((number, 1)), "meal_kcal": r.uniform(150, 500, (number, 1))}
    return {"person": who, "events": events}


def meal_of(x: People, method: Method) -> Callable[[Any], dict[str, Any]]:
    """Five hours of one person."""
    steps = steps_of(EATER, x, AFTER[-1]) if method == "batch" else 0

    def one(x: Any) -> dict[str, Any]:
        who, events = x["person"], x["events"]
        found = simulate_episode(EATER, who, EATER_P, events, AFTER, method=method, steps=steps, rtol=TIGHT).values
        return {name: found[name] for name in ("meal_glucose_mg_dl", "meal_insulin_pmol_l")}

    return one


def _liver_case(name: str, target: float, system: System) -> Case:
    return Case(
        name, 1e-4, target, 1000, liver_people, lambda _, method: lambda x: liver(system, x, method),
        lambda x: sund_people.body_liver(x, System(BODY_LIVER), BODY_LIVER_P, YEARS.times), of_value=True,
    )  # fmt: skip


CASES = {
    "liver": _liver_case("body and liver fat, 3 years, 37 outputs", 20.0, System(BODY_LIVER)),
    "liver-field": _liver_case("the same from the vector field alone", 10.0, FieldAlone(BODY_LIVER)),
    "metabolic": Case(
        "fasting glucose and insulin, 10 years, 41 outputs", 1e-3, 100.0, 1000, metabolic_people,
        lambda _, method: lambda x: metabolic(x, method),
        lambda x: sund_people.metabolic(x, PUBLISHED, PUBLISHED_P, DECADE.times), exact="sund", counts=settled,
    ),
    "alcohol": Case(
        "alcohol, 24 hours, 1,441 outputs", 2e-3, 15.0, 200, drinkers, alcohol_of,
        lambda x: sund_people.alcohol(x, DAY), exact="sund",
    ),
    "peth": Case(
        "PEth, 90 days of drinking, 91 outputs", 5e-3, 100.0, 1000, habits, lambda _, method: peth,
        lambda x: sund_people.peth(x, PETH, PETH_P), exact="sund", of_value=True,
        in_sund=10,
    ),
    "meal": Case(
        "a meal, 5 hours, 61 outputs", 1e-3, 4.0, 500, eaters, meal_of, lambda x: sund_people.meal(x, AFTER),
        exact="sund",
    ),
}  # fmt: skip
