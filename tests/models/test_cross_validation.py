"""Nothing of a test fold may be known to the model that predicts it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from pipeline.models import MODELS, ROUTINE_ONLY, FeatureSet, Matrix, TwinDraws, fit, out_of_fold, pairs, split
from pipeline.runs import RunError
from pipeline.schema import validate
from tests.models.people import BUILDERS, SLOW, make, marks

FAST = [name for name in MODELS if name not in SLOW]
EVERY = [pytest.param(name, marks=marks(name)) for name in MODELS]
SETTINGS = {"train_draws": 2, "folds": 4, "repeats": 2, "seed": 11}


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return make()


@pytest.fixture(scope="module")
def draws(matrix: Matrix) -> TwinDraws:
    noise = np.random.default_rng(2).normal(0, 0.3, (len(matrix.event), 16, 1))
    return TwinDraws(matrix.frame["twin"].to_numpy()[:, None, None] + noise)


def test_groups_stay_whole_and_folds_have_like_shares(matrix):
    fold = split(matrix.event, matrix.groups, folds=4, seed=3)
    assert pd.Series(fold).groupby(matrix.groups).nunique().max() == 1
    shares = [matrix.event[fold == k].mean() for k in range(4)]
    assert max(shares) - min(shares) < 0.05
    assert not np.array_equal(fold, split(matrix.event, matrix.groups, folds=4, seed=4))


def test_too_few_events_are_said_in_words():
    event = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    with pytest.raises(
        RunError, match="2 people with the event in 2 groups are too few for 3 folds: lower folds"
    ):
        split(event, np.arange(8).astype(str), folds=3, seed=0)


@pytest.mark.parametrize("model", EVERY)
def test_predictions_keep_their_contract_and_find_the_signal(matrix, draws, model):
    found = out_of_fold(matrix, draws, {model: BUILDERS[model]}, **SETTINGS, jobs=1)
    table = validate(found, "predictions", "predictions")
    assert len(table) == (1 if model in ROUTINE_ONLY else 2) * 2 * len(matrix.event)
    for (model, name, _), rows in table.groupby(["model", "feature_set", "repeat"]):
        assert rows["person_id"].is_unique
        assert roc_auc_score(rows["event"], rows["risk"]) > (0.78 if name == "both" else 0.65), model
        assert rows["risk_low"].notna().all() == (name == "both")
    inside = table.dropna()
    if model in ROUTINE_ONLY:
        return
    assert (inside["risk_low"] <= inside["risk_high"]).all()
    assert inside["risk"].between(inside["risk_low"], inside["risk_high"]).mean() > 0.9


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(matrix, draws):
    settings = SETTINGS | {"repeats": 1}
    some = {name: MODELS[name] for name in FAST}
    one = out_of_fold(matrix, draws, some, **settings, jobs=1)
    two = out_of_fold(matrix, draws, some, **settings, jobs=2)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_model_never_sees_the_people_it_predicts(matrix):
    seen: list[tuple[set, set]] = []

    class Witness(DummyClassifier):
        def fit(self, X, y, risk__sample_weight):
            self.fitted, self.feature_names_in_ = set(X.index), np.array(X.columns, dtype=object)
            return super().fit(X, y)

        def predict_proba(self, X):
            seen.append((self.fitted, set(X.index)))
            return super().predict_proba(X)

    out_of_fold(matrix, None, {"witness": lambda *_: Witness()}, **SETTINGS, jobs=1)
    group = dict(zip(matrix.frame.index, matrix.groups, strict=True))
    assert len(seen) == 2 * 2 * 4
    for fitted, predicted in seen:
        assert len(fitted | predicted) == len(matrix.event)
        assert not {group[p] for p in fitted} & {group[p] for p in predicted}


def test_a_person_whose_twin_failed_has_a_risk_but_no_range(matrix, draws):
    failed = draws.features.copy()
    failed[5] = np.nan
    one = {"logistic": MODELS["logistic"]}
    table = out_of_fold(matrix, TwinDraws(failed), one, folds=4, repeats=1, seed=1, train_draws=2, jobs=1)
    rows = table[table["feature_set"] == "both"].reset_index(drop=True)
    assert list(np.flatnonzero(rows["risk_low"].isna())) == [5]
    assert rows["risk"].notna().all()


def test_a_feature_set_without_any_value_is_refused(matrix):
    empty = matrix._replace(
        frame=matrix.frame.assign(twin=np.nan), sets={"mechanistic": FeatureSet(("twin",), {}, ("twin",))}
    )
    with pytest.raises(RunError, match="has a value for anyone"):
        out_of_fold(empty, None, MODELS, **SETTINGS, jobs=1)


def test_a_model_with_features_of_its_own_takes_no_others(matrix):
    taken = [("logistic", "routine"), ("logistic", "both"), ("hybrid", "routine")]
    assert pairs(["logistic", "hybrid"], matrix.sets) == taken


def test_the_next_visit_reaches_only_whoever_learns_from_it(matrix):
    later = pd.DataFrame({"years": 2.0, "age": 1.0}, index=matrix.frame.index)
    given = []

    class Learner(DummyClassifier):
        learns_from_later = True

        def fit(self, X, y, sample_weight=None, later=None):
            given.append(later)
            return super().fit(X, y)

    def build(kind):
        age = ColumnTransformer([("age", "passthrough", ["age"])])
        return lambda *_: Pipeline([("columns", age), ("risk", kind())])

    columns = matrix.sets["routine"]
    fit(build(Learner), matrix.frame, matrix.event, columns, seed=1, later=later)
    fit(build(DummyClassifier), matrix.frame, matrix.event, columns, seed=1, later=later)
    assert [table is later for table in given] == [True]
    given.clear()
    settings = {**SETTINGS, "repeats": 1}
    out_of_fold(matrix._replace(later=later), None, {"learner": build(Learner)}, **settings, jobs=1)
    fold = split(matrix.event, matrix.groups, folds=4, seed=11)
    assert [list(table.index) for table in given[:4]] == [list(matrix.frame.index[fold != k]) for k in range(4)]
