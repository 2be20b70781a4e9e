"""Measures against scikit-learn and against sums done by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from pipeline.evaluation import (
    METRICS,
    calibration,
    discrimination,
    measure,
    net_benefit,
    net_benefit_treat_all,
)

ONE = np.ones((1, 4))


def people(seed: int, n: int = 300, digits: int = 6) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    logit = draw.normal(-1, 1.2, n)
    event = (draw.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    risk = 1 / (1 + np.exp(-(0.3 + 1.3 * logit + draw.normal(0, 0.5, n))))
    return np.clip(risk.round(digits), 0.001, 0.999), event


def counts(seed: int, n: int = 300, resamples: int = 20) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.stack([np.bincount(draw.integers(n, size=n), minlength=n) for _ in range(resamples)]).astype(
        float
    )


def test_example_of_four_people():
    auroc, auprc = discrimination(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]), ONE)
    assert auroc[0] == pytest.approx(0.75)
    assert auprc[0] == pytest.approx(5 / 6)


@pytest.mark.parametrize("digits", [6, 2, 1], ids=["distinct", "some ties", "many ties"])
def test_weighted_measures_agree_with_scikit_learn(digits):
    risk, event = people(3, digits=digits)
    weights = counts(4)
    auroc, auprc = discrimination(risk, event, weights)
    squared = measure(risk, event, weights, 0.2)[METRICS.index("brier")]
    for row, weight in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(event, risk, sample_weight=weight), abs=1e-12)
        assert auprc[row] == pytest.approx(
            average_precision_score(event, risk, sample_weight=weight), abs=1e-12
        )
        assert squared[row] == pytest.approx(brier_score_loss(event, risk, sample_weight=weight), abs=1e-12)


def test_slope_agrees_with_an_unpenalised_regression():
    risk, event = people(5)
    weights = counts(6)
    logit = np.log(risk / (1 - risk))[:, None]
    slopes, levels = calibration(risk, event, weights)
    for slope, level, weight in zip(slopes, levels, weights, strict=True):
        model = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky", max_iter=200)
        assert slope == pytest.approx(model.fit(logit, event, sample_weight=weight).coef_[0, 0], abs=1e-6)
        moved = 1 / (1 + np.exp(-(logit[:, 0] + level)))
        assert weight @ moved == pytest.approx(weight @ event, abs=1e-9)  # as many foretold as came


def test_perfectly_calibrated_groups_have_slope_one_and_intercept_zero():
    risk = np.repeat([0.2, 0.5, 0.8], 10)
    event = np.concatenate([np.repeat([1, 0], [k, 10 - k]) for k in (2, 5, 8)])
    slope, level = calibration(risk, event, np.ones((1, 30)))
    assert slope[0] == pytest.approx(1, abs=1e-10)
    assert level[0] == pytest.approx(0, abs=1e-10)


def test_net_benefit_of_ten_people():
    risk = np.array([0.9, 0.8, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    event = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
    one = np.ones((1, 10))
    assert net_benefit(risk, event, one, 0.2)[0] == pytest.approx(0.275)
    assert net_benefit_treat_all(event, one, 0.2)[0] == pytest.approx((4 - 6 / 4) / 10)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_for_all_gives_nan_and_no_crash(outcome):
    values = measure(np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, outcome), ONE, 0.25)
    assert np.isnan(values).all()


def test_one_risk_for_all_ranks_nobody_and_has_no_slope():
    event = np.array([0, 1, 0, 1])
    values = dict(zip(METRICS, measure(np.full(4, 0.25), event, ONE, 0.25)[:, 0], strict=True))
    assert values["auroc"] == 0.5
    assert values["auprc"] == 0.5
    assert np.isnan(values["calibration_slope"])
    assert values["calibration_in_the_large"] == pytest.approx(np.log(3))


def test_separated_people_have_no_slope():
    slope, _ = calibration(np.array([0.1, 0.2, 0.7, 0.8]), np.array([0, 0, 1, 1]), ONE)
    assert np.isnan(slope[0])


def test_certain_risks_are_measured():
    assert np.isfinite(measure(np.array([0.0, 1.0, 1.0, 0.3]), np.array([0, 1, 0, 1]), ONE, 0.25)).all()
