"""Batch solver for people who share one time line: years of days, with steps that serve everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pipeline.solving.grid import Grid, Segment
from pipeline.solving.rosenbrock import Field, Step, analyse, between, step
from pipeline.solving.status import Solution, Status

# solved(t, start, arguments): the state `t` after `start`, None where it is not known in closed form
Solved = Callable[[Any, Any, Any], Any]


def solve_batch(
    field: Field,
    start: Any,
    arguments: list[Any],
    grid: Grid,
    scale: Any,
    *,
    solved: Solved | None = None,
    sparse: bool = True,
) -> Solution:
    """States of one person at `grid.times`; meant to be wrapped in `jax.vmap` over people.

    `start` is a tree of scalars, `scale` one of typical magnitudes; `arguments[i]` goes to the field in
    segment i. States that `solved` knows are taken from there and not stepped. `sparse=False` eliminates
    with the full Jacobian and gives the same numbers slower.
    """
    leaves, tree = jax.tree_util.tree_flatten(jax.tree.map(jnp.asarray, start))
    scales = [float(s) for s in jax.tree.leaves(scale)]
    error = jnp.zeros(())
    history = [[v[None]] for v in leaves] if grid.times[0] == grid.segments[0].start else [[] for _ in leaves]
    for segment, argument in zip(grid.segments, arguments, strict=True):
        leaves, read, worst = _solve_segment(field, tree, leaves, argument, segment, scales, solved, sparse)
        error = jnp.maximum(error, worst)
        for column, values in zip(history, read, strict=True):
            column.append(values)
    joined = [jnp.concatenate(column) for column in history]
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(column)) for column in joined]))
    states = [jnp.where(finite, column, jnp.nan) for column in joined]
    status = jnp.where(finite, int(Status.OK), int(Status.NOT_FINITE))
    return Solution(jax.tree_util.tree_unflatten(tree, states), jnp.where(finite, error, jnp.inf), status)


def _solve_segment(
    field: Field,
    tree: Any,
    leaves: list[Any],
    argument: Any,
    segment: Segment,
    scales: list[float],
    solved: Solved | None,
    sparse: bool,
) -> tuple[list[Any], list[Any], Any]:
    """Leaves at the end, leaves at the saved times, and the largest error estimate."""
    start = jax.tree_util.tree_unflatten(tree, leaves)

    def exact(since: Any) -> list[Any]:
        if solved is None:
            return [None] * len(leaves)
        return jax.tree.leaves(solved(since, start, argument), is_leaf=lambda v: v is None)

    free = [i for i, known in enumerate(exact(0.0)) if known is None]

    def complete(z: list[Any], since: Any) -> list[Any]:
        every = exact(since)
        for i, v in zip(free, z, strict=True):
            every[i] = v * scales[i]
        return every

    def rates(z: list[Any], since: Any) -> list[Any]:
        state = jax.tree_util.tree_unflatten(tree, complete(z, since))
        rate = jax.tree.leaves(field(segment.start + since, state, argument))
        return [rate[i] / scales[i] for i in free]

    z = [leaves[i] / scales[i] for i in free]
    structure = analyse(rates, z, sparse=sparse)
    steps = jnp.asarray(segment.steps)

    def advance(carry: Any, at: Any) -> Any:
        z, worst = carry
        done, error = step(rates, structure, z, *at)
        return (done.after, jnp.maximum(worst, error)), (z, done.rise_before)

    (z, worst), nodes = jax.lax.scan(advance, (z, jnp.zeros(())), (jnp.cumsum(steps) - steps, steps))
    length = segment.end - segment.start
    last = (z, [steps[-1] * r for r in rates(z, length)])
    read = jax.vmap(complete)(_read(nodes, last, segment, steps), jnp.asarray(segment.saved) - segment.start)
    return complete(z, segment.end - segment.start), read, worst


def _read(nodes: Any, last: Any, segment: Segment, steps: Any) -> list[Any]:
    """States at the saved times, from values and rises at the start of every step and at the end of the last."""
    place, share = jnp.asarray(segment.place, dtype=int), jnp.asarray(segment.share)
    values, rises = ([jnp.append(v, end) for v, end in zip(*both, strict=True)] for both in zip(nodes, last, strict=True))
    stretch = jnp.append(steps[:-1] / steps[1:], 1.0)          # a rise belongs to the step after; here to the one before
    after = [rise[1:] * stretch for rise in rises]
    ends = Step([v[place] for v in values], [r[place] for r in rises], [v[place + 1] for v in values], [r[place] for r in after])
    return between(ends, share)
