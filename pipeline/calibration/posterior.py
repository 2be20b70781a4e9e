"""A sample of all parameter vectors that the data allow.

Flat priors of the logarithms within the bounds of the search, likelihood exp(-cost / 2), and the bands as hard
limits: the No-U-Turn sampler of NumPyro sees steep walls outside them, and what it draws there is thrown away,
which leaves the density inside as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS

from pipeline.calibration.problem import Problem

WALL = 15.0          # weight of the walls while sampling: softer ones lose draws, harder ones need small steps
EDGE = 1e-3          # chains start at least this share of the range inside the bounds
DIGITS = 6


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
    low, width = jnp.asarray(problem.lower), jnp.asarray(problem.upper - problem.lower)

    def potential(z: jax.Array) -> jax.Array:
        share = jax.nn.sigmoid(z)
        theta = problem.theta(low + width * share)
        walls = problem.walls(problem.derived(theta))
        residuals = jnp.sum(problem.residuals(theta) ** 2) + jnp.sum((WALL * walls) ** 2)
        flat = jnp.sum(jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z))      # of the change of variable
        energy = 0.5 * residuals - flat
        return jnp.where(jnp.isfinite(energy), energy, jnp.inf)

    share = np.clip((starts - problem.lower) / (problem.upper - problem.lower), EDGE, 1.0 - EDGE)
    kernel = NUTS(potential_fn=potential, dense_mass=True, target_accept_prob=0.9, max_tree_depth=8)
    chains = MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=len(starts),
        chain_method="vectorized",
        progress_bar=progress,
    )
    chains.run(jax.random.PRNGKey(seed), init_params=jnp.log(share / (1.0 - share)), extra_fields=("diverging",))
    z = np.asarray(chains.get_samples(group_by_chain=True))
    points = problem.lower + (problem.upper - problem.lower) / (1.0 + np.exp(-z))

    @jax.jit
    @jax.vmap
    def judge(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        theta = problem.theta(x)
        derived = problem.derived(theta)
        return problem.log_quantities(theta, derived), problem.cost(theta), jnp.max(problem.walls(derived))

    flat = _rounded(points.reshape(-1, points.shape[-1]))
    values, costs, walls = (np.asarray(part) for part in judge(flat))
    by_chain = values.reshape(*points.shape[:2], -1)
    inside = walls == 0.0
    return Sample(
        points=flat[inside],
        values=values[inside],
        costs=costs[inside],
        r_hat=np.asarray(split_gelman_rubin(by_chain)),
        effective=np.asarray(effective_sample_size(by_chain)),
        divergent=int(np.sum(chains.get_extra_fields()["diverging"])),
        outside=float(1.0 - inside.mean()),
    )


def _rounded(points: np.ndarray) -> np.ndarray:
    """Parameters rounded as tables hold them, so that the costs are those of the tables."""
    values = np.exp(points)
    exponent = np.floor(np.log10(values))
    return np.log(np.round(values / 10.0**exponent, DIGITS - 1) * 10.0**exponent)
