import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts import baseline, next_visit
from pipeline.schema import variables

PEOPLE = pd.DataFrame(
    {"person_id": ["a", "b"], "group_id": ["a", "b"], "age_years": [40.0, 50.0], "sex": ["female", "male"]}
)


def observed(*rows):
    frame = pd.DataFrame(rows, columns=["person_id", "time_d", "variable", "value", "text"])
    types = {"person_id": "str", "time_d": float, "variable": "str", "value": float, "text": "str"}
    return frame.assign(flag="").astype({**types, "flag": "str"})


def test_repeated_readings_of_one_day_become_their_mean():
    rows = observed(*(("a", 0, "sbp_mmhg", value, None) for value in (120, 130, 140)))
    assert baseline(PEOPLE, rows, variables())["sbp_mmhg"]["a"] == 130.0


def test_last_day_up_to_time_zero_counts_and_later_days_do_not():
    rows = observed(
        ("a", -30, "sbp_mmhg", 100, None), ("a", -7, "sbp_mmhg", 110, None), ("a", -7, "sbp_mmhg", 114, None),
        ("a", 20, "sbp_mmhg", 200, None), ("a", -30, "smoking_status", None, "current"),
        ("a", -7, "smoking_status", None, "former"), ("b", 3, "sbp_mmhg", 120, None),
    )  # fmt: skip
    table = baseline(PEOPLE, rows, variables())
    assert table["sbp_mmhg"]["a"] == 112.0
    assert table["smoking_status"]["a"] == "former"
    assert table.loc["b", ["sbp_mmhg", "smoking_status"]].isna().all()


def test_a_reading_set_missing_does_not_hide_an_earlier_one():
    rows = observed(("a", -7, "dbp_mmhg", 80, None), ("a", 0, "dbp_mmhg", np.nan, None))
    assert baseline(PEOPLE, rows, variables())["dbp_mmhg"]["a"] == 80.0


def test_mass_index_is_derived_only_where_it_is_absent():
    rows = observed(
        ("a", 0, "weight_kg", 80, None), ("a", 0, "height_cm", 200, None), ("b", 0, "weight_kg", 80, None),
        ("b", 0, "height_cm", 200, None), ("b", 0, "bmi_kg_m2", 20.5, None),
    )  # fmt: skip
    assert baseline(PEOPLE, rows, variables())["bmi_kg_m2"].tolist() == [20.0, 20.5]


def test_columns_are_known_variables_that_occur_in_the_order_of_the_table():
    rows = observed(
        ("a", 0, "smoking_status", None, "never"), ("a", 0, "sbp_mmhg", 120, None), ("a", 0, "shoe", 40, None)
    )  # fmt: skip
    table = baseline(PEOPLE, rows, variables())
    assert list(table.columns) == ["age_years", "sex", "sbp_mmhg", "smoking_status"]
    assert list(table.index) == ["a", "b"]
    assert table["sbp_mmhg"].dtype == np.float64
    assert pd.api.types.is_string_dtype(table["smoking_status"])


def test_people_without_any_observation_keep_their_row():
    table = baseline(PEOPLE, observed(), variables())
    assert table["age_years"].tolist() == [40.0, 50.0]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
def test_observations_of_other_people_are_ignored(order):
    readings = zip("zab", (90, 120, 130), strict=True)
    rows = observed(*((who, 0, "sbp_mmhg", value, None) for who, value in readings))
    assert baseline(PEOPLE, rows.iloc[order], variables())["sbp_mmhg"].tolist() == [120.0, 130.0]


def test_the_next_visit_is_the_first_day_after_time_zero():
    rows = observed(
        ("a", 0, "sbp_mmhg", 100, None), ("a", 730.5, "sbp_mmhg", 110, None), ("a", 730.5, "sbp_mmhg", 114, None),
        ("a", 900, "bmi_kg_m2", 30, None), ("b", -3, "sbp_mmhg", 120, None), ("b", 5, "smoking_status", None, "former"),
    )  # fmt: skip
    table = next_visit(rows, variables())
    assert table.to_dict("index") == {"a": {"sbp_mmhg": 112.0, "years": 2.0}}
    assert next_visit(rows[rows["time_d"] <= 0], variables()) is None
