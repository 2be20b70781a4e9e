"""Reference solver: Diffrax, one person, adaptive steps. The only module that calls Diffrax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import optimistix

from pipeline.solving.grid import Grid
from pipeline.solving.own_timeline import Timeline
from pipeline.solving.rosenbrock import Field
from pipeline.solving.status import Solution, conclude


def solve_reference(
    field: Field,
    start: Any,
    arguments: list[Any],
    grid: Grid,
    scale: Any,
    *,
    rtol: float = 1e-6,
    max_steps: int = 4096,
) -> Solution:
    """States of one person at `grid.times` by Kvaerno5, restarted at every switch.

    The tolerance is relative to `scale` (absolute 1e-2 of it). Implicit, because glycogen, extracellular fluid
    and liver pools settle in a day while weight takes years, and because gradients are then as exact as the
    solution. Diffrax's default root finder mistakes slow convergence for divergence, hence `Chord`
    (Optimistix issue 230; can go once a release has the mend). A failed solve is NaN with its status.
    """
    solver, controller = _method(rtol)
    state = jax.tree.map(lambda value, s: value / s, start, scale)
    saved = [jax.tree.map(lambda v: v[None], state)] if grid.times[0] == grid.segments[0].start else []
    gave_up = jnp.asarray(False)

    def rates(t: Any, z: Any, argument: Any) -> Any:
        rate = field(t, jax.tree.map(lambda v, s: v * s, z, scale), argument)
        return jax.tree.map(lambda r, s: r / s, rate, scale)

    for segment, argument in zip(grid.segments, arguments, strict=True):
        reads_end = bool(segment.saved) and segment.saved[-1] == segment.end
        times = segment.saved if reads_end else (*segment.saved, segment.end)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rates),
            solver,
            segment.start,
            segment.end,
            1e-3,
            state,
            argument,
            saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
            stepsize_controller=controller,
            max_steps=max_steps,
            throw=False,
        )
        gave_up = gave_up | (solution.result != diffrax.RESULTS.successful)
        state = jax.tree.map(lambda v: v[-1], solution.ys)
        count = len(segment.saved)
        saved.append(jax.tree.map(lambda v, n=count: v[:n], solution.ys))
    states, status = conclude(jax.tree.map(lambda s, *parts: s * jnp.concatenate(parts), scale, *saved), gave_up)
    return Solution(states, jnp.asarray(rtol, dtype=float), status)


def solve_episode_reference(
    field: Field,
    jump: Callable[[Any, Any], Any],
    start: Any,
    constants: Any,
    timeline: Timeline,
    times: Any,
    scale: Any,
    *,
    rtol: float = 1e-6,
    max_steps: int = 4096,
) -> tuple[Solution, dict[str, Any]]:
    """The same as `solve_episode` by Kvaerno5, for one person.

    Each segment is solved over the share of it that has passed, so that its length is a factor of the field:
    an empty segment does nothing, and a boundary that depends on parameters carries its gradient.
    """
    solver, controller = _method(rtol)

    def rates(share: Any, z: Any, at: Any) -> Any:
        begin, length, u = at
        rate = field(begin + share * length, jax.tree.map(lambda v, s: v * s, z, scale), (constants, u))
        return jax.tree.map(lambda r, s: length * r / s, rate, scale)

    def one_segment(z: Any, segment: Any) -> Any:
        begin, end, u = segment
        length = end - begin
        there = (begin < times) & (times <= end)
        state = jax.tree.map(lambda v, s: v * s, z, scale)
        jumped = jump(state, (constants, u))
        z = jax.tree.map(lambda old, v, s: jnp.where(length > 0.0, v / s, old), z, jumped, scale)
        shares = jnp.clip((times - begin) / jnp.where(length > 0.0, length, 1.0), 0.0, 1.0)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rates),
            solver,
            0.0,
            1.0,
            1e-4,
            z,
            (begin, length, u),
            saveat=diffrax.SaveAt(ts=shares, t1=True),
            stepsize_controller=controller,
            max_steps=max_steps,
            throw=False,
        )
        last = jax.tree.map(lambda v: v[-1], solution.ys)
        read = jax.tree.map(lambda v: jnp.where(there, v[:-1], 0.0), solution.ys)
        holds = {name: jnp.where(there, v, 0.0) for name, v in u.items()}
        return last, (read, holds, solution.result != diffrax.RESULTS.successful)

    z = jax.tree.map(lambda v, s: v / s, start, scale)
    segments = (timeline.bounds[:-1], timeline.bounds[1:], timeline.inputs)
    _, (read, held, gave_up) = jax.lax.scan(one_segment, z, segments)
    at_start = times <= timeline.bounds[0]
    read = jax.tree.map(lambda r, s0, s: jnp.where(at_start, s0, s * jnp.sum(r, axis=0)), read, start, scale)
    held = {n: jnp.where(at_start, timeline.inputs[n][0], jnp.sum(v, axis=0)) for n, v in held.items()}
    states, status = conclude(read, jnp.any(gave_up))
    return Solution(states, jnp.asarray(rtol, dtype=float), status), held


def _method(rtol: float) -> tuple[Any, Any]:
    atol = 1e-2 * rtol
    solver = diffrax.Kvaerno5(root_finder=optimistix.Chord(rtol=1e-2 * rtol, atol=1e-2 * atol))
    return solver, diffrax.PIDController(rtol=rtol, atol=atol)
