"""The questions of the page over HTTP: right answers, and a sentence for whatever cannot be answered."""

import urllib.request

import numpy as np
import pandas as pd
import pytest

from pipeline.app import SLIDERS, Desk
from pipeline.cohorts import Usual
from pipeline.served import ServedModel
from pipeline.twins import INPUTS

MAN = {"age_years": 62, "sex": "male", "sbp_mmhg": 158, "dbp_mmhg": 92, "weight_kg": 96, "height_cm": 178}


def test_the_risk_is_that_of_the_packaged_model(site):
    status, told = site.ask("/api/person", {"values": MAN})
    assert status == 200
    expected = site.desk.model.predict(pd.DataFrame([MAN])).iloc[0]
    for name in ("risk", "low", "high", "person_sd", "model_sd"):
        assert told[name] == pytest.approx(expected[name], abs=1e-12), name
    assert told["low"] < told["risk"] < told["high"]
    assert told["status"] == "ok"


def test_what_was_measured_is_told_from_what_is_assumed(site):
    measured = {row["name"]: row["basis"] for row in site.ask("/api/person", {"values": MAN})[1]["basis"]}
    assert measured["sbp_mmhg"] == "measured"
    bare = site.ask("/api/person", {"values": {"age_years": 62, "sex": "male", "sbp_mmhg": None, "dbp_mmhg": ""}})[1]
    assert {row["name"]: row["basis"] for row in bare["basis"]}["sbp_mmhg"] == "assumed"
    assert "sbp_mmhg" in bare["missing"]
    assert bare["person_sd"] > 0


def test_readings_that_contradict_each_other_are_said_to(site):
    odd = site.ask("/api/person", {"values": {**MAN, "sbp_mmhg": 80, "dbp_mmhg": 199}})[1]
    assert odd["unlikely"]
    assert not site.ask("/api/person", {"values": MAN})[1]["unlikely"]


def test_a_person_unlike_those_that_the_model_saw_is_told_so(site):
    usual = {"sbp_mmhg": Usual(low=95.0, high=150.0), "sex": Usual(levels=("female",)), "age_years": Usual(),
             "cholesterol_mmol_l": Usual(low=3.0, high=8.0)}  # fmt: skip
    model = site.desk.model
    desk = Desk(ServedModel(model.settings.model_copy(update={"usual": usual}), model.members))
    told = desk.person(MAN)
    assert told["edges"] == [
        {"variable": "sbp_mmhg", "value": 158.0, "low": 95.0, "high": 150.0},
        {"variable": "sex", "value": "male", "low": None, "high": None},
    ]
    assert (told["missing"], told["asked"], told["much_missing"]) == (["cholesterol_mmol_l"], 4, False)
    assert desk.person({"age_years": 62, "sex": "female"})["much_missing"]


def test_a_drug_lowers_the_pressure_and_rest_changes_nothing(site):
    plans = {"plan_a": {"pressure_drugs": 2}, "plan_b": {"weight_target_factor": 1.0, "carbohydrate_fraction": None}}
    status, told = site.ask("/api/plans", {"values": MAN, "plans": plans})
    assert status == 200
    assert told["risk"] is None, "no trial is named for this outcome"
    courses = next(o for o in told["outputs"] if o["name"] == "sbp_mmhg")["courses"]
    assert courses["plan_b"] == courses["no_change"]
    assert courses["plan_a"]["mean"][-1] < courses["no_change"]["mean"][-1] - 5
    assert courses["plan_a"]["mean"][0] == courses["no_change"]["mean"][0]
    assert courses["plan_a"]["year"] == list(range(max(site.desk.settings.twins.years) + 1))


def test_a_plan_is_what_a_scenario_of_the_study_is(site):
    told = site.ask("/api/plans", {"values": MAN, "plans": {"plan_a": {"pressure_drugs": 1}}})[1]
    found = next(o for o in told["outputs"] if o["name"] == "sbp_mmhg")["courses"]["plan_a"]["mean"]
    considered = site.desk.model.consider(*_read(site, MAN))
    bands = considered.simulated.bands
    expected = bands[(bands["scenario"] == "one_pressure_drug") & (bands["output"] == "sbp_mmhg")]["mean"]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def _read(site, person):
    from pipeline.cohorts import read_people

    return read_people(pd.DataFrame([person]), site.desk.known)


