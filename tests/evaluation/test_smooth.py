"""The smooth calibration curve against other libraries, and what it says of too few people."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation import observed_expected, smooth_calibration
from pipeline.evaluation.smooth import KNOTS, fit_logistic, quantile, spline
from tests.evaluation.conftest import alone, table

DRAWN = {"resamples": 200, "seed": 3}


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    risk = draw.beta(1.5, 4, n)
    return risk, (draw.random(n) < risk**1.3).astype(int)


@pytest.mark.reference
def test_curve_is_that_of_scikit_learn_on_a_natural_spline_of_scipy():
    """The same space of functions by another basis, the same likelihood by another optimiser."""
    risk, event = drawn(900)
    weight = np.random.default_rng(1).uniform(0.5, 2, 900)
    rows = table(risk, event, weight)
    curve = smooth_calibration(rows, alone(rows), **DRAWN).curve
    logit = np.log(risk / (1 - risk))
    knots = np.quantile(logit, KNOTS)
    natural = CubicSpline(knots, np.eye(4), bc_type="natural")

    def basis(x: np.ndarray) -> np.ndarray:
        inside = np.clip(x, knots[0], knots[-1])
        return natural(inside) + natural(inside, 1) * (x - inside)[:, None]

    x = basis(logit)
    # The natural basis adds up to one: a level of its own would be told twice.
    fitted = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-13, max_iter=500)
    fitted.fit(x, event, weight)
    at = np.log(curve["predicted"] / (1 - curve["predicted"])).to_numpy()
    expected = fitted.predict_proba(basis(at))[:, 1]
    np.testing.assert_allclose(curve["observed"], expected, atol=1e-6)
    own = np.abs(fitted.predict_proba(x)[:, 1] - risk)
    found = smooth_calibration(rows, alone(rows), **DRAWN).measures.set_index("metric")["value"]
    assert found["ici"] == pytest.approx(np.average(own, weights=weight), abs=1e-6)
    order = np.argsort(own)
    middle = np.interp(0.5, np.cumsum(weight[order]) / weight.sum(), own[order])
    assert found["e50"] == pytest.approx(middle, abs=np.diff(np.sort(own)).max())


def test_spline_is_straight_beyond_its_knots_and_smooth_at_them():
    knots = np.array([-2.0, -1.0, 0.5, 2.0])
    x = np.linspace(-5, 5, 4001)
    bends = np.gradient(np.gradient(spline(x, knots), x, axis=0), x, axis=0)
    outside = (x < -2.01) | (x > 2.01)
    np.testing.assert_allclose(bends[outside][2:-2], 0, atol=1e-6)
    assert np.abs(np.diff(bends[2:-2], axis=0)).max() < 0.01


def test_a_calibrated_risk_lies_on_its_curve_and_a_doubled_one_does_not():
    draw = np.random.default_rng(5)
    risk = draw.uniform(0.02, 0.45, 4000)
    event = (draw.random(4000) < risk).astype(int)
    right, doubled = (table(r, event) for r in (risk, 2 * risk))
    good, bad = (smooth_calibration(t, alone(t), **DRAWN) for t in (right, doubled))
    curve = good.curve
    assert ((curve["low"] <= curve["predicted"]) & (curve["predicted"] <= curve["high"])).mean() > 0.8
    measured = bad.measures.set_index("metric")
    assert measured.loc["observed_expected", "high"] < 0.6
    assert measured.loc["ici", "low"] > 0.15 > 0.03 > good.measures.set_index("metric").loc["ici", "value"]
    # The curve is the share of events at each risk: half of the doubled one.
    np.testing.assert_allclose(bad.curve["observed"], bad.curve["predicted"] / 2, atol=0.06)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    hits = []
    for seed in range(40):
        risk, event = drawn(800, seed)
        rows = table(risk, event)
        curve = smooth_calibration(rows, alone(rows), resamples=200, seed=seed).curve
        truth = curve["predicted"] ** 1.3
        middle = curve.index[len(curve) // 3]
        hits.append((curve["low"] <= truth)[middle] & (truth <= curve["high"])[middle])
    assert 33 <= sum(hits) <= 40


def test_doubled_weight_is_the_person_twice():
    risk, event = drawn(400)
    heavy = np.where(np.arange(400) < 100, 2.0, 1.0)
    twice = np.concatenate([np.arange(400), np.arange(100)])
    basis = np.column_stack([np.ones(400), spline(risk, np.array([0.1, 0.3, 0.5]))])
    np.testing.assert_allclose(
        fit_logistic(basis, event, heavy[None]), fit_logistic(basis[twice], event[twice], np.ones((1, 500))), atol=1e-9
    )
    np.testing.assert_allclose(
        observed_expected(risk, event, heavy[None]), observed_expected(risk[twice], event[twice], np.ones((1, 500)))
    )


def test_weighted_quantile_is_that_of_repeated_values():
    values, weights = np.array([[3.0, 1.0, 2.0, 5.0]]), np.array([[2.0, 3.0, 1.0, 4.0]])
    for share in (0.1, 0.3, 0.5, 0.9):
        expected = np.quantile(np.repeat(values, weights.astype(int)[0], axis=1), share, method="inverted_cdf")
        assert quantile(values, weights, share)[0] == expected


@pytest.mark.parametrize(
    ("risk", "event", "weight", "said"),
    [
        (np.linspace(0.1, 0.9, 100), np.zeros(100, int), 1.0, "all 100 people have the same outcome"),
        (np.linspace(0.1, 0.9, 100), (np.arange(100) < 3).astype(int), 1.0, "fewer than 20 people with the event"),
        (np.full(100, 0.3), np.arange(100) % 2, 1.0, "everybody has the same predicted risk"),
        (np.linspace(0.1, 0.9, 100), np.zeros(100, int), 0.0, "of nobody is it known whether the event came"),
        (np.linspace(0.1, 0.9, 100), (np.arange(100) > 49).astype(int), 1.0, "predicted risks separate"),
    ],
    ids=["one class", "three events", "all tied", "everybody lost", "separated"],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(risk, event, weight, said):
    rows = table(risk, event, weight)
    found = smooth_calibration(rows, alone(rows), **DRAWN)
    assert said in found.reason
    assert found.curve.empty
    assert found.measures[["value", "low", "high"]].isna().to_numpy().all()


def test_two_risks_give_a_straight_line():
    event = np.r_[np.arange(100) % 4 == 0, np.arange(100) % 2 == 0].astype(int)
    rows = table(np.repeat([0.2, 0.6], 100), event)
    found = smooth_calibration(rows, alone(rows), **DRAWN)
    assert found.reason == ""
    assert found.curve["observed"].iloc[[0, -1]].tolist() == pytest.approx([0.25, 0.5])
