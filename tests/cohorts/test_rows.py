"""People given as rows: what is told becomes observations, and every fault is named with its row."""

import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts import baseline, read_people
from pipeline.schema import TableError, validate, variables

KNOWN = variables()


def test_what_is_told_becomes_people_and_observations():
    rows = pd.DataFrame(
        {"age_years": [50, 61], "sex": ["male", "female"], "weight_kg": [90.5, None], "current_smoker": ["yes", ""]}
    )
    people, observations = read_people(rows, KNOWN)
    validate(people, "people", "people")
    validate(observations, "observations", "observations")
    assert people["person_id"].tolist() == ["1", "2"]
    assert list(zip(observations["person_id"], observations["variable"], strict=True)) == [
        ("1", "weight_kg"),
        ("1", "current_smoker"),
    ]
    assert observations["value"][0] == 90.5
    assert observations["text"][1] == "yes"


def test_rows_of_one_person_are_readings_and_visits():
    rows = pd.DataFrame(
        {
            "person_id": ["a", "a", "a"],
            "time_d": [0.0, None, -365.0],
            "age_years": [50.0, None, None],
            "sex": ["male", None, None],
            "sbp_mmhg": [140.0, 130.0, 90.0],
        }
    )
    people, observations = read_people(rows, KNOWN)
    assert len(people) == 1
    assert observations["time_d"].tolist() == [0.0, 0.0, -365.0]
    assert baseline(people, observations, KNOWN).loc["a", "sbp_mmhg"] == 135.0


def test_only_age_and_sex_is_a_person():
    people, observations = read_people(pd.DataFrame({"age_years": [50], "sex": ["female"]}), KNOWN)
    assert len(people) == 1
    assert observations.empty
    validate(observations, "observations", "observations")


GOOD = {"age_years": [50, 60], "sex": ["male", "female"]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({**GOOD, "weigt_kg": [3, 4]}, ["no variable weigt_kg; did you mean weight_kg"]),
        ({**GOOD, "weight_kg": [80, 9000]}, ["row 2, column weight_kg: 9000 is outside 2 to 350 kg"]),
        ({**GOOD, "weight_kg": ["<b>80</b>", 80]}, ["row 1, column weight_kg: '<b>80</b>' is no number"]),
        ({**GOOD, "current_smoker": ["no", "often"]}, ["row 2, column current_smoker: 'often' is not one of"]),
        ({**GOOD, "time_d": [0, 30]}, ["row 2, column time_d: 30 is after time zero"]),
        ({"age_years": [50, None], "sex": ["male", "female"]}, ["row 2: age_years must be told"]),
        ({"age_years": [50]}, ["row 1: sex must be told"]),
        ({"age_years": [50, 51], "sex": ["male"] * 2, "person_id": ["a", "a"]}, ["age_years is not the same"]),
        ({"age_years": [np.inf], "sex": ["male"]}, ["row 1, column age_years: inf is no number"]),
        ({"age_years": [], "sex": []}, ["no row"]),
    ],
)
def test_a_fault_is_told_with_its_row(rows, said):
    with pytest.raises(TableError) as fault:
        read_people(pd.DataFrame(rows), KNOWN)
    assert all(words in str(fault.value) for words in said), fault.value


def test_all_faults_are_told_at_once():
    rows = {"age_years": [50, 400], "sex": ["man", "female"], "weight_kg": [1, 1]}
    with pytest.raises(TableError) as fault:
        read_people(pd.DataFrame(rows), KNOWN)
    assert len(str(fault.value).splitlines()) == 4
