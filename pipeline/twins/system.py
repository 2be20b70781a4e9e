"""A whole person: twins in order, each reading the signals of those before it, simulated under a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from pipeline.solving import Grid, Solution, Status, solve_batch, solve_reference
from pipeline.twins.base import DynamicTwin, ExactTwin, Twin, Values
from pipeline.twins.inputs import resolve


class Result(NamedTuple):
    """What twins say of one person: observables over `times`, and how far to believe them."""

    values: dict[str, Any]          # observable -> values at the grid's times
    status: dict[str, Any]          # twin -> `Status`
    flags: dict[str, Any]           # warning in words -> whether it holds at any time
    error: Any                      # estimated error of the dynamic twins, relative to scale


class System:
    """Dynamic twins solved together as one vector field, exact twins beside them."""

    def __init__(self, twins: tuple[Twin, ...]) -> None:
        self.twins = twins
        self.dynamic = tuple(t for t in twins if isinstance(t, DynamicTwin))
        self.exact = tuple(t for t in twins if isinstance(t, ExactTwin))
        self.scale = {t.name: t.scale for t in self.dynamic}

    def constants(self, person: Values, parameters: Mapping[str, Values]) -> dict[str, Any]:
        """Constants of every twin for one person."""
        return {t.name: t.constants(person, parameters[t.name]) for t in self.twins}

    def settle(self, k: Mapping[str, Any], u: dict[str, Any]) -> dict[str, Any]:
        """Inputs of one segment with what every twin derives from them."""
        for twin in self.twins:
            u = twin.settle(k[twin.name], u)
        return u

    def initial(self, k: Mapping[str, Any]) -> dict[str, Any]:
        """Joint state at the start."""
        return {t.name: t.initial(k[t.name]) for t in self.dynamic}

    def field(self, t: Any, y: Mapping[str, Any], arguments: tuple[Mapping[str, Any], Values]) -> dict[str, Any]:
        """Joint rates; `arguments` are the constants and the inputs of the segment."""
        k, u = arguments
        seen: dict[str, Any] = {}
        rates = {}
        for twin in self.dynamic:
            rates[twin.name] = twin.vector_field(t, y[twin.name], k[twin.name], u, read(twin, seen))
            seen |= twin.observe(y[twin.name], k[twin.name], u, read(twin, seen))
        return rates

    def solved(self, t: Any, start: Mapping[str, Any], arguments: tuple[Mapping[str, Any], Values]) -> dict[str, Any]:
        """States known in closed form, by twin."""
        k, u = arguments
        return {twin.name: twin.solved(t, start[twin.name], k[twin.name], u) for twin in self.dynamic}

    def observe(self, y: Mapping[str, Any], k: Mapping[str, Any], u: Values) -> dict[str, Any]:
        """Observables of the dynamic twins at one time."""
        seen: dict[str, Any] = {}
        for twin in self.dynamic:
            seen |= twin.observe(y[twin.name], k[twin.name], u, read(twin, seen))
        return seen


def read(twin: Twin, seen: Values) -> dict[str, Any]:
    """The signals of `twin`: what it reads, of what was seen so far."""
    return {name: seen[name] for name in twin.reads if name in seen}


def simulate(
    system: System,
    person: Values,
    parameters: Mapping[str, Values],
    inputs: Sequence[Values],
    switches: tuple[float, ...],
    grid: Grid,
    *,
    method: Literal["batch", "reference"] = "reference",
    rtol: float = 1e-6,
) -> Result:
    """Observables of one person at `grid.times` (days); pure, for `jax.vmap` and `jax.grad`.

    A twin that misses a value of this person says so in its status and is NaN; the others still speak. A twin
    that reads from one that misses something misses it too.
    """
    known = {name: jnp.asarray(value, dtype=float) for name, value in person.items()}
    missing = {t.name: misses(t, known) for t in system.twins}
    filled = fill(system.twins, known)
    for place, later in enumerate(system.twins):
        for earlier in system.twins[:place]:
            if not set(later.reads).isdisjoint(earlier.observables):
                missing[later.name] = missing[later.name] | missing[earlier.name]
    k = system.constants(filled, parameters)
    resolved = [system.settle(k, resolve(u, filled)) for u in inputs]
    values: dict[str, Any] = {}
    status: dict[str, Any] = {}
    error = jnp.zeros(())
    holds = jnp.array([_segment_at(switches, t) for t in grid.times])
    if system.dynamic:
        arguments = [(k, resolved[_segment_at(switches, segment.start)]) for segment in grid.segments]
        start = system.initial(k)
        if method == "batch":
            solution = solve_batch(system.field, start, arguments, grid, system.scale, solved=system.solved)
        else:
            solution = solve_reference(system.field, start, arguments, grid, system.scale, rtol=rtol)
        at_times = {name: jnp.stack([jnp.asarray(u[name]) for u in resolved])[holds] for name in resolved[0]}
        values |= jax.vmap(system.observe, in_axes=(0, None, 0))(solution.states, k, at_times)
        status |= {t.name: _status(solution, missing[t.name]) for t in system.dynamic}
        error = solution.error
    for exact in system.exact:
        seen = exact.solution(jnp.asarray(grid.times), k[exact.name], switches, resolved, read(exact, values))
        values |= seen
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(v)) for v in seen.values()]))
        solved = jnp.where(finite, int(Status.OK), int(Status.NOT_FINITE))
        status[exact.name] = jnp.where(missing[exact.name], int(Status.MISSING_INPUT), solved)
    flags = {}
    for twin in system.twins:
        ok = status[twin.name] == int(Status.OK)
        for name in twin.observables:
            values[name] = jnp.where(ok, values[name], jnp.nan)
        for words, raised in twin.flags(k[twin.name], values).items():
            flags[words] = ok & jnp.any(raised)
    return Result(values, status, flags, error)


def misses(twin: Twin, person: Values) -> Any:
    """Whether something that the twin needs is not known of the person."""
    return jnp.any(jnp.stack([jnp.isnan(person.get(name, jnp.nan)) for name in twin.needs]))


def fill(twins: Sequence[Twin], person: Values) -> dict[str, Any]:
    """The person with typical values where one is missing, so that nothing breaks beside it."""
    typical = {name: value for twin in twins for name, value in twin.needs.items()}
    return {**typical, **{n: jnp.where(jnp.isnan(v), typical.get(n, jnp.nan), v) for n, v in person.items()}}


def _status(solution: Solution, missing: Any) -> Any:
    return jnp.where(missing, int(Status.MISSING_INPUT), solution.status)


def _segment_at(switches: tuple[float, ...], time: float) -> int:
    """Index of the segment that holds at `time`; at a switch, the one that starts there."""
    return max(i for i, start in enumerate(switches) if start <= time)