def test_where_trials_tell_the_risk_falls_with_the_pressure(with_trials):
    plans = {"plan_a": {"pressure_drugs": 1}, "plan_b": {}}
    told = with_trials.ask("/api/plans", {"values": MAN, "plans": plans})[1]["risk"]
    risk = with_trials.ask("/api/person", {"values": MAN})[1]["risk"]
    a, b = told["plan_a"], told["plan_b"]
    assert 0 < a["low"] < a["fewer"] < a["high"] < risk
    assert a["risk"] == pytest.approx(risk - a["fewer"])
    assert (b["fewer"], b["low"], b["high"]) == (0, 0, 0)
    high = {"values": {**MAN, "sbp_mmhg": 210}, "plans": {"plan_a": {"pressure_drugs": 3}}}
    assert with_trials.ask("/api/plans", high)[1]["risk"]["plan_a"]["cut"], "beyond what trials have seen"


@pytest.mark.parametrize(
    ("values", "sentence", "fields"),
    [
        ({"sex": "male"}, "age_years must be told, as of time zero", ["age_years"]),
        ({}, "age_years must be told, as of time zero; sex must be told", ["age_years", "sex"]),
        ({**MAN, "sbp_mmhg": 900}, "sbp_mmhg: 900 is outside 40 to 300 mm[Hg]", ["sbp_mmhg"]),
        ({**MAN, "age_years": "old"}, "age_years: 'old' is no number", ["age_years"]),
        ({**MAN, "sex": "<b>x</b>"}, "sex: '<b>x</b>' is not one of female, male", ["sex"]),
        ({**MAN, "shoe": 43}, "no variable shoe; there are ", []),
        ({**MAN, "sbp_mmhg": True}, "values.sbp_mmhg: ", ["sbp_mmhg"]),
        ({**MAN, "sbp_mmhg": [120]}, "values.sbp_mmhg: ", ["sbp_mmhg"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/person", "/api/plans"])
def test_a_value_that_cannot_be_is_answered_with_a_sentence(site, path, values, sentence, fields):
    status, told = site.ask(path, {"values": values})
    assert status == 422
    assert "Traceback" not in told["message"]
    assert told["message"].startswith(sentence)
    assert told["fields"] == fields


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"values": MAN, "plans": {"plan_c": {}}}, "no plan plan_c; there are plan_a, plan_b"),
        ({"values": MAN, "plans": {"plan_a": {"sleep": 8}}}, "plan_a: no slider sleep; there are "),
        ({"values": MAN, "plans": {"plan_a": {"pressure_drugs": 9}}}, "plan_a: pressure_drugs is 9; allowed: 0 to 3"),
        ({"values": MAN, "plans": {"plan_a": {"smoking_factor": 0}}}, "plan_a: no twin of this study hears smoking_"),
        ({"values": MAN, "plans": {"plan_a": {"pressure_drugs": "2"}}}, "plans.plan_a.pressure_drugs: "),
        ({"people": []}, "values: field required"),
        (b"{", "the request is not JSON"),
        (b"", "a request holds 1 to 65536 bytes"),
        (b" " * 70_000, "a request holds 1 to 65536 bytes"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_answered_with_a_sentence(site, body, sentence):
    status, told = site.ask("/api/plans", body)
    assert status == 422
    assert told["message"].startswith(sentence), told


def test_the_page_loads_nothing_from_elsewhere_and_answers_no_other_host(site):
    with urllib.request.urlopen(site.url + "/", timeout=10) as answer:
        policy, html = answer.headers["Content-Security-Policy"], answer.read().decode()
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in html
    assert site.ask("/api/model", Host="elsewhere.example")[0] == 400
    assert site.ask("/docs")[0] == 404


def test_the_form_asks_for_every_variable_once(site):
    about = site.ask("/api/model")[1]
    shown = [name for names in about["groups"].values() for name in names]
    assert sorted(shown) == sorted(site.desk.known)
    assert [slider["name"] for slider in about["sliders"]] == [n for n in SLIDERS if n != "smoking_factor"]


@pytest.mark.parametrize("slider", SLIDERS.values(), ids=SLIDERS)
def test_a_slider_stays_within_what_the_twins_allow(slider):
    known = INPUTS[slider.name]
    assert known.low <= slider.low < slider.high <= known.high
    assert slider.rest in (None, slider.low, slider.high)


def test_few_people_stay_in_memory_and_none_on_disk(site):
    for age in range(40, 50):
        site.ask("/api/person", {"values": {**MAN, "age_years": age}})
    assert len(site.desk._kept) == 4
