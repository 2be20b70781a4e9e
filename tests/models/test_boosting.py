"""Boosted trees on numbers that were binned beforehand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.models import MODELS
from pipeline.models.columns import BINS, Binned


@pytest.fixture
def made():
    """Numbers of three digits, far more of them than bins, some missing; and an outcome that bends with one."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.integers(0, 1000, (4000, 2)).astype(float), columns=["a", "b"])
    event = (draw.uniform(size=4000) < 0.2 + 0.6 * (np.abs(frame["a"] - 500) < 200)).astype(int)
    frame = frame.mask(draw.uniform(size=frame.shape) < 0.1)
    return frame, event


def test_risks_are_those_of_trees_that_bin_by_themselves(made):
    frame, event = made
    ours = MODELS["boosting"](3, list(frame), {}).fit(frame, event)
    own = HistGradientBoostingClassifier(**ours[-1].get_params() | {"categorical_features": None}).fit(frame, event)
    np.testing.assert_allclose(ours.predict_proba(frame), own.predict_proba(frame), rtol=1e-12)


def test_bins_hold_like_shares_and_missing_stays_missing(made):
    frame, _ = made
    placed = Binned().fit_transform(frame)
    assert np.array_equal(np.isnan(placed), frame.isna())
    counts = np.bincount(placed[~np.isnan(placed[:, 0]), 0].astype(int))
    assert len(counts) == BINS
    assert counts.max() < 3 * len(frame) / BINS


def test_a_column_that_nobody_has_and_one_with_two_values_are_taken():
    frame = pd.DataFrame({"none": np.full(40, np.nan), "two": np.tile([0.0, 1.0], 20)})
    placed = Binned().fit_transform(frame)
    assert np.isnan(placed[:, 0]).all()
    assert len(np.unique(placed[:, 1])) == 2


def test_no_value_of_a_person_is_kept():
    values = np.random.default_rng(1).normal(80, 12, (3000, 1))
    assert not set(Binned().fit(values).limits_[0]) & set(values[:, 0])
