"""Posteriors are as wide as they should be: simulation-based calibration, and the No-U-Turn sampler beside Laplace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import MCMC, NUTS
from scipy.stats import chisquare

from pipeline.fitting.people import residuals, solve
from pipeline.fitting.quantities import FREE, QUANTITIES, describe
from pipeline.fitting.sensors import SENSORS
from pipeline.fitting.visits import Readings

pytestmark = pytest.mark.slow

PEOPLE, DRAWS, BINS = 2000, 99, 10
NEARLY_NEVER = 1e-3      # a chance below which ranks are not uniform; of ten quantities, so one of 100 seeds fails


def simulate(people=PEOPLE, seed=0):
    """People drawn from the prior, with readings of random sensors at up to three visits, drawn with their errors."""
    draw = np.random.default_rng(seed)
    known = {"age_years": draw.uniform(20, 80, people), "male": draw.integers(0, 2, people) * 1.0}
    truth = draw.normal(size=(people, len(FREE)))
    person = jax.vmap(describe)(truth, known)
    readings = []
    for sensor in SENSORS:
        years = -np.cumsum(draw.uniform(0, 5, (people, 3)) * [0, 1, 1], axis=1)
        there = draw.random((people, 3)) < draw.choice([0.0, 0.5, 1.0], (people, 1))
        cover = sensor.drift**2 * np.minimum(-years[:, :, None], -years[:, None, :]) + sensor.shared**2
        cover += sensor.sd**2 * np.eye(3)
        noise = np.einsum("pij,pj->pi", np.linalg.cholesky(cover), draw.normal(size=(people, 3)))
        exact = np.asarray(jax.vmap(sensor.predict)(person, years))
        exact = np.broadcast_to(exact if exact.ndim == 2 else exact[:, None], years.shape)
        read = exact + noise
        if sensor.days == "alcohol_intake_g_d":       # exact is the root of the mean of a day
            occasions = draw.poisson(2.0 * exact / sensor.sd**2)
            read = np.sqrt(draw.gamma(np.maximum(occasions, 1), 0.5 * sensor.sd**2 * exact) * (occasions > 0))
        both = there[:, :, None] & there[:, None, :]
        whiten = np.where(both, np.linalg.inv(np.linalg.cholesky(np.where(both, cover, np.eye(3)))), 0.0)
        readings.append(Readings(np.where(there, read, 0.0), years, whiten))
    return known, truth, readings


@pytest.fixture(scope="module")
def fitted():
    known, truth, readings = simulate()
    return known, truth, readings, jax.tree.map(np.asarray, solve(known, readings))


def test_everybody_settles(fitted):
    assert fitted[-1].settled.all()


def test_ranks_of_the_truth_are_uniform(fitted):
    """Talts S et al., arXiv 1804.06788: the truth is equally likely to have any rank among the draws."""
    known, truth, _, posterior = fitted
    noise = np.random.default_rng(1).normal(size=(PEOPLE, DRAWS, len(FREE)))
    drawn = posterior.mean[:, None] + np.einsum("pij,pdj->pdi", posterior.root, noise)
    of = jax.vmap(describe)
    was, says = of(truth, known), jax.vmap(of, in_axes=(1, None), out_axes=1)(drawn, known)
    for quantity in QUANTITIES:
        rank = np.sum(np.asarray(says[quantity.name]) < np.asarray(was[quantity.name])[:, None], axis=1)
        counts = np.bincount(rank * BINS // (DRAWS + 1), minlength=BINS)
        assert chisquare(counts).pvalue > NEARLY_NEVER, (quantity.name, counts)


def test_a_posterior_too_narrow_by_a_fifth_would_be_found(fitted):
    _, truth, _, posterior = fitted
    noise = np.random.default_rng(1).normal(size=(PEOPLE, DRAWS, len(FREE)))
    drawn = posterior.mean[:, None] + 0.8 * np.einsum("pij,pdj->pdi", posterior.root, noise)
    rank = np.sum(drawn < truth[:, None], axis=1)
    for unknown in range(len(FREE)):
        counts = np.bincount(rank[:, unknown] * BINS // (DRAWS + 1), minlength=BINS)
        assert chisquare(counts).pvalue < NEARLY_NEVER


def test_misfit_is_chi_square_in_the_number_of_readings(fitted):
    """But for a recalled day of alcohol: without a drink, it lies less far from what was likely."""
    known, _, readings, _ = fitted
    pairs = zip(SENSORS, readings, strict=True)
    readings = [r._replace(whiten=0.0 * r.whiten) if s.days == "alcohol_intake_g_d" else r for s, r in pairs]
    posterior = jax.tree.map(np.asarray, solve(known, readings))
    number = sum(r.number for r in readings)
    assert np.mean(posterior.misfit) == pytest.approx(np.mean(number), rel=0.02)


def test_the_sampler_agrees_for_twenty_people():
    """Means within a tenth of a spread, spreads within 15 %."""
    known, _, readings = simulate(20, seed=3)
    posterior = jax.tree.map(np.asarray, solve(known, readings))
    for i in range(20):
        who, seen = jax.tree.map(lambda leaf, i=i: leaf[i], (known, readings))

        def potential(z, who=who, seen=seen):
            return 0.5 * jnp.sum(residuals(z, who, seen) ** 2) + 0.5 * jnp.sum(z**2)

        kernel = NUTS(potential_fn=potential, dense_mass=True)
        chain = MCMC(kernel, num_warmup=300, num_samples=2000, progress_bar=False)
        chain.run(jax.random.PRNGKey(i), init_params=jnp.zeros(len(FREE)))
        z = np.asarray(chain.get_samples())
        spread = np.sqrt(np.sum(posterior.root[i] ** 2, axis=1))
        assert (np.abs((z.mean(axis=0) - posterior.mean[i]) / spread) < 0.1).all(), i
        assert np.abs(z.std(axis=0) / spread - 1.0).max() < 0.15, i
