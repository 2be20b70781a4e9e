"""Usual values of people, the same as fits of the twins tell them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.fitting import QUANTITIES, personalise, usual
from tests.fitting.people import readings, someone

ROWS = [("p000", "sbp_mmhg", 160.0), ("p000", "bmi_kg_m2", 31.0), ("p001", "sbp_mmhg", 150.0, -2191.5)]


def test_usual_values_are_those_of_the_fits():
    people, rows = someone(3), readings(*ROWS)
    found = usual(people, rows)
    assert list(found.mode.columns) == list(found.sd.columns) == [q.name for q in QUANTITIES]
    table = personalise(people, rows, ("body_composition", "liver_fat", "blood_pressure"), 4, seed=1).table
    for name, column in (("mode", found.mode), ("sd", found.sd)):
        fits = table.drop_duplicates(["person_id", "parameter"]).pivot(
            index="person_id", columns="parameter", values=name
        )
        pd.testing.assert_frame_equal(column[fits.columns], fits, check_names=False)


def test_body_mass_index_is_told_also_where_no_twin_asks_for_it():
    found = usual(someone(3), readings(*ROWS))
    assert found.mode.loc["p000", "bmi_kg_m2"] == pytest.approx(31.0, rel=0.001)
    assert found.sd.loc["p000", "bmi_kg_m2"] == pytest.approx(0.012 * 31.0, rel=0.01)


def test_what_comes_after_time_zero_is_not_looked_at():
    later = readings(*ROWS, ("p002", "sbp_mmhg", 199.0, 1.0))
    for with_later, without in zip(usual(someone(3), later), usual(someone(3), readings(*ROWS)), strict=True):
        np.testing.assert_array_equal(with_later, without)
