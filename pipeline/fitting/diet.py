"""Usual diet of each person: shares of energy, from recall days drawn towards what people eat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.fitting.estimate import Estimate, basis, column, combine

# Share of energy: mean, sd between people, sd from day to day; two recall days of 3,911 adults, NHANES 2017-2018.
CARBOHYDRATE = (0.45, 0.072, 0.091)        # the mean is the twin's default diet, near the 0.475 of these people
FAT = (0.37, 0.053, 0.077)
KCAL_PER_G = {"carbohydrate": 4.0, "fat": 9.0}
MOST = 0.95      # of energy from both together; protein is never less than the rest


def fit(table: pd.DataFrame, counts: pd.DataFrame) -> list[Estimate]:
    """Shares of carbohydrate and fat for the rows of a baseline table."""
    eaten = column(table, "energy_intake_kcal_d")
    eaten = np.where(eaten > 0, eaten, np.nan)
    found = []
    for nutrient, (mean, between, daily) in (("carbohydrate", CARBOHYDRATE), ("fat", FAT)):
        share = KCAL_PER_G[nutrient] * column(table, f"{nutrient}_intake_g_d") / eaten
        days = np.fmax(column(counts, f"{nutrient}_intake_g_d"), 1.0)
        mode, sd = combine(np.full(len(table), mean), between, share, daily / np.sqrt(days))
        spread = np.full(len(table), between)
        name = f"{nutrient}_fraction"
        found.append(Estimate(name, "1", mode, sd, spread, basis(share, "assumed"), False, 0.05, 0.80))
    return found


def constrain(people: dict[str, np.ndarray]) -> None:
    """Make the drawn diets possible: carbohydrate and fat, drawn apart, shrink together to at most `MOST`."""
    carbohydrate, fat = "carbohydrate_fraction", "fat_fraction"
    if carbohydrate in people and fat in people:
        scale = np.minimum(1.0, MOST / (people[carbohydrate] + people[fat]))
        people |= {name: people[name] * scale for name in (carbohydrate, fat)}
