"""A sample of all parameter vectors that the data allow.

Flat priors of the logarithms of the problem's coordinates, which are its parameters within the bounds of the search
unless it says otherwise, never beyond those bounds, likelihood exp(-cost / 2), and the bands as hard
limits: the No-U-Turn sampler of NumPyro sees steep walls outside them, and what it draws there is thrown away,
which leaves the density inside as it is. Where a gradient takes too long, ensembles of walkers do the same without any
(Goodman J, Weare J, Comm App Math Comp Sci 2010;5:65-80, and differential evolution). The walkers of one ensemble lead
each other, so there are several ensembles, and `r_hat` compares all walkers of all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import AIES, MCMC, NUTS

from pipeline.calibration.problem import Problem

WALL = 15.0          # weight of the walls while sampling: softer ones lose draws, harder ones need small steps
EDGE = 1e-3          # chains start at least this share of the range inside the bounds
DIGITS = 6
INSIDE = 5e-3        # the same at least for walkers, which only go where the ensemble already spans

Potential = Callable[[jax.Array], jax.Array]


class Sample(NamedTuple):
    """Draws of all chains together that keep every band."""

    points: np.ndarray           # (draws, params), natural logarithm
    values: np.ndarray           # (draws, quantities), natural logarithm of everything that can be profiled
    costs: np.ndarray
    r_hat: np.ndarray            # of each quantity
    effective: np.ndarray        # effective sample size of each quantity
    divergent: int
    outside: float               # share of draws that left a band

    def thinned(self, draws: int) -> np.ndarray:
        """Indices of `draws` evenly spaced draws."""
        return np.linspace(0, len(self.costs) - 1, min(draws, len(self.costs))).round().astype(int)


def sample(
    problem: Problem, starts: np.ndarray, seed: int, warmup: int = 1500, draws: int = 2000, progress: bool = True
) -> Sample:
    """Sample the posterior with one chain from each of `starts` (logarithms of the parameters).

    Starts should lie apart, such as at the ends of profiles: chains that agree though they began far from each
    other have found the same distribution.
    """
    matrix, low, high = problem.chart
    width, back = high - low, np.linalg.inv(matrix)

    def potential(z: jax.Array) -> jax.Array:
        share = jax.nn.sigmoid(z)
        x = back @ (low + width * share)
        within = jnp.all((problem.lower - 1e-9 <= x) & (x <= problem.upper + 1e-9))
        theta = problem.theta(x)
        walls = problem.walls(problem.derived(theta))
        residuals = jnp.sum(problem.residuals(theta) ** 2) + jnp.sum((WALL * walls) ** 2)
        flat = jnp.sum(jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z))      # of the change of variable
        energy = 0.5 * residuals - flat
        return jnp.where(jnp.isfinite(energy) & within, energy, jnp.inf)

    share = np.clip((starts @ matrix.T - low) / width, EDGE, 1.0 - EDGE)
    effort, key = problem.effort, jax.random.PRNGKey(seed)
    if effort.walkers:
        inset = np.random.default_rng(seed).uniform(INSIDE, 0.1, size=share.shape)      # spans all directions
        share = np.clip(share, inset, 1.0 - inset)
        parts = np.split(np.log(share / (1.0 - share)), len(share) // effort.walkers)
        keys = jax.random.split(key, len(parts))
        runs = zip(parts, keys, strict=True)
        each = [_ensemble(potential, part, k, warmup, draws, effort.thinning) for part, k in runs]
        z, divergent = np.concatenate(each), 0
    else:
        z, divergent = _chains(potential, np.log(share / (1.0 - share)), key, warmup, draws, progress)
    points = (low + width / (1.0 + np.exp(-z))) @ back.T

    def judge(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        theta = problem.theta(x)
        derived = problem.derived(theta)
        return problem.log_quantities(theta, derived), problem.cost(theta), jnp.max(problem.walls(derived))

    flat = _rounded(points.reshape(-1, points.shape[-1]))
    judged = jax.jit(lambda xs: jax.lax.map(judge, xs, batch_size=64))(flat)
    values, costs, walls = (np.asarray(part) for part in judged)
    by_chain = values.reshape(*points.shape[:2], -1)
    inside = walls == 0.0
    return Sample(
        points=flat[inside],
        values=values[inside],
        costs=costs[inside],
        r_hat=np.asarray(split_gelman_rubin(by_chain)),
        effective=np.asarray(effective_sample_size(by_chain)),
        divergent=divergent,
        outside=float(1.0 - inside.mean()),
    )


def _chains(
    potential: Potential, start: np.ndarray, key: Any, warmup: int, draws: int, progress: bool
) -> tuple[np.ndarray, int]:
    """Draws (chains, draws, coordinates) of the No-U-Turn sampler, and how many diverged."""
    kernel = NUTS(potential_fn=potential, dense_mass=True, target_accept_prob=0.9, max_tree_depth=8)
    chains = MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=len(start),
        chain_method="vectorized",
        progress_bar=progress,
    )
    chains.run(key, init_params=jnp.asarray(start), extra_fields=("diverging",))
    return np.asarray(chains.get_samples(group_by_chain=True)), int(np.sum(chains.get_extra_fields()["diverging"]))


def _ensemble(potential: Potential, start: np.ndarray, key: Any, warmup: int, draws: int, thinning: int) -> np.ndarray:
    """Draws (walkers, draws, coordinates) of one ensemble, `thinning` moves apart."""
    kernel = AIES(potential_fn=potential, moves={AIES.DEMove(): 0.7, AIES.StretchMove(): 0.3})
    walkers = MCMC(
        kernel,
        num_warmup=warmup * thinning,
        num_samples=draws * thinning,
        num_chains=len(start),
        thinning=thinning,
        chain_method="vectorized",
        progress_bar=False,
    )
    walkers.run(key, init_params=jnp.asarray(start))
    return np.asarray(walkers.get_samples(group_by_chain=True))


def _rounded(points: np.ndarray) -> np.ndarray:
    """Parameters rounded as tables hold them, so that the costs are those of the tables."""
    values = np.exp(points)
    exponent = np.floor(np.log10(values))
    return np.log(np.round(values / 10.0**exponent, DIGITS - 1) * 10.0**exponent)
