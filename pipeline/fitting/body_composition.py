"""Body fat and activity of each person, in closed form.

Body fat is the DXA value where measured, else the equation of Jackson AS et al., Int J Obes 2002;26:789-796.
Activity comes from two sources that disagree in known ways: people's usual activity (prior) and what they say
they ate, which falls short. Spreads of Black AE, Int J Obes 2000;24:1119-1130.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.fitting.estimate import Estimate, basis, column, combine

DXA_SD = 1.5                     # percentage points, assumed: repeatability and difference between devices
JACKSON_SD = (5.1, 6.1)          # men, women; against DXA in 1,065 men and 1,169 women of NHANES 2017-2018
JACKSON_BIAS = (1.2, 1.7)        # DXA minus equation in the same people
ACTIVITY, ACTIVITY_CV = 1.5, 0.15          # sedentary to light; between people, Black 2000
RECALL_CV_DAY, RESTING_CV = 0.23, 0.085    # within a person from day to day; of a predicted resting rate, Black 2000
UNDER_REPORT = 0.11              # of a recalled intake, Moshfegh AJ et al., AJCN 2008;88:324-332
UNDER_REPORT_CV = 0.20           # between people, assumed


def fit(table: pd.DataFrame, counts: pd.DataFrame) -> list[Estimate]:
    """Body fat and activity for the rows of a baseline table; `counts`: how often each variable was measured."""
    return [_body_fat(table), _activity(table, counts)]


def resting_kcal_d(table: pd.DataFrame) -> np.ndarray:
    """Resting rate by Mifflin MD et al., AJCN 1990;51:241-247."""
    male = (table["sex"] == "male").to_numpy()
    weight, height = column(table, "weight_kg"), column(table, "height_cm")
    return 9.99 * weight + 6.25 * height - 4.92 * column(table, "age_years") + 166.0 * male - 161.0


def _body_fat(table: pd.DataFrame) -> Estimate:
    male = (table["sex"] == "male").to_numpy()
    age, bmi = column(table, "age_years"), column(table, "bmi_kg_m2")
    log_bmi = np.log(bmi)
    equation = 0.14 * age + np.where(male, 37.31 * log_bmi - 103.95, 39.96 * log_bmi - 102.01)
    expected = np.clip(equation + np.where(male, *JACKSON_BIAS), 5.0, 60.0)
    spread = np.where(male, *JACKSON_SD)
    measured = column(table, "body_fat_percent")
    mode, sd = combine(expected, spread, measured, DXA_SD)
    return Estimate("body_fat_percent", "%", mode, sd, spread, basis(measured, "estimated"), False, 5.0, 60.0)


def _activity(table: pd.DataFrame, counts: pd.DataFrame) -> Estimate:
    eaten = column(table, "energy_intake_kcal_d")
    eaten = np.where(eaten > 0, eaten, np.nan)
    days = np.fmax(column(counts, "energy_intake_kcal_d"), 1.0)
    said = np.log(eaten / (1.0 - UNDER_REPORT) / resting_kcal_d(table))
    noise = np.sqrt(RECALL_CV_DAY**2 / days + RESTING_CV**2 + UNDER_REPORT_CV**2)
    prior = np.full(len(table), np.log(ACTIVITY))
    mode, sd = combine(prior, ACTIVITY_CV, said, noise)
    spread = np.full(len(table), ACTIVITY_CV)
    return Estimate("activity_level", "1", np.exp(mode), sd, spread, basis(eaten, "assumed"), True, 1.1, 2.6)
