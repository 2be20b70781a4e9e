"""A network learns what a line cannot, says how sure it is, and invents nothing."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pipeline.models import ensemble
from pipeline.models.network import Network

DESCENT = ensemble.Descent(1e-3, 1e-2, 8, 2, 3)


def sample(people, log_odds, seed=0, columns=4):
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(people, columns))
    return X, (draw.random(people) < expit(log_odds(X))).astype(int)


@pytest.fixture(scope="module")
def crossed():
    return sample(1000, lambda X: 2 * X[:, 0] * X[:, 1] + X[:, 2])


def test_learns_an_interaction_that_a_line_cannot(crossed):
    X, y = sample(1000, lambda X: 2 * X[:, 0] * X[:, 1] + X[:, 2], seed=1)
    line = LogisticRegression().fit(*crossed).predict_proba(X)[:, 1]
    assert roc_auc_score(y, Network().fit(*crossed).predict_proba(X)[:, 1]) > roc_auc_score(y, line) + 0.05


def test_risks_are_the_mean_of_members_that_differ(crossed):
    model = Network().fit(*crossed)
    members = model.members(crossed[0][:50])
    assert members.shape == (5, 50)
    assert members.std(axis=0).min() > 0
    np.testing.assert_allclose(model.predict_proba(crossed[0][:50])[:, 1], members.mean(axis=0))


def test_members_part_farther_away_from_what_they_learned(crossed):
    model = Network().fit(*crossed)
    near, far = (model.members(scale * crossed[0][:200]) for scale in (0.5, 3.0))
    assert far.std(axis=0).mean() > 1.5 * near.std(axis=0).mean()


@pytest.mark.slow
def test_few_people_give_risks_that_are_not_too_sure():
    slopes = []
    for seed in range(6):
        X, y = sample(80, lambda X: X[:, 0] - 1, seed=seed, columns=12)
        fresh, truth = sample(2000, lambda X: X[:, 0] - 1, seed=seed + 100, columns=12)
        risk = Network(random_state=seed).fit(X, y).predict_proba(fresh)[:, 1]
        logit = np.log(risk / (1 - risk))[:, None]
        slopes.append(LogisticRegression(C=1e6).fit(logit, truth).coef_[0, 0])
    assert 0.6 < np.median(slopes) < 1.6


@pytest.mark.slow
def test_a_person_with_weight_nothing_teaches_nothing(crossed):
    X, y = crossed
    weight = np.r_[np.zeros(300), np.ones(700)]
    spoiled = np.where(np.arange(1000) < 300, 1 - y, y)
    model = Network(random_state=2)
    risk = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    assert roc_auc_score(y, risk) > 0.7
    wrong = model.fit(X, spoiled, sample_weight=weight).predict_proba(X)[:, 1]
    assert np.corrcoef(risk, wrong)[0, 1] > 0.95      # folds are dealt by the outcome, so not equal
    assert np.corrcoef(risk, model.fit(X, spoiled).predict_proba(X)[:, 1])[0, 1] < 0.9


def test_parts_keep_a_persons_rows_together_and_share_events():
    event = np.repeat(np.random.default_rng(3).random(90) < 0.3, 2).astype(int)
    parts = ensemble.divide(event, DESCENT, members=5, rows_per_person=2, seed=1)
    assert (parts.fold[::2] == parts.fold[1::2]).all()
    events = [event[parts.fold == m].sum() / 2 for m in range(5)]
    assert max(events) - min(events) <= 1
    assert parts.batches.shape == (3, 2, 5, 8)
    for m in range(5):
        assert set(parts.held[m]) == set(np.flatnonzero(parts.fold == m))
        assert not set(parts.batches[:, :, m].ravel()) & set(parts.held[m])


def test_layers_are_kept_as_arrays():
    layers = ensemble.layers((7, 5, 3, 1), members=2, seed=4)
    again = ensemble.from_arrays(ensemble.to_arrays(layers))
    for one, other in zip(layers, again, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)
    assert not np.array_equal(layers[0].weight[0], layers[0].weight[1])
    assert not np.any(layers[-1].weight)
