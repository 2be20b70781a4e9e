"""One step for many people: an L-stable Rosenbrock method whose linear algebra follows the Jacobian's sparsity.

Rodas3 (Sandu et al., Atmospheric Environment 1997, doi 10.1016/S1352-2310(97)83212-8): order 3, four stages,
stiffly accurate, with an embedded solution of order 2. Under `jax.vmap` each state is one array over people, so
that no lane waits for another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pipeline.solving.sparsity import Matrix, Pattern, dependencies, find_pattern, linear_solver

Field = Callable[[Any, Any, Any], Any]          # field(t, state, arguments) -> state's rate
# The same over scaled leaves: rates(z, clock). The clock is whatever moves on its own: time, states known in advance.
Rates = Callable[[list[Any], Any], list[Any]]
SMALL = 1e-2                                    # of a state's scale: below it errors are absolute


class Structure(NamedTuple):
    """What is known of a vector field before any number is."""

    pattern: Pattern
    timed: bool          # whether it depends on the clock


class Clock(NamedTuple):
    """The clock over one step."""

    start: Any
    end: Any
    rate: Any            # at the start


class Step(NamedTuple):
    """The two ends of a step: scaled states, and their rates times its length."""

    before: list[Any]
    rise_before: list[Any]
    after: list[Any]
    rise_after: list[Any]


def analyse(rates: Rates, z: list[Any], clock: Any, *, sparse: bool = True) -> Structure:
    """The structure of `rates`, found by tracing; `sparse=False` treats the Jacobian as full."""
    size = len(z)
    hands, form = jax.tree_util.tree_flatten(clock)
    depends = dependencies(lambda *v: rates(list(v[:size]), jax.tree_util.tree_unflatten(form, v[size:])), *z, *hands)
    full = None if sparse else frozenset(range(size))
    pattern = find_pattern([full or frozenset(i for i in d if i < size) for d in depends])
    return Structure(pattern, any(i >= size for d in depends for i in d))


def step(rates: Rates, structure: Structure, z: list[Any], clock: Clock, h: Any, one: Any) -> tuple[Step, Any]:
    """One step of length `h` (zero is allowed and changes nothing), and its error relative to value or scale.

    The error is a number to look at and has no derivative.
    `one` is 1.0, but not known to be when compiling (see `_keep`).
    """
    pattern = structure.pattern
    f1, push = jax.linearize(rates, z, clock.start)
    still = jax.tree.map(jnp.zeros_like, clock.start)
    f1 = _keep(f1, one)
    solve = linear_solver(_shifted_jacobian(lambda v: push(v, still), pattern, z, h), pattern)
    rise = [h * a for a in f1]
    first = second = rise
    if structure.timed:       # stages see how the field moves with the clock
        drift = [h * h * d for d in push([jnp.zeros_like(v) for v in z], clock.rate)]
        first = [a + 0.5 * d for a, d in zip(rise, drift, strict=True)]
        second = [a + 1.5 * d for a, d in zip(rise, drift, strict=True)]
    k1 = solve(first)
    k2 = solve([a + 4.0 * b for a, b in zip(second, k1, strict=True)])
    f3 = _keep(rates([a + 2.0 * b for a, b in zip(z, k1, strict=True)], clock.end), one)
    k3 = solve([h * a + b - c for a, b, c in zip(f3, k1, k2, strict=True)])
    f4 = _keep(rates([a + 2.0 * b + c for a, b, c in zip(z, k1, k3, strict=True)], clock.end), one)
    known = [b - c - 8.0 / 3.0 * d for b, c, d in zip(k1, k2, k3, strict=True)]
    k4 = solve([h * a + b for a, b in zip(f4, known, strict=True)])
    new = [a + 2.0 * b + c + d for a, b, c, d in zip(z, k1, k3, k4, strict=True)]
    # The last stage's own equation gives the rate at the new value to second order in k4, without another call.
    rise_after = [2.0 * d - b for d, b in zip(k4, known, strict=True)]
    parts = [jnp.abs(difference) / (jnp.abs(value) + SMALL) for difference, value in zip(k4, new, strict=True)]
    error = parts[0]
    for part in parts[1:]:                                 # k4 is order 3 minus order 2
        error = jnp.maximum(error, part)
    return Step(z, rise, new, rise_after), jax.lax.stop_gradient(error)


def _keep(values: list[Any], one: Any) -> list[Any]:
    """`values`, computed once.

    XLA repeats cheap arithmetic in every place that uses its result, which multiplies along a chain of stages; a
    division it does not repeat. `one` is 1.0, but not known to be when compiling.
    """
    return [v / one for v in values]


def follow(advance: Callable[[Any, Any], tuple[Any, Any]], start: Any, along: Any) -> tuple[Any, Any]:
    """`jax.lax.scan` over steps; reverse mode makes each again, which is cheaper than keeping all it was made of."""
    return jax.lax.scan(jax.checkpoint(advance, prevent_cse=False), start, along)


def between(ends: Step, share: Any) -> list[Any]:
    """States at `share` (0 to 1) of steps, by the cubic that meets values and rates at both ends."""
    keep, gone = 2 * share**3 - 3 * share**2 + 1, -2 * share**3 + 3 * share**2
    lift, fall = share**3 - 2 * share**2 + share, share**3 - share**2
    return [
        keep * a + lift * da + gone * b + fall * db
        for a, da, b, db in zip(ends.before, ends.rise_before, ends.after, ends.rise_after, strict=True)
    ]


def _shifted_jacobian(push: Callable[..., list[Any]], pattern: Pattern, z: list[Any], h: Any) -> Matrix:
    """2 I - h J, a directional derivative for each colour of columns."""
    matrix: Matrix = {}
    for colour in pattern.colours:
        column = push([jnp.full_like(v, 1.0 if j in colour else 0.0) for j, v in enumerate(z)])
        for j in colour:
            for i, row in enumerate(pattern.nonzero):
                if j in row:
                    matrix[i, j] = -h * column[i]
    for i in range(len(z)):
        matrix[i, i] = 2.0 + matrix[i, i]
    return matrix
