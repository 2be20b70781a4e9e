"""Risks over the years: they end in the risk at the horizon, and are right on the way."""

import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts import DAYS_A_YEAR
from pipeline.models import MODELS, out_of_fold, risk_courses
from pipeline.models.courses import years_until
from pipeline.models.cox import CauseSpecificCox
from pipeline.models.hazard import DiscreteHazard
from pipeline.runs import RunError
from tests.models.followed import EFFECTS, HORIZON_D, RATES, follow_up, happened, matrix_of, people

TIMED = {"cox": CauseSpecificCox, "hazard": DiscreteHazard}
timed = pytest.mark.parametrize("classifier", TIMED.values(), ids=TIMED)
YEARS = years_until(HORIZON_D)


def test_years_are_whole_but_for_the_horizon():
    assert years_until(HORIZON_D) == [1.0, 2.0, pytest.approx(HORIZON_D / DAYS_A_YEAR)]
    assert years_until(10 * DAYS_A_YEAR) == [float(year) for year in range(1, 11)]
    assert years_until(100) == [pytest.approx(100 / DAYS_A_YEAR)]


@timed
def test_the_course_rises_to_the_risk_at_the_horizon(classifier):
    X = people(500)
    follow = follow_up(X, lost=3e-4)
    model = classifier().fit(X, happened(follow), follow=follow)
    course = model.cumulative_incidence(X, YEARS)
    np.testing.assert_allclose(course[:, -1], model.predict_proba(X)[:, 1], rtol=1e-12)
    assert (np.diff(course, axis=1) > 0).all()
    assert (course[:, 0] > 0).all()


@timed
def test_the_course_is_near_the_truth_in_every_year(classifier):
    X = people(5000)
    follow = follow_up(X, lost=2e-4)
    found = classifier().fit(X, happened(follow), follow=follow).cumulative_incidence(X, YEARS)
    event, death = (RATES * np.exp(X @ EFFECTS.T)).T
    days = DAYS_A_YEAR * np.array(YEARS)
    expected = (event / (event + death))[:, None] * -np.expm1(-(event + death)[:, None] * days)
    assert np.abs(found - expected).mean() < 0.012


@pytest.mark.reference
def test_without_columns_the_course_is_aalen_and_johansens():
    from lifelines import AalenJohansenFitter

    X = people(500)
    follow = follow_up(X, lost=5e-4)
    nothing = np.zeros((len(X), 1))
    found = CauseSpecificCox().fit(nothing, happened(follow), follow=follow).cumulative_incidence(nothing[:1], YEARS)
    number = pd.Series(follow.status).map({"event": 1, "competing": 2, "censored": 0})
    theirs = AalenJohansenFitter(calculate_variance=False).fit(follow.time_d, number, event_of_interest=1)
    curve = theirs.cumulative_density_.iloc[:, 0]
    expected = [curve[curve.index <= DAYS_A_YEAR * year].iloc[-1] for year in YEARS]
    np.testing.assert_allclose(found[0], expected, atol=1e-8)


def test_out_of_fold_courses_end_in_the_out_of_fold_risk():
    X = people(400)
    matrix = matrix_of(X, follow_up(X, lost=2e-4))
    builders = {name: MODELS[name] for name in ("logistic", "cox", "hazard")}
    settings = {"folds": 3, "seed": 1, "train_draws": 1, "jobs": 1}
    courses = risk_courses(matrix, None, builders, **settings)
    assert set(courses["model"]) == {"cox", "hazard"}
    assert len(courses) == 2 * 2 * 400 * 3
    last = courses[courses["year"] == courses["year"].max()].set_index(["person_id", "model", "feature_set"])["risk"]
    whole = out_of_fold(matrix, None, {n: MODELS[n] for n in TIMED}, repeats=1, **settings)
    expected = whole.set_index(["person_id", "model", "feature_set"])["risk"]
    np.testing.assert_allclose(last, expected[last.index], rtol=1e-9)


def test_without_a_model_that_knows_time_there_are_no_courses():
    X = people(100)
    matrix = matrix_of(X, follow_up(X))
    settings = {"folds": 3, "seed": 1, "train_draws": 1, "jobs": 1}
    assert risk_courses(matrix, None, {"logistic": MODELS["logistic"]}, **settings).empty
    with pytest.raises(RunError, match="nobody was followed"):
        risk_courses(matrix._replace(follow=None), None, MODELS, **settings)
