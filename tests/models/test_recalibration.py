"""A recalibrated model: right on average and in spread, in the order of the model, and blind to what it sets aside."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from pipeline.evaluation import calibration, observed_expected
from pipeline.models import MODELS, FeatureSet, fit, out_of_fold, recalibrated
from pipeline.models.classifier import RiskClassifier
from pipeline.models.recalibration import FOLDS, Recalibrated
from tests.models.followed import follow_up, happened, matrix_of, people, truth

COLUMNS = FeatureSet(("x",), {}, ())


class Timid(RiskClassifier):
    """Half of the true log odds, a level too high."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        risk = expit(0.5 * X.to_numpy()[:, 0] + 1)
        return np.column_stack([1 - risk, risk])


class Memory(Timid):
    """Knows the rows that it learned from; keeps for each fit who they were."""

    fits: tuple = ()

    def fit(self, X, y, sample_weight=None):
        Memory.fits = (*Memory.fits, X.index)
        return super().fit(X, y)


def table(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.normal(-1, 1.5, n)
    return pd.DataFrame({"x": x}), (draw.random(n) < expit(x)).astype(int)


def wrapped(classifier: RiskClassifier) -> Recalibrated:
    return Recalibrated(Pipeline([("risk", classifier)]), seed=1)


@pytest.mark.slow
def test_level_and_slope_undo_what_is_wrong_with_the_model():
    frame, event = table(20_000)
    model = wrapped(Timid()).fit(frame, event)
    assert model.coef_ == pytest.approx([-2, 2], abs=0.1)
    other, came = table(20_000, seed=1)
    risk = model.predict_proba(other)[:, 1]
    slope, _ = calibration(risk, came, np.ones((1, len(came))))
    assert slope[0] == pytest.approx(1, abs=0.05)
    assert observed_expected(risk, came, np.ones((1, len(came))))[0] == pytest.approx(1, abs=0.03)
    assert (np.argsort(risk) == np.argsort(other["x"].to_numpy())).all()


@pytest.mark.reference
def test_level_and_slope_are_those_of_scipys_search_with_weights():
    frame, event = table(4000)
    weight = np.random.default_rng(1).uniform(0.3, 3, 4000)
    found = wrapped(Timid()).fit(frame, event, weight).coef_
    odds = logit(Timid().predict_proba(frame)[:, 1])

    def loss(at: np.ndarray) -> float:
        """The likelihood, with the slope drawn to 1 with a spread of 1."""
        score = at[0] + at[1] * odds
        return weight @ (np.logaddexp(0, score) - event * score) + 0.5 * (at[1] - 1) ** 2

    expected = minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12}).x
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_groups_stay_together_and_nobody_is_judged_by_a_model_that_saw_them():
    frame, event = table(400)
    groups = np.repeat(np.arange(100), 4)
    Memory.fits = ()
    wrapped(Memory()).fit(frame, event, groups=groups)
    *inner, last = Memory.fits
    assert len(inner) == FOLDS
    assert len(last) == 400
    for seen in inner:
        left = np.setdiff1d(np.arange(400), seen)
        assert not set(groups[seen]) & set(groups[left])
    assert sorted(np.concatenate([np.setdiff1d(np.arange(400), seen) for seen in inner])) == list(range(400))


@pytest.mark.slow
def test_an_overconfident_forest_is_no_longer_so():
    def forest(seed, numbers, categories, rows_per_person=1):
        return Pipeline([("risk", RandomForestClassifier(100, min_samples_leaf=1, random_state=seed))])

    frame, event = table(1500)
    frame["noise"] = np.random.default_rng(3).normal(size=1500)
    columns = FeatureSet(("x", "noise"), {}, ())
    test, came = table(4000, seed=5)
    test["noise"] = np.random.default_rng(4).normal(size=4000)
    one = np.ones((1, 4000))
    slopes = [
        calibration(fit(b, frame, event, columns, seed=1).predict_proba(test)[:, 1].clip(0.005, 0.995), came, one)[0][0]
        for b in (forest, partial(recalibrated, forest))
    ]
    assert slopes[0] < 0.75
    assert slopes[1] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", ["cox", pytest.param("boosting", marks=pytest.mark.slow)])
def test_losses_to_follow_up_and_death_are_allowed_for(name):
    X = people(3000)
    matrix = matrix_of(X, follow_up(X, lost=4e-4))
    settings = {"folds": 3, "repeats": 1, "seed": 1, "train_draws": 1, "jobs": 1}
    sets = {"routine": matrix.sets["routine"]}
    model = f"{name}_recalibrated"
    risk = out_of_fold(matrix._replace(sets=sets), None, {model: MODELS[model]}, **settings)["risk"]
    assert risk.mean() == pytest.approx(truth(X).mean(), abs=0.015)
    assert happened(matrix.follow).mean() < truth(X).mean() - 0.03      # what ignoring the losses would give


def test_a_model_keeps_what_it_needs_when_a_fold_is_away():
    few = MODELS["cox_recalibrated"](1, ("x",), {})[-1]
    assert few.fewest_events == 25
    assert few.learns_from_time
    assert not MODELS["boosting_recalibrated"](1, ("x",), {})[-1].learns_from_time
