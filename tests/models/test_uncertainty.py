"""How sure a risk is: the parts of its spread come from where they should."""

import numpy as np
import pytest

from pipeline.models import MODELS, TwinDraws, sample_risks
from pipeline.schema import validate
from tests.models.people import make

SETTINGS = {"folds": 3, "refits": 12, "seed": 5, "train_draws": 2, "jobs": 1}


def noisy(matrix, sd: float) -> TwinDraws:
    noise = np.random.default_rng(2).normal(0, sd, (len(matrix.event), 24, 1))
    return TwinDraws(matrix.frame["twin"].to_numpy()[:, None, None] + noise)


@pytest.fixture(scope="module")
def sampled():
    matrix = make(300)
    return sample_risks(matrix, noisy(matrix, 0.4), MODELS["logistic"], "both", **SETTINGS)


def test_squares_of_both_parts_add_up_to_the_whole_spread(sampled):
    parts = validate(sampled.parts(), "uncertainty", "parts")
    whole = sampled.risk.reshape(len(parts), -1).var(axis=1)
    np.testing.assert_allclose(parts["person_sd"] ** 2 + parts["model_sd"] ** 2, whole, rtol=1e-9)
    assert (parts["low"] <= parts["risk"]).all()
    assert (parts["risk"] <= parts["high"]).all()


def test_a_person_known_exactly_leaves_doubt_about_the_model_alone(sampled):
    matrix = make(300)
    exact = sample_risks(matrix, noisy(matrix, 0.0), MODELS["logistic"], "both", **SETTINGS).parts()
    assert (exact["person_sd"] < 1e-9).all()
    assert (exact["model_sd"] > 1e-6).all()
    assert exact["model_sd"].median() > 0.01
    assert (sampled.parts()["person_sd"] > exact["person_sd"]).all()


def test_more_people_leave_less_doubt_about_the_model():
    few, many = (
        sample_risks(matrix, noisy(matrix, 0.4), MODELS["logistic"], "both", **SETTINGS).parts()
        for matrix in (make(150), make(2400))
    )
    # A sixteenfold cohort: a quarter of the spread.
    assert 0.15 < many["model_sd"].median() / few["model_sd"].median() < 0.4
    assert 0.6 < many["person_sd"].median() / few["person_sd"].median() < 1.6


def test_without_twins_doubt_about_the_person_is_not_known():
    parts = sample_risks(make(150), None, MODELS["logistic"], "routine", **SETTINGS).parts()
    assert parts["person_sd"].isna().all()
    assert (parts["model_sd"] > 0).all()


def test_failed_twins_leave_no_interval_and_change_nobody_else():
    matrix = make(150)
    draws = noisy(matrix, 0.4)
    draws.features[7] = np.nan
    risk = sample_risks(matrix, draws, MODELS["logistic"], "both", **SETTINGS).risk
    assert np.isnan(risk[7]).all()
    assert np.isfinite(np.delete(risk, 7, axis=0)).all()


def test_the_same_seed_and_any_number_of_processes_give_the_same_values(sampled):
    matrix = make(300)
    again = sample_risks(matrix, noisy(matrix, 0.4), MODELS["logistic"], "both", **(SETTINGS | {"jobs": 2}))
    np.testing.assert_array_equal(again.risk, sampled.risk)
