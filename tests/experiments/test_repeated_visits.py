"""What earlier visits add, in made-up people whose usual pressure decides their risk."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pipeline.experiments import repeated_visits
from pipeline.experiments.repeated_visits import forms
from pipeline.fitting import usual
from pipeline.models import MODELS, FeatureSet, Matrix
from pipeline.runs import RunError
from tests.fitting.people import readings, someone

pytestmark = pytest.mark.slow

LOGISTIC = {"logistic": MODELS["logistic"]}
DAYS = (-730.5, -365.25, 0.0)
SIZE = 400


@pytest.fixture(scope="module")
def cohort():
    """People at three visits, each reading far enough from the usual that the others tell much."""
    draw = np.random.default_rng(5)
    people = someone(SIZE)
    pressure, bmi = 127.0 + 16.0 * draw.normal(size=SIZE), 27.0 + 4.0 * draw.normal(size=SIZE)
    read = pressure + 12.0 * draw.normal(size=(3, SIZE))
    rows = [
        (person, name, value, day)
        for day, sbp in zip(DAYS, read, strict=True)
        for name, values in (("sbp_mmhg", sbp), ("bmi_kg_m2", bmi))
        for person, value in zip(people["person_id"], values, strict=True)
    ]
    frame = pd.DataFrame({"sbp_mmhg": read[2], "bmi_kg_m2": bmi}, index=pd.Index(people["person_id"]))
    event = (draw.random(SIZE) < expit((pressure - 127.0) / 4.0)).astype(int)
    sets = {"routine": FeatureSet(("sbp_mmhg", "bmi_kg_m2"), {}, ())}
    return Matrix(frame, event, np.arange(SIZE).astype(str), sets, ()), people, readings(*rows)


@pytest.fixture(scope="module")
def formed(cohort):
    return forms(*cohort, "routine", 2)


def test_each_form_holds_what_it_says(cohort, formed):
    matrix, people, observations = cohort
    wide = observations.pivot(index="person_id", columns=["variable", "time_d"], values="value")
    assert len(formed["raw"].frame.columns) == 6
    np.testing.assert_array_equal(formed["raw"].frame["sbp_mmhg_1_before"], wide["sbp_mmhg", DAYS[1]])
    np.testing.assert_array_equal(formed["raw"].frame["bmi_kg_m2_2_before"], wide["bmi_kg_m2", DAYS[0]])
    np.testing.assert_allclose(formed["mean"].frame["sbp_mmhg"], wide["sbp_mmhg"].mean(axis=1))
    found = usual(people, observations)
    for name in ("sbp_mmhg", "bmi_kg_m2"):
        np.testing.assert_array_equal(formed["usual"].frame[name], found.mode[name])
        np.testing.assert_array_equal(formed["usual"].frame[f"{name}_sd"], found.sd[name])
    for form in formed.values():
        assert set(form.sets["routine"].numbers) == set(form.frame)
        np.testing.assert_array_equal(form.event, matrix.event)


def test_a_shorter_history_is_asked_for_by_its_number_of_readings(cohort):
    matrix, people, observations = cohort
    oldest = observations.assign(value=observations["value"].mask(observations["time_d"] == DAYS[0], 99.0))
    shorter, longer = (forms(matrix, people, oldest, "routine", earlier) for earlier in (1, 2))
    assert set(longer["raw"].frame) - set(shorter["raw"].frame) == {"sbp_mmhg_2_before", "bmi_kg_m2_2_before"}
    same = forms(matrix, people, observations, "routine", 1)
    pd.testing.assert_frame_equal(shorter["mean"].frame, same["mean"].frame)
    assert not longer["mean"].frame["sbp_mmhg"].equals(shorter["mean"].frame["sbp_mmhg"])


def test_nothing_after_time_zero_is_history(cohort, formed):
    matrix, people, observations = cohort
    later = observations.assign(time_d=observations["time_d"] + 800.0, value=199.0)
    spoiled = forms(matrix, people, pd.concat([observations, later], ignore_index=True), "routine", 2)
    for name, form in formed.items():
        pd.testing.assert_frame_equal(spoiled[name].frame, form.frame)


def test_an_earlier_visit_adds_where_one_reading_is_far_from_the_usual(cohort):
    settings = {"earlier": 2, "folds": 4, "repeats": 1, "threshold": 0.5, "resamples": 200, "seed": 1, "jobs": 1}
    table = repeated_visits(*cohort, LOGISTIC, "routine", **settings).set_index("history")
    assert list(table.index) == ["last visit", "raw columns", "mean", "usual value"]
    assert np.isnan(table.loc["last visit", "auroc_gain"])
    others = table.drop(index="last visit")
    assert (others["auroc_gain_low"] > 0.0).all()
    np.testing.assert_allclose(others["auroc_gain"], others["auroc"] - table.loc["last visit", "auroc"])
    np.testing.assert_allclose(others["slope_gain"], others["slope"] - table.loc["last visit", "slope"])


def test_people_without_a_history_are_said(cohort):
    matrix, people, observations = cohort
    with pytest.raises(RunError, match="no predictor was read before the last visit: take a cohort with a history"):
        forms(matrix, people, observations[observations["time_d"] == 0.0], "routine", 1)
