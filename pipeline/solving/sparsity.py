"""Which outputs of a traced function depend on which inputs, and an elimination that follows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal


class Pattern(NamedTuple):
    """Structure of a square sparse matrix, and how to fill and factor it."""

    rows: tuple[tuple[int, ...], ...]           # non-zero columns of each row, after elimination (fill included)
    nonzero: tuple[tuple[int, ...], ...]        # non-zero columns of each row of the matrix itself
    colours: tuple[tuple[int, ...], ...]        # groups of columns that share no row
    order: tuple[int, ...]                      # pivots, in order


def dependencies(function: Callable[..., Sequence[Any]], *arguments: Any) -> list[frozenset[int]]:
    """For each scalar output of `function`, the positions of the scalar arguments that it depends on.

    Found by walking the traced program, so it holds for all values; a primitive that is not understood counts
    as depending on all that enters it.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    return _walk(closed.jaxpr, [frozenset([i]) for i in range(len(closed.jaxpr.invars))])


def _walk(jaxpr: Jaxpr, entering: list[frozenset[int]]) -> list[frozenset[int]]:
    known = dict(zip(jaxpr.invars, entering, strict=True))

    def look(atom: Any) -> frozenset[int]:
        return frozenset() if isinstance(atom, Literal) else known.get(atom, frozenset())

    for equation in jaxpr.eqns:
        inputs = [look(v) for v in equation.invars]
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        inner = inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner
        if isinstance(inner, Jaxpr) and equation.primitive.name in ("jit", "pjit", "closed_call", "custom_jvp_call"):
            outputs = _walk(inner, inputs)
        else:
            outputs = [frozenset().union(*inputs)] * len(equation.outvars)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [look(v) for v in jaxpr.outvars]


def find_pattern(depends: Sequence[frozenset[int]]) -> Pattern:
    """The pattern of a Jacobian whose row i has its non-zeros in the columns `depends[i]`."""
    size = len(depends)
    nonzero = [tuple(sorted({*d, i})) for i, d in enumerate(depends)]      # the diagonal is always there
    colours: list[list[int]] = []
    for column in range(size):
        rows = {i for i in range(size) if column in nonzero[i]}
        free = (c for c in colours if rows.isdisjoint(i for i in range(size) for j in c if j in nonzero[i]))
        home = next(free, None)
        if home is None:
            colours.append([column])
        else:
            home.append(column)
    order: list[int] = []
    rows_left = [set(r) for r in nonzero]
    remaining = set(range(size))
    while remaining:
        def cost(pivot: int) -> int:      # Markowitz: how much work and fill this pivot brings
            below = sum(pivot in rows_left[i] for i in remaining if i != pivot)
            return below * (len(rows_left[pivot] & remaining) - 1)

        pivot = min(sorted(remaining), key=cost)
        remaining.remove(pivot)
        order.append(pivot)
        for i in remaining:
            if pivot in rows_left[i]:
                rows_left[i] |= rows_left[pivot] & remaining
    filled = tuple(tuple(sorted(r)) for r in rows_left)
    return Pattern(filled, tuple(nonzero), tuple(map(tuple, colours)), tuple(order))


Matrix = dict[tuple[int, int], Any]


def factor(matrix: Matrix, pattern: Pattern) -> Matrix:
    """LU factors over separate arrays, in the pattern's pivot order.

    Rows are divided by their pivots, not multiplied by reciprocals: XLA computes a division once and repeats a product
    wherever it is used.
    """
    lu = dict(matrix)
    done: set[int] = set()
    for pivot in pattern.order:
        done.add(pivot)
        for i in range(len(pattern.rows)):
            if i in done or (i, pivot) not in lu:
                continue
            lu[i, pivot] = lu[i, pivot] / lu[pivot, pivot]
            for j in pattern.rows[pivot]:
                if j not in done:
                    product = lu[i, pivot] * lu[pivot, j]
                    lu[i, j] = lu[i, j] - product if (i, j) in lu else -product
    return lu


def solve(lu: Matrix, pattern: Pattern, right: Sequence[Any], *, transposed: bool = False) -> list[Any]:
    """The solution of the factored system, or of its transpose, for one right-hand side."""
    x = list(right)
    for order, divides in ((pattern.order, transposed), (pattern.order[::-1], not transposed)):
        for n, i in enumerate(order):
            for j in order[:n]:
                place = (j, i) if transposed else (i, j)
                if place in lu:
                    x[i] = x[i] - lu[place] * x[j]
            if divides:
                x[i] = x[i] / lu[i, i]
    return x


def linear_solver(matrix: Matrix, pattern: Pattern) -> Callable[[Sequence[Any]], list[Any]]:
    """Solves systems of one matrix, which is factored once; derivatives take the factors too, and not their making."""
    lu = factor(jax.tree.map(jax.lax.stop_gradient, matrix), pattern)

    def times(x: Sequence[Any]) -> list[Any]:
        return [sum(matrix[i, j] * x[j] for j in row) for i, row in enumerate(pattern.nonzero)]

    def solver(right: Sequence[Any]) -> list[Any]:
        return jax.lax.custom_linear_solve(
            times,
            list(right),
            solve=lambda _, b: solve(lu, pattern, b),
            transpose_solve=lambda _, b: solve(lu, pattern, b, transposed=True),
        )

    return solver
