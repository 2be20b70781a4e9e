"""Batch solver for people who each have their own time line: hours with drinks, meals and switches of the state.

Steps follow a schedule, not an error control: small after a boundary, growing to a largest. So every lane does
the same work, the steps land on every boundary, and a boundary that depends on parameters carries its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.solving.grid import next_node
from pipeline.solving.rosenbrock import Clock, Field, analyse, between, follow, step
from pipeline.solving.status import Solution, Status, conclude


class Timeline(NamedTuple):
    """Segments of one person within which the vector field is smooth."""

    bounds: Any                  # (segments + 1,), rising; a segment may be empty
    inputs: dict[str, Any]       # (segments,), constant in each
    first: Any = 0.0             # (segments,), length of the first step where it may be longer than the pace's


class Pace(NamedTuple):
    """Step lengths: `first` after a boundary, each later one `growth` times the one before and `first` more."""

    first: float
    growth: float
    largest: float

    def next_step(self, before: Any, is_new: Any, first: Any, xp: Any) -> Any:
        """The length after a step of `before`; `first` is the timeline's, `xp` the library of the arrays."""
        longest = xp.where(is_new, xp.maximum(first, self.first), self.largest)
        return xp.minimum(before * self.growth + self.first, longest)


def count_steps(bounds: np.ndarray, pace: Pace, first: np.ndarray | float = 0.0) -> int:
    """Steps that the busiest of `bounds` (people, segments + 1) needs, rounded up so that few programs are compiled."""
    first = np.broadcast_to(first, bounds[:, 1:].shape)
    t, h = bounds[:, 0].copy(), np.full(len(bounds), np.inf)
    segment = np.full(len(bounds), -1)
    count = 0
    while (t < bounds[:, -1]).any():
        now = (bounds[:, 1:-1] <= t[:, None]).sum(axis=1)
        h = pace.next_step(h, now > segment, np.take_along_axis(first, now[:, None], axis=1)[:, 0], np)
        t = next_node(t, h, np.take_along_axis(bounds, now[:, None] + 1, axis=1)[:, 0], np)
        segment, count = now, count + 1
    return -(-count // 16) * 16


def solve_episode(
    field: Field,
    jump: Callable[[Any, Any], Any],
    hold: Callable[[Any, Any, Any, Any], dict[str, Any]],
    start: Any,
    constants: Any,
    timeline: Timeline,
    times: Any,
    scale: Any,
    pace: Pace,
    steps: int,
) -> tuple[Solution, dict[str, Any]]:
    """States of one person at `times`, and the inputs that hold there; for `jax.vmap` over people.

    `field(t, state, (constants, inputs))` and `jump(state, (constants, inputs))`, which says what happens at the
    start of a segment. `hold(t, end, state, (constants, inputs))` gives further inputs that are fixed for a step:
    the side of a kink that it is solved on. `steps` must be enough (`count_steps`); whoever needs more ends with
    `Status.MAX_STEPS`.
    """
    tree = jax.tree.structure(start)
    scales = [float(s) for s in jax.tree.leaves(scale)]
    bounds, longest = timeline.bounds, jnp.broadcast_to(timeline.first, timeline.bounds[1:].shape)

    def pack(state: Any) -> list[Any]:
        return [v / s for v, s in zip(jax.tree.leaves(state), scales, strict=True)]

    def unpack(z: list[Any]) -> Any:
        return jax.tree_util.tree_unflatten(tree, [v * s for v, s in zip(z, scales, strict=True)])

    def rates_in(u: Any) -> Any:
        return lambda z, t: pack(field(t, unpack(z), (constants, u)))

    first = {name: values[0] for name, values in timeline.inputs.items()}
    first |= hold(bounds[0], bounds[1], start, (constants, first))
    structure = analyse(rates_in(first), pack(start), bounds[0])

    def advance(carry: Any, number: Any) -> Any:
        z, t, h, segment, worst = carry
        now = jnp.sum(bounds[1:-1] <= t)
        is_new = now > segment
        u = {name: values[now] for name, values in timeline.inputs.items()}
        jumped = pack(jump(unpack(z), (constants, u)))
        z = [jnp.where(is_new, a, b) for a, b in zip(jumped, z, strict=True)]
        wish = pace.next_step(h, is_new, longest[now], jnp)
        after = next_node(t, wish, bounds[now + 1], jnp)
        length = after - t
        u |= hold(t, after, unpack(z), (constants, u))
        clock, one = Clock(t, after, jnp.ones_like(t)), jnp.where(number >= 0, 1.0, 2.0)
        done, error = step(rates_in(u), structure, z, clock, length, one)
        return (done.after, after, wish, now, jnp.maximum(worst, error)), (done, t, length, now)

    begin = (pack(start), bounds[0], jnp.asarray(jnp.inf), jnp.asarray(-1), jnp.zeros(()))
    (last, end, _, _, error), (path, nodes, lengths, segments) = follow(advance, begin, jnp.arange(steps))
    place = _steps_that_hold(times, nodes)
    length = lengths[place]
    share = jnp.where(length > 0.0, (times - nodes[place]) / jnp.where(length > 0.0, length, 1.0), 0.0)
    read = unpack(between(jax.tree.map(lambda v: v[place], path), share))
    # What is not finite stays so to the end, or shows in the error: reading all states to see it would take longer.
    states, status = conclude(read, gave_up=end < bounds[-1], proof=(last, error))
    held = {name: values[segments[place]] for name, values in timeline.inputs.items()}
    return Solution(states, jnp.where(status == int(Status.OK), error, jnp.inf), status), held


def _steps_that_hold(times: Any, nodes: Any) -> Any:
    """For each of the rising `times` the last step that starts before it; `nodes` are where steps start."""
    after = jnp.searchsorted(times, jax.lax.stop_gradient(nodes), side="right")       # the first time after each node
    count = jnp.cumsum(jnp.zeros(len(times) + 1, dtype=int).at[after].add(1))[:-1]
    return jnp.clip(count - 1, 0)
