"""One continuous cloud is one group whatever its shape, and a valley makes two."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from pipeline.strata.mixtures import _joined, _valley, find_groups

PEOPLE, AXES = 400, 4
CLOUDS = {
    "normal": lambda z: z,
    "correlated": lambda z: z @ (np.eye(AXES) + 0.8),
    "skewed": lambda z: np.exp(0.8 * z),
    "skewed in one": lambda z: np.column_stack([np.exp(z[:, 0]), z[:, 1:]]),
    "long tails": lambda z: np.sinh(z),
    "bent": lambda z: np.column_stack([z[:, 0], z[:, 1] + z[:, 0] ** 2, z[:, 2:]]),
}


def uncorrelated(values):
    return np.linalg.svd(values - values.mean(axis=0), full_matrices=False)[0] * np.sqrt(len(values))


def normal(seed):
    return np.random.default_rng(seed).normal(size=(PEOPLE, AXES))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_one_cloud_is_one_group(cloud):
    found = [find_groups(uncorrelated(CLOUDS[cloud](normal(seed))), seed, 1) for seed in range(3)]
    assert [groups.number for groups in found] == [1] * 3
    if cloud not in ("normal", "correlated"):
        assert all(len(groups.group) > 1 for groups in found), "the criterion alone would have found several"


@pytest.mark.parametrize("seed", range(3))
def test_two_far_groups_are_two_also_where_one_is_wider(seed):
    z = normal(seed)
    z[: PEOPLE // 3] *= [0.5, 1.0, 1.5, 1.0]
    z[: PEOPLE // 3, 1] -= 6.0
    groups = find_groups(uncorrelated(z), seed, 1)
    chance = groups.place(uncorrelated(z))
    assert groups.number == 2
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    label = chance.argmax(axis=1)
    assert (label[: PEOPLE // 3] == 1).mean() > 0.95
    assert (label[PEOPLE // 3 :] == 0).mean() > 0.95


def mixture(weights, means, sds):
    """A mixture on the first of two axes, as if it had been fitted."""
    made = GaussianMixture(len(weights))
    made.weights_, made.means_ = np.array(weights), np.column_stack([means, np.zeros(len(means))])
    made.covariances_ = np.stack([np.diag([sd**2, 1.0]) for sd in sds])
    made.precisions_ = np.linalg.inv(made.covariances_)
    made.precisions_cholesky_ = np.linalg.cholesky(made.precisions_)
    return made


@pytest.mark.parametrize(("weight", "apart", "sd"), [(0.5, 3.0, 1.0), (0.5, 4.0, 1.0), (0.3, 4.0, 0.7), (0.5, 1, 1)])
def test_the_valley_is_that_of_the_density(weight, apart, sd):
    x = np.linspace(-4, apart + 4, 20001)
    density = weight * norm.pdf(x) + (1 - weight) * norm.pdf(x, apart, sd)
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] > density[2:])) + 1
    lower = density[peaks].min()
    expected = density[peaks[0] : peaks[-1] + 1].min() / lower
    found = _valley(mixture([weight, 1 - weight], [0.0, apart], [1.0, sd]), 0, 1)
    assert found == pytest.approx(expected, abs=0.01)


def test_two_equal_groups_part_at_three_and_a_half_spreads():
    assert _joined(mixture([0.5, 0.5], [0.0, 3.3], [1.0, 1.0])).tolist() == [0, 0]
    assert len(set(_joined(mixture([0.5, 0.5], [0.0, 3.6], [1.0, 1.0])).tolist())) == 2


def test_a_chain_of_parts_is_one_group_and_the_largest_comes_first():
    assert _joined(mixture([0.3, 0.2, 0.2, 0.3], [0.0, 2.0, 4.0, 12.0], [1.0] * 4)).tolist() == [0, 0, 0, 1]
    assert _joined(mixture([0.3, 0.7], [0.0, 9.0], [1.0, 1.0])).tolist() == [1, 0]


def test_a_few_people_far_away_are_no_group():
    assert _joined(mixture([0.58, 0.38, 0.04], [0.0, 9.0, 15.0], [1.0] * 3)).tolist() == [0, 1, 1]
