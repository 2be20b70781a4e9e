"""Usual pressure of each person: one visit's readings are not the truth, so they are drawn towards age's mean.

Means and spreads by age: adults of NHANES 2017-2018. Visit to visit spread of systolic pressure: Muntner P et
al., Hypertension 2011;57:160-166 (7.7 mmHg); of diastolic pressure assumed. Readings of one visit share its
deviation, so that their number hardly matters.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.fitting.estimate import Estimate, basis, column, combine

VISIT_SD = {"sbp_mmhg": 7.7, "dbp_mmhg": 6.0}
PEOPLE_SD = {"sbp_mmhg": 16.0, "dbp_mmhg": 9.5}      # between people of one age, without visit to visit spread


def fit(table: pd.DataFrame, counts: pd.DataFrame) -> list[Estimate]:
    """Estimates of usual systolic and diastolic pressure for the rows of a baseline table."""
    age = column(table, "age_years")
    expected = {"sbp_mmhg": 102.0 + 0.5 * age, "dbp_mmhg": 77.5 - 0.0126 * (age - 50.0) ** 2}
    found = []
    for name, prior in expected.items():
        measured = column(table, name)
        mode, sd = combine(prior, PEOPLE_SD[name], measured, VISIT_SD[name])
        mode = np.where(np.isnan(measured), np.nan, mode)      # a pressure that nobody took is not made up
        spread = np.full(len(table), PEOPLE_SD[name])
        found.append(Estimate(name, "mmHg", mode, sd, spread, basis(measured, "none"), False, 30.0, 260.0))
    return found
