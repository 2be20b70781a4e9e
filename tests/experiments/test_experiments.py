"""Experiments on made-up people whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.dummy import DummyClassifier

from pipeline.experiments import learning_curve, missing_at_use, range_shift, transport
from pipeline.models import MODELS, FeatureSet, FollowUp, Matrix
from pipeline.runs import RunError

LOGISTIC = {"logistic": MODELS["logistic"]}


@pytest.fixture(scope="module")
def matrix():
    draw = np.random.default_rng(0)
    number = 1500
    frame = pd.DataFrame(
        {"a": draw.normal(size=number), "b": draw.normal(size=number)}, index=[f"p{i:04d}" for i in range(number)]
    )
    frame["copy"] = frame["a"] + 0.1 * draw.normal(size=number)
    event = (draw.random(number) < expit(-1.0 + frame["a"] + frame["b"])).astype(int).to_numpy()
    groups = np.array([f"g{i // 3}" for i in range(number)], dtype=object)
    return Matrix(frame, event, groups, {"routine": FeatureSet(("a", "b", "copy"), {}, ())}, ())


@pytest.mark.slow
def test_more_people_teach_more(matrix):
    settings = {"sizes": (40, 400), "draws": 10, "test": 600, "seed": 1}
    table = learning_curve(matrix, LOGISTIC, "routine", **settings, jobs=1).set_index("size")
    assert table.loc[400, "auroc"] > table.loc[40, "auroc"]
    assert (table["auroc_low"] < table["auroc"]).all()
    again = learning_curve(matrix, LOGISTIC, "routine", **settings, jobs=2)
    pd.testing.assert_frame_equal(again.set_index("size"), table)


def test_too_few_people_are_said(matrix):
    with pytest.raises(RunError, match="1000 people to learn from and 600 to test are more than there are"):
        learning_curve(matrix, LOGISTIC, "routine", sizes=(1000,), draws=2, test=600, seed=1)


def test_nobody_is_both_learned_from_and_tested(matrix):
    seen = []

    class Witness(DummyClassifier):
        def fit(self, X, y, risk__sample_weight):
            seen.append(({*matrix.groups[matrix.frame.index.get_indexer(X.index)]}, set()))
            self.feature_names_in_ = np.array(X.columns, dtype=object)
            return super().fit(X, y)

        def predict_proba(self, X):
            seen[-1][1].update(matrix.groups[matrix.frame.index.get_indexer(X.index)])
            return super().predict_proba(X)

    witness = {"witness": lambda *_: Witness(strategy="prior")}
    learning_curve(matrix, witness, "routine", sizes=(100, 500), draws=3, test=601, seed=2, jobs=1)
    assert len(seen) == 6
    for learned, tested in seen:
        assert learned
        assert tested
        assert not learned & tested


def test_what_is_missing_costs_what_it_told(matrix):
    settings = {"folds": 4, "resamples": 200, "seed": 3}
    fall = {
        name: missing_at_use(matrix, LOGISTIC, "routine", variables=[name], **settings).loc[0] for name in ("b", "copy")
    }
    assert fall["b"]["fall"] > 0.05
    assert fall["b"]["fall_low"] < fall["b"]["fall"] < fall["b"]["fall_high"]
    assert fall["b"]["auroc"] == pytest.approx(fall["b"]["auroc_without"] + fall["b"]["fall"])
    assert fall["copy"]["auroc"] == fall["b"]["auroc"]
    never_had = missing_at_use(bereft(matrix, "b"), LOGISTIC, "routine", variables=["b"], **settings).loc[0]
    assert fall["b"]["auroc_relearned"] == never_had["auroc"]


def bereft(matrix, name):
    """The same people, of whom nobody has the variable."""
    return matrix._replace(frame=matrix.frame.assign(**{name: np.nan}))


def test_a_right_model_is_right_beyond_its_range(matrix):
    found = range_shift(matrix, LOGISTIC, "routine", variable="b", below=1.0, seed=4).loc[0]
    assert found["observed_low"] < found["predicted"] < found["observed_high"]
    assert found["learned_from"] + found["tested_on"] == 1500
    with pytest.raises(RunError, match="nobody has the event on one side of b 9"):
        range_shift(matrix, LOGISTIC, "routine", variable="b", below=9.0, seed=4)


def test_the_lost_do_not_count(matrix):
    lost = np.arange(1500) % 4 == 0
    follow = FollowUp(
        np.where(lost, 10.0, 400.0), np.where(lost | (matrix.event == 0), "censored", "event"),
        np.where(lost, 0.0, 4 / 3), 365.0,
    )  # fmt: skip
    spoiled = matrix.event.copy()
    spoiled[lost] = 1 - spoiled[lost]
    tables = [
        range_shift(matrix._replace(event=event, follow=follow), LOGISTIC, "routine", variable="b", below=1.0, seed=4)
        for event in (matrix.event, spoiled)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_cohort_with_more_events_is_foretold_too_low_and_ranked_as_well(matrix):
    draw = np.random.default_rng(9)
    frame = pd.DataFrame({"a": draw.normal(size=3000), "b": draw.normal(size=3000), "here": draw.normal(size=3000)})
    event = (draw.random(3000) < expit(frame["a"] + frame["b"])).astype(int).to_numpy()      # 1 higher in log odds
    target = Matrix(frame, event, np.arange(3000), {"routine": FeatureSet(("a", "b", "here"), {}, ())}, ())
    row = transport(matrix, target, LOGISTIC, "routine", folds=4, resamples=200, seed=3).iloc[0]
    assert row["columns"] == 2, "what only one cohort has is left out"
    assert (row["learned_from"], row["tested_on"]) == (1500, 3000)
    assert row["expected_observed"] == pytest.approx(0.32 / 0.5, abs=0.05)
    assert row["expected_observed_high"] < 1
    assert row["slope_low"] < 1 < row["slope_high"] + 0.1
    assert row["fall_low"] < 0.003
    assert row["fall"] == pytest.approx(0, abs=0.005)
    stranger = target._replace(sets={"routine": FeatureSet(("here",), {}, ())})
    with pytest.raises(RunError, match="no predictor in common"):
        transport(matrix, stranger, LOGISTIC, "routine", folds=4, resamples=200, seed=3)
