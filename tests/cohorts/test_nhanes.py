"""NHANES 2017-2018: the two studies' people and every defect that was counted in the file by other means."""

from pathlib import Path

import pytest

from pipeline.cohorts import build
from pipeline.cohorts.assemble import COHORTS
from pipeline.config import read_study
from pipeline.schema import variables
from pipeline.sections import NhanesCohort

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def source():
    return COHORTS["nhanes"](NhanesCohort(source="nhanes"), variables())


@pytest.mark.parametrize(
    ("study", "people", "events"), [("nhanes_dysglycaemia", 4011, 1377), ("nhanes_cvd", 5247, 440)]
)
def test_study_has_its_people_and_events_and_the_flow_adds_up(study, people, events):
    cohort = build(read_study(CONFIGS / f"{study}.toml"))
    assert (len(cohort.people), int(cohort.outcomes["event"].sum())) == (people, events)
    assert cohort.flow[0] == {"step": "in the source file", "removed": 0, "left": 8366}
    for before, step in zip(cohort.flow, cohort.flow[1:], strict=False):
        assert before["left"] - step["removed"] == step["left"]
    assert cohort.flow[1]["left"] == 5265    # adults in the file
    assert cohort.flow[-1]["left"] == people
    assert list(cohort.outcomes["person_id"]) == list(cohort.people["person_id"])


# Counted in the file with a few lines of pandas, apart from this code. (defect, column) -> all ages, adults
COUNTS = {
    ("zero stored", "AlcoholGm_DR1TOT"): (6282, None),
    ("zero stored", "AlcoholGm_DR2TOT"): (5699, None),
    ("diastolic 0", "DiastolicBloodPres1StRdgMmHg"): (134, None),
    ("diastolic 0", "DiastolicBloodPres2NdRdgMmHg"): (124, None),
    ("diastolic 0", "DiastolicBloodPres3RdRdgMmHg"): (127, None),
    ("person with any diastolic 0", "DiastolicBloodPres"): (None, 52),
    ("refusal", "CurrentSelfreportedHeightInches"): (None, 113),
    ("refusal", "CurrentSelfreportedWeightPounds"): (None, 92),
    ("refusal", "MinutesSedentaryActivity"): (None, 31),
    ("refusal", "AgeWhenToldYouHadAStroke"): (None, 5),
    ("refusal", "WhatWasYourLastA1CLevel"): (None, 237),
    ("age topped", "AgeInYearsAtScreening"): (382, 382),
    ("identifier", "SEQN"): (8366, 5265),
    ("column of text labels", "whole file"): (36, None),
    ("texts and numbers mixed", "DoctorToldYouHaveDiabetes"): (175, None),
    ("label cut short: 'Fair or'", "GeneralHealthCondition"): (1175, None),
    ("label cut short: 'Poor?'", "GeneralHealthCondition"): (172, None),
    ("self-reported height", "CurrentSelfreportedHeightInches"): (None, 77),
    ("self-reported weight", "CurrentSelfreportedWeightPounds"): (None, 50),
    ("plausible tail, above 60 g", "AlcoholGm_DR1TOT"): (None, 203),
    ("plausible tail, above 200 g", "AlcoholGm_DR1TOT"): (None, 13),
    ("plausible tail, below 500 kcal", "EnergyKcal_DR1TOT"): (None, 57),
    ("plausible tail, above 5000 kcal", "EnergyKcal_DR1TOT"): (None, 67),
    ("person without a measured weight", "WeightKg"): (None, 80),
    ("person without any blood pressure", "SystolicBloodPres"): (None, 269),
}


@pytest.mark.parametrize(("defect", "column"), COUNTS)
def test_defect_is_found_as_often_as_it_is_there(source, defect, column):
    found = [d for d in source.defects if d.what.startswith(defect) and d.column == column]
    assert len(found) == 1
    for expected, counted in zip(COUNTS[defect, column], (found[0].found, found[0].adults), strict=True):
        assert expected in (None, counted)


def test_transport_zeros_are_found_in_forty_columns(source):
    assert len([d for d in source.defects if d.what.startswith("zero stored")]) == 40


def test_first_participant_is_as_printed_in_the_file(source):
    rows = source.observations[source.observations["person_id"] == source.people["person_id"].iloc[0]]
    assert source.people["person_id"].iloc[0] == "93703"
    assert source.people["person_id"].str.fullmatch(r"\d+").all()
    assert rows.loc[rows["variable"] == "ethnicity", "text"].tolist() == ["asian"]


def test_repeated_measurements_stay_rows_of_their_own(source):
    sizes = source.observations.groupby(["person_id", "variable"], sort=False).size()
    most = sizes.groupby("variable").max()
    assert most["sbp_mmhg"] == most["dbp_mmhg"] == 3
    assert most["alcohol_intake_g_d"] == most["energy_intake_kcal_d"] == 2
    assert most["weight_kg"] == 1


def test_no_diastolic_pressure_below_thirty_and_no_transport_zero_is_left(source):
    readings = source.observations.dropna(subset="value")
    assert readings.loc[readings["variable"] == "dbp_mmhg", "value"].min() >= 30
    assert not readings["value"].abs().between(1e-300, 1e-50).any()
    assert readings.loc[readings["variable"] == "sedentary_min_d", "value"].max() <= 1440


def test_flags_say_why_a_reading_is_missing(source):
    lost = source.observations[source.observations["value"].isna() & source.observations["text"].isna()]
    assert len(lost) == 134 + 124 + 127 + 12 + 15 + 14    # zeros, then readings above 0 and below 30
    assert (lost["variable"] == "dbp_mmhg").all()
    assert (lost["flag"] != "").all()


def test_current_smokers_are_those_of_the_second_question(source):
    status = source.observations[source.observations["variable"] == "smoking_status"]["text"].value_counts()
    assert status.to_dict() == {"never": 3301, "former": 1260, "current": 763 + 209}
