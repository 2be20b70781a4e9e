"""The posterior of each person by Gauss-Newton, Newton and Laplace's approximation, for all people at once.

Unknowns are standard normal before measuring, so that one without any measurement keeps mode 0 and spread 1. The
approximation is exact where readings are linear in the unknowns. Where they bend the posterior leans, and its mean lies
beside the mode, by the next term of Laplace's expansion (Tierney L, Kadane JB, J Am Stat Assoc 1986;81:82-86).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ITERATIONS = 30
NEAR = 15              # iterations of Gauss-Newton, after which Newton's method needs few more and takes far readings
LONGEST = 1.0          # of a step in any unknown: in logarithms of far readings Gauss-Newton leaps too far
SETTLED = 1e-6         # largest component of the last step
FARTHEST = 1.0         # of the mean from the mode, in spreads: beyond it the next term is not enough


class Posterior(NamedTuple):
    """Normal approximation of one person's posterior."""

    mode: Float[Array, " unknowns"]
    mean: Float[Array, " unknowns"]
    root: Float[Array, "unknowns unknowns"]      # lower Cholesky factor of the covariance
    misfit: Any                                  # sum of squares of readings and unknowns at the mode
    settled: Any


def laplace(residuals: Callable[[Any], Any], unknowns: int) -> Posterior:
    """Mode and spread where `residuals(z)` are standard normal given z, and 0 where nothing was measured.

    Pure, for `jax.vmap` over people. Misfit is chi-square with as many degrees of freedom as there are readings, if
    readings, priors and noise are what they claim to be.
    """

    def slopes(z: Any) -> tuple[Any, Any]:
        """Gradient of half the sum of squares, and its curvature as far as slopes of the residuals tell."""
        r, J = residuals(z), jax.jacfwd(residuals)(z)
        return J.T @ r + z, J.T @ J + jnp.eye(unknowns)

    def curvature(z: Any, without: Any) -> Any:
        """All of the curvature, or that `without` what bends if it is none of a minimum."""
        whole = jax.jacfwd(lambda z: slopes(z)[0])(z)
        return jnp.where(jnp.isfinite(jnp.linalg.cholesky(whole)).all(), whole, without)

    def improve(carry: tuple[Any, Any], number: Any) -> tuple[tuple[Any, Any], None]:
        z, _ = carry
        gradient, precision = slopes(z)
        precision = jnp.where(number < NEAR, precision, curvature(z, precision))
        step = jnp.clip(-jnp.linalg.solve(precision, gradient), -LONGEST, LONGEST)
        return (z + step, jnp.max(jnp.abs(step))), None

    start = (jnp.zeros(unknowns), jnp.asarray(jnp.inf))
    (mode, last), _ = jax.lax.scan(improve, start, jnp.arange(ITERATIONS))
    root = jnp.linalg.cholesky(jnp.linalg.inv(curvature(mode, slopes(mode)[1])))
    misfit = jnp.sum(residuals(mode) ** 2) + jnp.sum(mode**2)

    # How the gradient curves along each spread, from its values one spread to either side.
    gradient = jax.grad(lambda z: 0.5 * jnp.sum(residuals(z) ** 2) + 0.5 * jnp.sum(z**2))
    curve = jax.vmap(lambda step: gradient(mode + step))(jnp.concatenate([root.T, -root.T]))
    lean = -0.5 * root.T @ jnp.sum(curve, axis=0)
    mean = mode + root @ jnp.clip(lean, -FARTHEST, FARTHEST)
    return Posterior(mode, mean, root, misfit, last < SETTLED)
