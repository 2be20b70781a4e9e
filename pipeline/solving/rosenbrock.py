"""Batch solver: an L-stable Rosenbrock method whose linear algebra follows the Jacobian's sparsity.

Rodas3 (Sandu et al., Atmospheric Environment 1997, doi 10.1016/S1352-2310(97)83212-8): order 3, four stages,
stiffly accurate, with an embedded solution of order 2. Steps lie on a grid shared by everybody, so that under
`jax.vmap` each state is one array over people and no lane waits for another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pipeline.solving.grid import Grid
from pipeline.solving.sparsity import Matrix, Pattern, dependencies, factor, find_pattern, solve
from pipeline.solving.status import Solution, Status

Field = Callable[[Any, Any, Any], Any]     # field(t, state, arguments) -> state's rate
SMALL = 1e-2                               # of a state's scale: below it errors are absolute


def solve_batch(field: Field, start: Any, arguments: list[Any], grid: Grid, scale: Any) -> Solution:
    """States of one person at `grid.times`; meant to be wrapped in `jax.vmap` over people.

    `start` is a tree of scalars, `scale` one of typical magnitudes; `arguments[i]` goes to the field in
    segment i. The field must not depend on time: inputs are constant in a segment, and a clock that matters is
    a state. Raises `ValueError` if it does.
    """
    leaves, tree = jax.tree_util.tree_flatten(start)
    scales = [float(s) for s in jax.tree.leaves(scale)]
    values = [value / s for value, s in zip(leaves, scales, strict=True)]
    error = jnp.zeros_like(values[0])
    history = [[v] for v in values] if grid.times[0] == grid.segments[0].start else [[] for _ in values]
    for segment, argument in zip(grid.segments, arguments, strict=True):

        def rates(z: list[Any], t: Any = segment.start, argument: Any = argument) -> list[Any]:
            state = jax.tree_util.tree_unflatten(tree, [v * s for v, s in zip(z, scales, strict=True)])
            return [r / s for r, s in zip(jax.tree.leaves(field(t, state, argument)), scales, strict=True)]

        if any(0 in d for d in dependencies(lambda t, *z, f=rates: f(list(z), t), 0.0, *values)):
            raise ValueError("the batch solver needs a vector field that does not depend on time within a segment")
        pattern = find_pattern(rates, len(values))
        steps = jnp.asarray(segment.steps)
        (values, error), path = jax.lax.scan(partial(_step, rates, pattern), (values, error), steps)
        read = jnp.asarray(segment.read, dtype=int)
        for column, states in zip(history, path, strict=True):
            column.append(states[read])
    joined = [jnp.concatenate([jnp.atleast_1d(part) for part in column]) for column in history]
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(column)) for column in joined]))
    states = [jnp.where(finite, column * s, jnp.nan) for column, s in zip(joined, scales, strict=True)]
    status = jnp.where(finite, int(Status.OK), int(Status.NOT_FINITE))
    return Solution(jax.tree_util.tree_unflatten(tree, states), jnp.where(finite, error, jnp.inf), status)


def _step(
    rates: Callable[[list[Any]], list[Any]], pattern: Pattern, carry: tuple[list[Any], Any], h: Any
) -> tuple[tuple[list[Any], Any], list[Any]]:
    z, worst = carry
    f1, push = jax.linearize(rates, z)
    lu = factor(_shifted_jacobian(push, pattern, z, 2.0 / h), pattern)
    k1 = solve(lu, pattern, f1)
    k2 = solve(lu, pattern, [a + 4.0 / h * b for a, b in zip(f1, k1, strict=True)])
    f3 = rates([a + 2.0 * b for a, b in zip(z, k1, strict=True)])
    k3 = solve(lu, pattern, [a + (b - c) / h for a, b, c in zip(f3, k1, k2, strict=True)])
    f4 = rates([a + 2.0 * b + c for a, b, c in zip(z, k1, k3, strict=True)])
    right = [a + (b - c - 8.0 / 3.0 * d) / h for a, b, c, d in zip(f4, k1, k2, k3, strict=True)]
    k4 = solve(lu, pattern, right)
    new = [a + 2.0 * b + c + d for a, b, c, d in zip(z, k1, k3, k4, strict=True)]
    for value, difference in zip(new, k4, strict=True):    # k4 is order 3 minus order 2
        worst = jnp.maximum(worst, jnp.abs(difference) / (jnp.abs(value) + SMALL))
    return (new, worst), new


def _shifted_jacobian(push: Callable[..., list[Any]], pattern: Pattern, z: list[Any], shift: Any) -> Matrix:
    """shift * I - J, a directional derivative for each colour of columns."""
    matrix: Matrix = {}
    for colour in pattern.colours:
        column = push([jnp.full_like(v, 1.0 if j in colour else 0.0) for j, v in enumerate(z)])
        for j in colour:
            for i, row in enumerate(pattern.nonzero):
                if j in row:
                    matrix[i, j] = -column[i]
    for i in range(len(z)):
        matrix[i, i] = shift + matrix[i, i]
    return matrix
