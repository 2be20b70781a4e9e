"""A population is learned from people, and their draws follow it."""

import numpy as np
import pytest

from pipeline.fitting import Population, Unknowns, effective_share, learn_population, redraw

MEAN, SD = np.array([1.2, -1.5, 0.0]), np.array([0.6, 0.7, 1.0])      # planted; the third is measured of nobody
NOISE = np.array([1.0, 0.7, np.inf])                                  # error of one reading
ALL = np.arange(2000)
DRAWS = 512      # a third of them are left: an interval of n draws covers (n - 1) / (n + 1) of what it should


def people(number=2000, draws=128, seed=0, mean=MEAN, sd=SD):
    """Unknowns drawn from a population, and what one reading of the first two says under the standard normal prior."""
    rng = np.random.default_rng(seed)
    truth = mean + sd * rng.normal(size=(number, 3))
    precision = 1.0 / NOISE**2
    reading = truth + np.where(np.isfinite(NOISE), NOISE, 0.0) * rng.normal(size=truth.shape)
    spread = 1.0 / np.sqrt(1.0 + precision)
    mode = precision * reading * spread**2
    root = np.broadcast_to(np.diag(spread), (number, 3, 3)).copy()
    z = mode[:, None] + spread * rng.normal(size=(number, draws, 3))
    return truth, Unknowns(mode, root, z)


@pytest.fixture(scope="module")
def planted():
    truth, unknowns = people(draws=DRAWS)
    return truth, unknowns, learn_population(unknowns, ALL)


def coverage(truth, z):
    low, high = np.quantile(z, [0.05, 0.95], axis=1)
    return ((low < truth) & (truth < high)).mean(axis=0)


def test_a_planted_population_is_found(planted):
    """Standard errors are 0.026 of a mean and 0.036 of a spread at most; the literature pulls the latter by 0.06."""
    found = planted[2]
    np.testing.assert_allclose(found.mean[:2], MEAN[:2], atol=0.075)
    np.testing.assert_allclose(found.sd[:2], SD[:2], atol=0.13)


def test_it_agrees_with_the_closed_form_of_equal_readings(planted):
    """With one precision for all, mean and variance solve the marginal moments, the literature left out."""
    _, unknowns, found = planted
    precision = 1.0 / NOISE[:2] ** 2
    reading = unknowns.mode[:, :2] * (1.0 + precision) / precision
    np.testing.assert_allclose(found.mean[:2], reading.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(found.sd[:2] ** 2, reading.var(axis=0) - NOISE[:2] ** 2, atol=0.06)


def test_what_nobody_was_measured_of_stays(planted):
    assert planted[2].mean[2] == 0.0
    assert planted[2].sd[2] == 1.0


def test_redrawn_posteriors_cover_and_the_old_ones_do_not(planted):
    truth, unknowns, found = planted
    index = redraw(unknowns, found, seed=1)
    new = np.take_along_axis(unknowns.z, index[:, :, None], axis=1)
    old, now = coverage(truth, unknowns.z), coverage(truth, new)
    # Two standard errors of a share of 2,000 people are 0.013, and 150 draws cost 0.012.
    np.testing.assert_allclose(now[:2], 0.90, atol=0.025)
    assert (old[:2] < 0.86).all()


def test_redrawn_means_are_those_of_the_exact_posterior(planted):
    _, unknowns, found = planted
    index = redraw(unknowns, found, seed=1)
    new = np.take_along_axis(unknowns.z, index[:, :, None], axis=1).mean(axis=1)[:, :2]
    precision = 1.0 / NOISE[:2] ** 2
    reading = unknowns.mode[:, :2] * (1.0 + precision) / precision
    variance = 1.0 / (precision + 1.0 / found.sd[:2] ** 2)
    exact = variance * (precision * reading + found.mean[:2] / found.sd[:2] ** 2)
    assert np.abs((new - exact).mean(axis=0)).max() < 0.01
    assert np.sqrt(((new - exact) ** 2).mean(axis=0)).max() < 0.1      # spreads are 0.5, of 150 draws


def test_only_training_people_matter(planted):
    unknowns = planted[1]
    train = np.arange(0, 2000, 2)
    before = learn_population(unknowns, train)
    changed = Unknowns(*(part.copy() for part in unknowns))
    for part in changed:
        part[1::2] = part[1::2] * 3.0 + 1.0
    after = learn_population(changed, train)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.sd, after.sd)
    np.testing.assert_array_equal(learn_population(unknowns, train[::-1]).mean.round(9), before.mean.round(9))


def test_a_few_people_hardly_move_it():
    """Bounds of three standard errors, 0.11 of a mean and 0.07 of a spread: what 20 people say counts a third."""
    for seed in range(10):
        found = learn_population(people(20, seed=seed, mean=np.zeros(3), sd=np.ones(3))[1], np.arange(20))
        assert np.abs(found.mean).max() < 0.33
        assert np.abs(found.sd - 1.0).max() < 0.22
    shifted = learn_population(people(20)[1], np.arange(20))
    assert (np.abs(shifted.mean) < 0.5 * np.abs(MEAN) + 0.05).all()


def test_nobody_to_learn_from_is_the_literature(planted):
    for train in (np.array([], dtype=int), np.array([7])):
        unknowns = Unknowns(*(part.copy() for part in planted[1]))
        unknowns.mode[7] = np.nan
        found = learn_population(unknowns, train)
        np.testing.assert_array_equal(found.mean, np.zeros(3))
        np.testing.assert_array_equal(found.sd, np.ones(3))


@pytest.mark.parametrize("draws", [8, 64, 100])
def test_the_literature_s_population_keeps_every_draw(draws):
    _, unknowns = people(500, draws)
    literature = Population(np.zeros(3), np.ones(3))
    for seed in range(5):
        np.testing.assert_array_equal(redraw(unknowns, literature, seed), np.tile(np.arange(draws), (500, 1)))
    np.testing.assert_allclose(effective_share(unknowns, literature), 1.0)


def test_who_has_no_fit_keeps_the_draws_and_teaches_nothing(planted):
    _, unknowns, found = planted
    broken = Unknowns(*(part.copy() for part in unknowns))
    broken.mode[3], broken.root[4], broken.z[5, 7, 0] = np.nan, np.nan, np.nan
    index = redraw(broken, found, seed=1)
    np.testing.assert_array_equal(index[[3, 4, 5]], np.tile(np.arange(DRAWS), (3, 1)))
    assert np.isnan(effective_share(broken, found)[[3, 4, 5]]).all()
    np.testing.assert_array_equal(index[6:], redraw(unknowns, found, seed=1)[6:])
    left = learn_population(unknowns, np.delete(ALL, [3, 4, 5]))
    np.testing.assert_array_equal(learn_population(broken, ALL).mean, left.mean)


def test_draws_of_a_person_depend_on_that_person_alone(planted):
    _, unknowns, found = planted
    some = np.array([1500, 3, 40])
    index = redraw(unknowns, found, seed=2)
    np.testing.assert_array_equal(redraw(Unknowns(*(part[some] for part in unknowns)), found, seed=2), index[some])


def test_a_population_far_away_leaves_few_draws_and_says_so(planted):
    far = Population(np.array([6.0, 0.0, 0.0]), np.array([0.2, 1.0, 1.0]))
    assert np.median(effective_share(planted[1], far)) < 0.25
    assert np.median(effective_share(planted[1], planted[2])) > 0.25
