"""Liver fat of each person: measured by MRI, else a wide guess from body mass index.

The guess is log-normal and keeps three figures of 4,949 people of UK Biobank (Wilman HR et al., PLoS ONE
2017;12:e0172921, doi 10.1371/journal.pone.0172921): a median of 2.11 %, 5 % of people with a BMI below 25 and a
third of those above 30 over 5.5 %. Solving for BMI 22.5, 26.5 and 33 gives the constants below.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.fitting.estimate import Estimate, basis, column, combine

MEDIAN_PERCENT, AT_BMI, LOG_SLOPE, LOG_SD = 2.11, 26.5, 0.0937, 0.81
BMI_RANGE = (18.0, 45.0)       # beyond it the guess stays at its end
MRI_SD_PERCENT = 0.5           # points, assumed: repeatability of MRI-PDFF


def fit(table: pd.DataFrame, counts: pd.DataFrame) -> list[Estimate]:
    """Estimate of liver fat for the rows of a baseline table, log-normal."""
    measured = column(table, "pdff_percent")
    measured = np.where(measured > 0, measured, np.nan)
    bmi = np.clip(column(table, "bmi_kg_m2"), *BMI_RANGE)
    guess = np.log(MEDIAN_PERCENT) + LOG_SLOPE * (bmi - AT_BMI)
    noise = np.where(np.isnan(measured), 1.0, MRI_SD_PERCENT / np.maximum(measured, MRI_SD_PERCENT))
    without_bmi = np.where(np.isnan(bmi), np.log(MEDIAN_PERCENT), guess)
    spread = np.where(np.isnan(bmi), 1.11, LOG_SD)      # 1.11: mean 3.91 over median 2.11 of the same people
    mode, sd = combine(without_bmi, spread, np.log(measured), noise)
    known = np.isnan(bmi) & np.isnan(measured)
    mode = np.where(known, np.nan, mode)
    found = np.where(known, "none", basis(measured, "estimated"))
    return [Estimate("pdff_percent", "%", np.exp(mode), sd, spread, found, True, 0.1, 45.0)]
