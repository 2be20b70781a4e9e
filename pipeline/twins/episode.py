"""Hours of one person: an episode twin under drinks, meals and other events."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.solving import Pace, Status, count_steps, run_batches, solve_episode, solve_episode_reference
from pipeline.twins.base import EpisodeTwin, Values
from pipeline.twins.system import Result, fill, misses


def episode_steps(
    twin: EpisodeTwin, people: Values, p: Values, events: Values, end: float, *, pace: Pace | None = None
) -> int:
    """Steps that the batch solver needs for the busiest of `people` (leaves with a leading axis)."""

    def bounds(person: Values, p: Values, events: Values) -> tuple[Any, Any]:
        line = twin.timeline(twin.constants(person, p), events, jnp.zeros(()), jnp.asarray(end))
        return line.bounds, jnp.broadcast_to(line.first, line.bounds[1:].shape)

    where, first = jax.jit(jax.vmap(bounds))(people, p, events)
    return count_steps(np.asarray(where), pace or twin.pace, np.asarray(first))


def simulate_episode(
    twin: EpisodeTwin,
    person: Values,
    p: Values,
    events: Values,
    times: Any,
    *,
    method: Literal["batch", "reference"] = "reference",
    steps: int = 256,
    pace: Pace | None = None,
    rtol: float = 1e-6,
    start: Any = None,
) -> Result:
    """Observables of one person at `times` (min, rising, from 0), for `jax.vmap` and `jax.grad`.

    `events` are the arrays of one person (`event_arrays`); `steps` is for the batch method (`episode_steps`), and
    so is `pace`, another than the twin's own; `start` is another state to begin with than the twin's own.
    """
    k = twin.constants(fill((twin,), person), p)
    times = jnp.asarray(times, dtype=float)
    line = twin.timeline(k, {n: jnp.asarray(v, dtype=float) for n, v in events.items()}, jnp.zeros(()), times[-1])
    state = twin.initial(k) if start is None else start

    def field(t: Any, y: Any, arguments: Any) -> Any:
        return twin.vector_field(t, y, *arguments)

    def jump(y: Any, arguments: Any) -> Any:
        return twin.jump(y, *arguments)

    def hold(t: Any, end: Any, y: Any, arguments: Any) -> dict[str, Any]:
        return twin.hold(t, end, y, *arguments)

    if method == "batch":
        solution, held = solve_episode(field, jump, hold, state, k, line, times, twin.scale, pace or twin.pace, steps)
    else:
        solution, held = solve_episode_reference(field, jump, state, k, line, times, twin.scale, rtol=rtol)
    values = jax.vmap(twin.observe, in_axes=(0, 0, None, 0))(times, solution.states, k, held)
    status = jnp.where(misses(twin, person), int(Status.MISSING_INPUT), solution.status)
    values = {name: jnp.where(status == int(Status.OK), v, jnp.nan) for name, v in values.items()}
    flags = {words: (status == int(Status.OK)) & jnp.any(raised) for words, raised in twin.flags(k, values).items()}
    return Result(values, {twin.name: status}, flags, solution.error)


def simulate_episodes(
    twin: EpisodeTwin,
    people: Values,
    p: Values,
    events: Values,
    times: Any,
    *,
    max_error: float = 0.8,
    chunk: int = 256,
    progress: bool = True,
) -> Result:
    """The same for many people at once, as NumPy arrays; every leaf has a leading axis of people.

    Whoever's error estimate exceeds `max_error`, or whose batch solution fails, is solved again by the reference
    solver. Of 600 days of drinking with parameters of the sample, 595 stayed below it and erred by no more than 2.2e-3
    of a peak; of the five above, one erred by 14 %.
    """
    steps = episode_steps(twin, people, p, events, float(times[-1]))

    def one(method: Literal["batch", "reference"]) -> Any:
        def run(x: Any) -> Result:
            person, parameters, taken = x
            return simulate_episode(twin, person, parameters, taken, times, method=method, steps=steps)

        return run

    everybody = (dict(people), dict(p), dict(events))
    at_once = min(chunk, len(jax.tree.leaves(everybody)[0]))
    found: Result = run_batches(one("batch"), everybody, chunk=at_once, label=twin.name, progress=progress)
    again = np.flatnonzero((found.status[twin.name] == Status.NOT_FINITE) | (found.error > max_error))
    if again.size:
        few = jax.tree.map(lambda v: np.asarray(v)[again], everybody)
        label = f"{twin.name}, the hard ones again"
        better = run_batches(one("reference"), few, chunk=1, label=label, progress=progress)
        for old, new in zip(jax.tree.leaves(found), jax.tree.leaves(better), strict=True):
            old[again] = new
    return found
