"""Virtual people whose truth is known: drawn from the project's own description of people, measured with its errors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd

from pipeline.fitting.quantities import FREE, QUANTITIES, describe, possible
from pipeline.fitting.sensors import PDFF_FLOOR, PDFF_SHARE, SENSORS

NAMES = [quantity.name for quantity in FREE]
UNMEASURED = ("alcohol_g_d", "cigarettes_if_smoker")      # asked, and not with an error of one size
MEASURED = [sensor for sensor in SENSORS if sensor.tells not in UNMEASURED]
ERRORS = {sensor.tells: (sensor.sd**2 + sensor.shared**2) ** 0.5 for sensor in MEASURED}
READ = {sensor.tells: sensor.predict for sensor in MEASURED}
MORE = 3                 # times as many are drawn as asked for: some are impossible


class Virtual(NamedTuple):
    """A cohort and what is true of it."""

    people: pd.DataFrame                 # as the cohort stage writes it
    observations: pd.DataFrame
    z: pd.DataFrame                      # true spreads from usual, a column an unknown; index person_id
    truth: dict[str, np.ndarray]         # true quantities
    group: np.ndarray                    # planted


def one_cloud(draw, size):
    """People as the description has them, without groups."""
    return draw.normal(size=(size, len(NAMES))), np.zeros(size, dtype=int)


def planted(*shifts: dict[str, float], within=0.5) -> Callable:
    """As many groups as `shifts`, each moved so many spreads in some unknowns, in which people vary by `within`."""

    def plant(draw, size):
        z, group = draw.normal(size=(size, len(NAMES))), draw.integers(0, len(shifts), size)
        for name in {n for shift in shifts for n in shift}:
            middle = np.array([shift.get(name, 0.0) for shift in shifts])
            z[:, NAMES.index(name)] = middle[group] + within * z[:, NAMES.index(name)]
        return z, group

    return plant


def virtual_cohort(size, seed, plant=one_cloud):
    """People of 30 to 75, measured once, each thing with the error of its sensor; impossible ones are drawn again."""
    draw = np.random.default_rng(seed)
    z, group = plant(draw, MORE * size)
    known = {"age_years": draw.uniform(30, 75, len(z)), "male": draw.integers(0, 2, len(z)) * 1.0}
    every = {k: np.asarray(v) for k, v in jax.vmap(describe)(z, known).items()}
    clipped = jax.vmap(possible)(every)
    inside = np.all([np.isclose(every[q.name], clipped[q.name]) for q in QUANTITIES], axis=0)
    kept = np.flatnonzero(inside)[:size]
    assert len(kept) == size
    truth = {name: values[kept] for name, values in every.items()}
    exact = {name: np.asarray(jax.vmap(read, in_axes=(0, None))(truth, 0.0)) for name, read in READ.items()}
    read = {name: exact[name] + ERRORS[name] * draw.normal(size=size) for name in READ if name != "bmi_kg_m2"}
    energy = np.exp(read.pop("activity_level"))
    carbohydrate, fat = read.pop("carbohydrate_fraction"), read.pop("fat_fraction")
    seen = read | {
        "weight_kg": np.exp(read["weight_kg"]),
        "pdff_percent": np.sinh(PDFF_SHARE * read["pdff_percent"]) * PDFF_FLOOR / PDFF_SHARE,
        "energy_intake_kcal_d": energy,
        "carbohydrate_intake_g_d": carbohydrate * energy / 4.0,
        "fat_intake_g_d": fat * energy / 9.0,
    }
    ids = [f"v{i:05d}" for i in range(size)]
    sex = np.where(truth["male"] == 1.0, "male", "female")
    people = pd.DataFrame({"person_id": ids, "group_id": ids, "age_years": truth["age_years"], "sex": sex})
    observations = pd.DataFrame(seen, index=pd.Index(ids, name="person_id")).melt(ignore_index=False).reset_index()
    observations = observations.assign(time_d=0.0, text=None)
    return Virtual(people, observations, pd.DataFrame(z[kept], index=ids, columns=NAMES), truth, group[kept])
