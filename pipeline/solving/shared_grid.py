"""Batch solver for people who share one time line: years of days, with steps that serve everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pipeline.solving.grid import Grid, Segment
from pipeline.solving.rosenbrock import Clock, Field, Step, analyse, between, follow, step
from pipeline.solving.status import Solution, Status, conclude

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
    states = jax.tree_util.tree_unflatten(tree, [jnp.concatenate(column) for column in history])
    # What is not finite stays so to the end, or shows in the error: reading all states to see it would take longer.
    states, status = conclude(states, proof=(leaves, error))
    return Solution(states, jnp.where(status == int(Status.OK), error, jnp.inf), status)


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

    def known(since: Any) -> list[Any]:
        """Leaves in closed form, None for the others."""
        if solved is None:
            return [None] * len(leaves)
        return jax.tree.leaves(solved(since, start, argument), is_leaf=lambda v: v is None)

    free = [i for i, value in enumerate(known(0.0)) if value is None]

    def complete(z: list[Any], exact: list[Any]) -> list[Any]:
        every = list(exact)
        for i, v in zip(free, z, strict=True):
            every[i] = v * scales[i]
        return every

    def rates(z: list[Any], clock: tuple[Any, list[Any]]) -> list[Any]:
        since, exact = clock
        state = jax.tree_util.tree_unflatten(tree, complete(z, exact))
        rate = jax.tree.leaves(field(segment.start + since, state, argument))
        return [rate[i] / scales[i] for i in free]

    def hands(since: Any) -> Any:
        return since, known(since)

    z = [leaves[i] / scales[i] for i in free]
    structure = analyse(rates, z, hands(jnp.zeros(())), sparse=sparse)
    steps = jnp.asarray(segment.steps)
    nodes = jnp.append(0.0, jnp.cumsum(steps))
    clock, moving = jax.vmap(lambda t: jax.jvp(hands, (t,), (jnp.ones_like(t),)))(nodes)
    before, after, rate = (
        jax.tree.map(lambda v, s=part: v[s], hand)
        for hand, part in ((clock, slice(-1)), (clock, slice(1, None)), (moving, slice(-1)))
    )

    def advance(carry: Any, at: Any) -> Any:
        z, worst = carry
        number, clock, h = at
        done, error = step(rates, structure, z, clock, h, jnp.where(number >= 0, 1.0, 2.0))
        return (done.after, jnp.maximum(worst, error)), (z, done.rise_before)

    along = (jnp.arange(len(steps)), Clock(before, after, rate), steps)
    (z, worst), path = follow(advance, (z, jnp.zeros(())), along)
    end = jax.tree.map(lambda v: v[-1], clock)
    last = (z, [steps[-1] * r for r in rates(z, end)])
    exact = jax.vmap(known)(jnp.asarray(segment.saved) - segment.start)
    return complete(z, end[1]), complete(_read(path, last, segment, steps), exact), worst


def _read(nodes: Any, last: Any, segment: Segment, steps: Any) -> list[Any]:
    """States at the saved times, from values and rises at the start of every step and at the end of the last."""
    place, share = jnp.asarray(segment.place, dtype=int), jnp.asarray(segment.share)
    values = [jnp.append(v, end) for v, end in zip(nodes[0], last[0], strict=True)]
    rises = [jnp.append(r, end) for r, end in zip(nodes[1], last[1], strict=True)]
    stretch = jnp.append(steps[:-1] / steps[1:], 1.0)      # a rise belongs to the step after; here to the one before
    ends = Step(
        before=[v[place] for v in values],
        rise_before=[r[place] for r in rises],
        after=[v[place + 1] for v in values],
        rise_after=[(r[1:] * stretch)[place] for r in rises],
    )
    return between(ends, share)
