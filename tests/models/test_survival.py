"""Models that learn from time: right against other implementations and a known truth; what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.config import ConfigError, read_study
from pipeline.experiments import learning_curve
from pipeline.models import MODELS, FewEventsError, TwinDraws, fit, learns_from_time, refit
from pipeline.models.cox import CauseSpecificCox
from pipeline.models.hazard import DiscreteHazard
from pipeline.runs import RunError
from stages.check import check_names
from tests.models.followed import HORIZON_D, follow_up, happened, matrix_of, people, truth
from tests.repository import ROOT

TIMED = {"cox": CauseSpecificCox, "hazard": DiscreteHazard}
timed = pytest.mark.parametrize("classifier", TIMED.values(), ids=TIMED)


def risk_of(classifier, X, follow, weight=None, at=None):
    model = classifier.fit(X, happened(follow), weight, follow=follow)
    return model.predict_proba(X if at is None else at)[:, 1]


@pytest.mark.parametrize("ridge", [0.0, 5.0])
def test_effects_are_those_of_lifelines(ridge):
    from lifelines import CoxPHFitter

    X = people(400)
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)      # theirs shrinks standardised effects, by rows
    follow = follow_up(X, lost=3e-4)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, len(X))
    found = CauseSpecificCox(ridge).fit(X, happened(follow), weight, follow=follow).coef_
    table = pd.DataFrame(X).assign(time=np.minimum(follow.time_d, HORIZON_D), weight=weight)
    for coefficients, cause in zip(found, ("event", "competing"), strict=True):
        table["end"] = (follow.status == cause) & (follow.time_d <= HORIZON_D)
        theirs = CoxPHFitter(penalizer=ridge / len(X))
        theirs.fit(table, "time", "end", weights_col="weight", robust=True, fit_options={"precision": 1e-10})
        np.testing.assert_allclose(coefficients, theirs.params_, rtol=1e-5)


def test_without_columns_the_risk_is_aalen_and_johansens():
    from lifelines import AalenJohansenFitter

    X = people(500)
    follow = follow_up(X, lost=5e-4)
    nothing = np.zeros((len(X), 1))
    found = risk_of(CauseSpecificCox(), nothing, follow)[0]
    number = pd.Series(follow.status).map({"event": 1, "competing": 2, "censored": 0})
    theirs = AalenJohansenFitter(calculate_variance=False).fit(follow.time_d, number, event_of_interest=1)
    assert found == pytest.approx(theirs.cumulative_density_.loc[:HORIZON_D].iloc[-1].item(), abs=1e-8)
    # the people that a weighted model learns from have the same share
    assert found == pytest.approx(follow.weight @ happened(follow) / len(X), abs=1e-8)


@timed
def test_rows_of_one_person_count_as_one(classifier):
    X = people(300)
    follow = follow_up(X, lost=3e-4, tied=True)
    times = np.repeat(np.arange(len(X)), 4)
    once = risk_of(classifier(), X, follow)
    often = risk_of(classifier(), X[times], follow.of(times), np.full(len(times), 0.25), at=X)
    np.testing.assert_allclose(often, once, rtol=1e-9)


@timed
def test_with_everybody_followed_the_risk_is_near_that_of_logistic_regression(classifier):
    X = people(5000)
    follow = follow_up(X, deaths=False)
    event = happened(follow)
    logistic = LogisticRegression().fit(X, event).predict_proba(X)[:, 1]
    found = risk_of(classifier(), X, follow)
    # Not the same curve: one is a proportion of hazards, the other of odds, and a third of the people have the event.
    assert np.abs(found - logistic).mean() < 0.015
    assert np.corrcoef(found, logistic)[0, 1] > 0.995
    assert found.mean() == pytest.approx(event.mean(), abs=0.005)


@timed
def test_the_truth_is_found_though_half_are_lost_and_some_die(classifier):
    X = people(8000)
    follow = follow_up(X, lost=1e-3)
    assert 0.3 < ((follow.status == "censored") & (follow.time_d < HORIZON_D)).mean() < 0.6
    found, true = risk_of(classifier(), X, follow), truth(X)
    spread = np.sqrt(true.mean() * (1 - true.mean()) / len(X))
    assert abs(found.mean() - true.mean()) < 4 * spread * np.sqrt(1.5)      # losses cost a third of what there was
    assert np.abs(found - true).mean() < 0.015


@timed
def test_who_was_lost_teaches(classifier):
    X = people(2000)
    follow = follow_up(X, lost=1e-3)
    kept = np.flatnonzero(follow.weight > 0)
    error = [
        np.abs(risk_of(classifier(), X[some], follow.of(some), at=X) - truth(X)).mean()
        for some in (np.arange(len(X)), kept)
    ]
    assert error[0] < 0.5 * error[1]      # whoever stays is an event too often


@timed
def test_what_comes_after_the_horizon_changes_nothing(classifier):
    X = people(500)
    follow = follow_up(X, lost=3e-4)
    later = follow.time_d > HORIZON_D
    other = follow._replace(
        time_d=np.where(later, HORIZON_D + 1.0, follow.time_d), status=np.where(later, "event", follow.status)
    )
    np.testing.assert_array_equal(risk_of(classifier(), X, follow), risk_of(classifier(), X, other))


@timed
def test_an_absurd_value_gives_a_risk(classifier):
    X = people(500)
    X[7, 0] = 1e6
    risk = risk_of(classifier(), X / X.std(axis=0), follow_up(people(500), lost=3e-4), at=np.array([[1e6, -1e6, 0.0]]))
    assert ((risk >= 0) & (risk <= 1)).all()


def test_of_the_people_cox_keeps_no_day():
    X = people(500)
    follow = follow_up(X)
    model = CauseSpecificCox().fit(X, happened(follow), follow=follow)
    kept = np.concatenate([np.ravel(value) for value in vars(model).values()])
    assert not np.isin(follow.time_d, kept).any()


def test_models_say_whether_they_learn_from_time():
    assert {name for name in ("logistic", "forest", "cox", "hazard", "score2") if learns_from_time(MODELS[name])} == {
        "cox", "hazard",
    }  # fmt: skip


@pytest.mark.parametrize("model", TIMED)
def test_an_outcome_of_the_visit_itself_is_refused(model):
    matrix = matrix_of(people(300), follow_up(people(300)))._replace(follow=None)
    with pytest.raises(RunError, match=f"{TIMED[model].__name__} learns from when the event came, and nobody was foll"):
        refit(matrix, None, MODELS[model], "routine", seed=1, train_draws=1)


@pytest.mark.parametrize("model", TIMED)
def test_the_check_of_a_study_refuses_such_an_outcome(model):
    path = ROOT / "configs" / "nhanes_cvd.toml"
    study = read_study(path)
    study = study.model_copy(update={"models": study.models.model_copy(update={"names": ("logistic", model)})})
    with pytest.raises(ConfigError, match=rf"nhanes_cvd.toml: \[models\] names: {model} can only learn from when"):
        check_names(study, path)


@pytest.mark.parametrize("model", TIMED)
def test_twelve_events_are_refused_and_logistic_regression_still_learns(model):
    whole = matrix_of(people(300), follow_up(people(300)))
    some = np.concatenate([np.flatnonzero(whole.event == 1)[:12], np.flatnonzero(whole.event == 0)])
    words = f"{TIMED[model].__name__}: 12 events to learn from are too few, it needs 20: widen the cohort"
    draws = TwinDraws(np.zeros((300, 4, 1)))
    for drawn in (None, draws):
        with pytest.raises(FewEventsError, match=words):
            refit(whole, drawn, MODELS[model], "both", seed=1, train_draws=4, people=some)
    assert refit(whole, None, MODELS["logistic"], "both", seed=1, train_draws=1, people=some)


def test_a_learning_curve_has_no_value_where_a_model_refuses():
    X = people(900)
    models = {name: MODELS[name] for name in ("logistic", "cox")}
    table = learning_curve(
        matrix_of(X, follow_up(X)), models, "routine", sizes=(30, 400), draws=3, test=400, seed=1, jobs=1
    ).set_index(["model", "size"])
    assert table.loc[("cox", 30), ["auroc", "auroc_low", "slope_high"]].isna().all()
    assert table.drop(index=("cox", 30)).notna().all(axis=None)


def test_fit_hands_over_rows_of_draws_with_their_person():
    """Draws that are all alike teach what one row does."""
    X = people(400)
    matrix = matrix_of(X, follow_up(X, lost=5e-4))
    alike = TwinDraws(np.repeat(X[:, 2][:, None, None], 6, axis=1))
    for model in TIMED:
        once = refit(matrix, None, MODELS[model], "both", seed=1, train_draws=1)
        often = refit(matrix, alike, MODELS[model], "both", seed=1, train_draws=3)
        np.testing.assert_allclose(
            often.predict_proba(matrix.frame)[:, 1], once.predict_proba(matrix.frame)[:, 1], rtol=1e-8
        )


def test_without_deaths_nothing_competes():
    X = people(500)
    follow = follow_up(X, deaths=False, lost=3e-4)
    for classifier in TIMED.values():
        assert np.abs(risk_of(classifier(), X, follow) - truth(X, deaths=False)).mean() < 0.05


def test_fit_takes_follow_up_by_row(recwarn):
    X = people(200)
    matrix = matrix_of(X, follow_up(X))
    model = fit(MODELS["cox"], matrix.frame, matrix.event, matrix.sets["routine"], seed=1, follow=matrix.follow)
    assert model[-1].coef_.shape == (2, 5)      # two numbers, two levels, one for missing
    assert not recwarn.list
