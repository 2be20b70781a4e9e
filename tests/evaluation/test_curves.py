"""Bins, decision curve and strata against sums by hand and published figures."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import band_of, calibration_curve, decision_curve, net_benefit, stratify, wilson


def table(risk: np.ndarray, event: np.ndarray) -> pd.DataFrame:
    ids = [f"p{i:05d}" for i in range(len(risk))]
    rows = {"person_id": ids, "model": "logistic", "feature_set": "routine", "event": event, "weight": 1.0}
    return pd.concat(
        [
            pd.DataFrame({**rows, "repeat": 0, "risk": risk - 0.01}),
            pd.DataFrame({**rows, "repeat": 1, "risk": risk + 0.01}),
        ]
    )


def test_wilson_interval_as_published():
    """Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3."""
    low, high = wilson([81, 15, 0, 1], [263, 148, 20, 29])
    np.testing.assert_allclose(low, [0.2553, 0.0624, 0.0000, 0.0061], atol=5e-5)
    np.testing.assert_allclose(high, [0.3662, 0.1605, 0.1611, 0.1718], atol=5e-5)
    assert np.isnan(wilson([0], [0])).all()


def test_ten_equal_bins_of_a_calibrated_risk():
    draw = np.random.default_rng(0)
    risk = draw.uniform(0.05, 0.95, 2000)
    curve = calibration_curve(table(risk, (draw.random(2000) < risk).astype(int)))
    assert list(curve["n"]) == [200] * 10
    assert curve["predicted"].is_monotonic_increasing
    assert ((curve["low"] <= curve["predicted"]) & (curve["predicted"] <= curve["high"])).mean() >= 0.8


@pytest.mark.parametrize(("people", "bins"), [(10, 1), (65, 3), (500, 10)])
def test_few_people_share_fewer_bins(people, bins):
    risk = np.linspace(0.1, 0.9, people)
    curve = calibration_curve(table(risk, (risk > 0.5).astype(int)))
    assert len(curve) == bins
    assert curve["n"].sum() == people


def test_one_risk_for_all_is_one_bin():
    curve = calibration_curve(table(np.full(400, 0.2), np.arange(400) % 2))
    assert list(curve["bin"]) == [0]
    assert curve["predicted"].item() == pytest.approx(0.2)


def test_decision_curve_holds_the_threshold_of_the_study():
    risk = np.linspace(0.02, 0.9, 50)
    event = (np.arange(50) % 3 == 0).astype(int)
    curve = decision_curve(table(risk, event), threshold=0.125).set_index("threshold")
    expected = np.mean([net_benefit(risk + d, event, np.ones((1, 50)), 0.125)[0] for d in (-0.01, 0.01)])
    assert curve.loc[0.125, "net_benefit"] == pytest.approx(expected)
    assert curve.loc[0.01, "treat_all"] == pytest.approx((17 - 33 / 99) / 50)
    assert len(curve) == 100


def test_strata_by_mean_risk_with_borders_going_up():
    risk = np.array([0.05, 0.10, 0.15, 0.30])
    strata = stratify(table(risk, np.array([0, 1, 0, 1])), bands=[0.10, 0.20, 0.90])
    assert list(strata["band"]) == [1, 2, 3, 4]
    assert list(strata["n"]) == [1, 2, 1, 0]
    assert list(strata["events"]) == [0, 1, 1, 0]
    assert list(strata["risk_from"]) == [0, 0.10, 0.20, 0.90]
    assert list(strata["risk_to"]) == [0.10, 0.20, 0.90, 1]
    assert strata.loc[1, "mean_risk"] == pytest.approx(0.125)
    assert strata.loc[3, ["mean_risk", "observed", "low", "high"]].isna().all()
    of = band_of(table(risk, np.array([0, 1, 0, 1])), [0.10, 0.20, 0.90])
    assert of.value_counts().to_dict() == {1: 1, 2: 2, 3: 1}, "each person is where the strata count them"
