"""What holds of every cohort in the registry, asked through the studies that the library ships."""

import json
from pathlib import Path

import pytest

from pipeline.cohorts import COHORTS, baseline, build, to_html
from pipeline.config import read_study
from pipeline.schema import validate
from pipeline.units import is_implausible
from tests.cohorts.fetched import build_fetched

STUDIES = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
ONE_A_SOURCE = {read_study(path).cohort.source: path for path in STUDIES}


@pytest.fixture(scope="module", params=STUDIES, ids=lambda path: path.stem)
def built(request):
    study = read_study(request.param)
    return study, build_fetched(study)


def test_every_source_has_a_study():
    of_the_user = {"images", "vault"}      # nothing to ship: tests/cohorts/test_delivered.py makes them
    assert {read_study(path).cohort.source for path in STUDIES} == set(COHORTS) - of_the_user


@pytest.mark.parametrize("table", ["people", "observations", "outcomes"])
def test_tables_keep_their_contract(built, table):
    validate(getattr(built[1], table), table, table)


def test_everybody_has_one_row_an_age_a_sex_and_an_outcome(built):
    cohort = built[1]
    assert cohort.people["person_id"].is_unique
    assert cohort.people[["age_years", "sex", "group_id"]].notna().all(axis=None)
    assert list(cohort.outcomes["person_id"]) == list(cohort.people["person_id"])
    assert set(cohort.observations["person_id"]) <= set(cohort.people["person_id"])
    assert cohort.outcomes["event"].nunique() == 2


def test_nothing_implausible_is_left(built):
    study, cohort = built
    known = study.known_variables()
    for name, rows in cohort.observations.groupby("variable"):
        if known[name].kind == "number":
            assert not is_implausible(rows["value"].to_numpy(), known[name]).any(), name
        elif known[name].levels:
            assert set(rows["text"].dropna()) <= set(known[name].levels), name


def test_every_predictor_of_the_study_is_known_of_somebody(built):
    study, cohort = built
    table = baseline(cohort.people, cohort.observations, study.known_variables())
    asked_in_vain = {"waist_cm", "cholesterol_mmol_l"} if study.cohort.source == "charts" else set()
    assert set(study.predictors) - set(table.columns) == asked_in_vain
    assert table[list(table.columns.intersection(study.predictors))].notna().any().all()


def test_quality_report_is_self_contained_and_names_nobody(built):
    cohort = built[1]
    page = to_html(cohort.quality)
    assert "http" not in page
    assert "<script" not in page
    assert json.loads(json.dumps(cohort.quality)) == cohort.quality
    assert "person_id" not in json.dumps(cohort.quality)
    for step in cohort.flow:
        assert step["step"] in page


@pytest.mark.slow
@pytest.mark.parametrize("path", ONE_A_SOURCE.values(), ids=ONE_A_SOURCE)
def test_same_source_gives_the_same_tables(path):
    study = read_study(path)
    cohort, again = build_fetched(study), build(study)
    for table in ("people", "observations", "outcomes"):
        assert getattr(cohort, table).equals(getattr(again, table))
