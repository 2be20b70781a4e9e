"""Fatty liver cohort: people and events of every study, defects of the files, and nothing after the index date."""

from pathlib import Path

import pytest

from pipeline.cohorts import baseline
from pipeline.config import read_study
from tests.cohorts.fetched import build_fetched

CONFIGS = Path(__file__).parents[2] / "configs"
# Counted in the files with a few lines of pandas, apart from this code.
STUDIES = {"nafld_diabetes": (15155, 703), "nafld_mace": (15577, 924), "nafld_death": (17549, 1147)}
DEFECTS = {
    "chol equal to hdl on the same day": 159_647,
    "dbp equal to sbp on the same day": 33_212,
    "the same reading twice": 3817,
    "sbp below 60 mm[Hg]": 13,
    "sbp above 260 mm[Hg]": 3,
    "hdl below 10 mg/dL": 29,
    "hdl above 150 mg/dL": 32,
    "event after the end of follow-up": 13,
    "bmi unknown": 4961,
    "bmi below 15 or above 60": 44,
    "height below 140 or above 210": 26,
    "matched patient unknown": 31,
    "matched patient not in the file": 21,
}
ABSENT = {"sbp_mmhg": 0.79, "hdl_mmol_l": 0.31, "current_smoker": 0.91}      # shares of the people of L1


@pytest.fixture(scope="module")
def diabetes():
    study = read_study(CONFIGS / "nafld_diabetes.toml")
    return study, build_fetched(study)


@pytest.mark.parametrize("name", STUDIES)
def test_study_has_its_people_and_events(name):
    cohort = build_fetched(read_study(CONFIGS / f"{name}.toml"))
    assert (len(cohort.people), int(cohort.outcomes["event"].sum())) == STUDIES[name]
    assert cohort.outcomes["weight"].sum() == pytest.approx(len(cohort.people))


def test_every_defect_is_counted(diabetes):
    found = {d["what"]: d["found"] for d in diabetes[1].quality["defects"]}
    assert {what: found.get(what) for what in DEFECTS} == DEFECTS


def test_what_is_not_known_at_the_index_date_is_missing(diabetes):
    study, cohort = diabetes
    table = baseline(cohort.people, cohort.observations, study.known_variables())
    for name, share in ABSENT.items():
        assert table[name].isna().mean() == pytest.approx(share, abs=0.01)
    assert (table["diabetes"] == "no").all()


def test_copied_tests_are_no_variables(diabetes):
    assert {"cholesterol_mmol_l", "dbp_mmhg"}.isdisjoint(diabetes[1].observations["variable"])


def test_matched_sets_stay_together(diabetes):
    assert diabetes[1].people.groupby("group_id").size().max() > 4
