"""Framingham teaching data: people and events of every study, defects of the file, and nothing of the future."""

from pathlib import Path

import pytest

from pipeline.cohorts import baseline
from pipeline.config import read_study
from tests.cohorts.fetched import build_fetched

CONFIGS = Path(__file__).parents[2] / "configs"
# Counted in the file with a few lines of pandas, apart from this code.
STUDIES = {
    "framingham_cvd": (4215, 369), "framingham_stroke": (4402, 111), "framingham_landmark": (2854, 398),
    "framingham_hypertension": (2678, 830), "framingham_stroke5": (11474, 193),
    "framingham_forecast": (4434, 429),
}  # fmt: skip
DEFECTS = {
    "casual glucose missing, examination 1": 397,
    "casual glucose missing, examination 2": 481,
    "casual glucose missing, examination 3": 562,
    "glucose 126 mg/dL or more without diabetes": 142,
    "glucose below 50 mg/dL": 27,
    "no known hypertension at 140/90 mmHg or more, examination 1": 325,
    "cholesterol above 500 mg/dL": 8,
    "body mass index above 50": 6,
    "heart rate above 150": 1,
    "treatment unknown, examination 3": 446,
    "stroke followed up beyond death": 7,
    "alive, lost to follow-up of cardiovascular events before 10 years": 16,
}


def built(name):
    study = read_study(CONFIGS / f"{name}.toml")
    return study, build_fetched(study)


@pytest.mark.parametrize("name", STUDIES)
def test_study_has_its_people_and_events(name):
    _, cohort = built(name)
    assert (len(cohort.people), int(cohort.outcomes["event"].sum())) == STUDIES[name]
    assert cohort.outcomes["weight"].sum() == pytest.approx(len(cohort.people))


def test_every_defect_is_counted():
    _, cohort = built("framingham_cvd")
    found = {d["what"]: d["found"] for d in cohort.quality["defects"]}
    assert {what: found.get(what) for what in DEFECTS} == DEFECTS


def test_report_says_that_these_are_teaching_data():
    for name in STUDIES:
        study, cohort = built(name)
        assert "Teaching data, method check only" in study.caution
        assert "teaching data, method check only" in cohort.quality["source"]["licence"]


def test_a_later_examination_is_never_known_at_time_zero():
    study, cohort = built("framingham_cvd")
    known = study.known_variables()
    at_zero = cohort.observations[cohort.observations["time_d"] == 0]
    whole, visit = (baseline(cohort.people, rows, known) for rows in (cohort.observations, at_zero))
    assert whole[visit.columns].equals(visit)
    later = list(whole.columns.difference(visit.columns))
    assert later == ["hdl_mmol_l", "ldl_mmol_l"]
    assert whole[later].isna().all(axis=None)
    assert (cohort.observations["time_d"] > 0).any()


def test_history_stands_before_the_third_examination():
    _, cohort = built("framingham_landmark")
    pressures = cohort.observations[cohort.observations["variable"] == "sbp_mmhg"]
    assert set(pressures.groupby("person_id").size()) <= {1, 2, 3}
    assert (pressures["time_d"] <= 0).all()
    assert pressures.loc[pressures["time_d"] < 0, "time_d"].max() < -365 * 3


def test_a_person_at_several_examinations_is_one_group():
    _, cohort = built("framingham_stroke5")
    assert cohort.people["group_id"].nunique() < 4434
    assert cohort.people.groupby("group_id").size().max() == 3
    assert (cohort.people["person_id"].str.split(".").str[0] == cohort.people["group_id"]).all()
