"""Who depends on whom, and elimination that follows it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving.rosenbrock import _shifted_jacobian
from pipeline.solving.sparsity import dependencies, factor, linear_solver, solve
from pipeline.solving.sparsity import find_pattern as pattern_of

EXACT = {
    "identity": (lambda a, b, c: [a, b, c], [{0}, {1}, {2}]),
    "constant": (lambda a, b, c: [jnp.asarray(1.0), b, 2.0 * c], [set(), {1}, {2}]),
    "sum": (lambda a, b, c: [a + b, b * c, jnp.exp(a)], [{0, 1}, {1, 2}, {0}]),
    "where": (lambda a, b, c: [jnp.where(a > 0.0, b, 1.0), c, jnp.maximum(a, 0.0)], [{0, 1}, {2}, {0}]),
    "jit": (lambda a, b, c: [*jax.jit(lambda x, y: (x * 2.0, y))(a, b), c], [{0}, {1}, {2}]),
    "nested jit": (lambda a, b, c: [jax.jit(lambda x: jax.jit(jnp.sin)(x) + 1.0)(b), a, a], [{1}, {0}, {0}]),
    "own derivative": (lambda a, b, c: [jax.nn.softplus(a), jax.nn.relu(b) * c, c], [{0}, {1, 2}, {2}]),
    "table": (lambda a, b, c: [jnp.interp(a, np.arange(3.0), np.ones(3)), b, c], [{0}, {1}, {2}]),
}


def find_pattern(function, size):
    """The pattern of the Jacobian of `function`, from a list of `size` numbers to as many."""
    return pattern_of(dependencies(lambda *y: function(list(y)), *[0.0] * size))



@pytest.mark.parametrize("name", EXACT)
def test_dependencies_are_exact_on_simple_functions(name):
    function, expected = EXACT[name]
    assert [set(d) for d in dependencies(function, 1.0, 2.0, 3.0)] == expected


def cumulative(*v):
    return list(jnp.cumsum(jnp.stack(v)))


def looped(*v):
    return [
        jax.lax.fori_loop(0, 3, lambda i, x: x * v[1], v[0]),
        jax.lax.cond(v[2] > 0, jnp.sin, jnp.cos, v[2]),
        v[1],
    ]


def scanned(*v):
    end, path = jax.lax.scan(lambda c, x: (c + x * v[2], c), v[0], jnp.arange(3.0))
    return [end, path[1], v[1]]


@pytest.mark.parametrize("function", [cumulative, looped, scanned, *(f for f, _ in EXACT.values())])
def test_dependencies_contain_every_non_zero_derivative(function):
    told = dependencies(function, 1.0, 2.0, 3.0)
    rng = np.random.default_rng(3)
    derivative = jax.jit(jax.jacfwd(lambda y: jnp.stack(function(*y))))
    for point in rng.normal(size=(5, 3)):
        rows, columns = np.nonzero(np.asarray(derivative(point)))
        assert all(j in told[i] for i, j in zip(rows, columns, strict=True))


def random_structure(size, rng):
    """Non-zero columns of each row, sparse; some states drive many, as inputs of a body do."""
    filled = rng.random((size, size)) < rng.uniform(0.1, 0.5)
    filled[:, rng.integers(size)] |= rng.random(size) < 0.5
    return [np.flatnonzero(row) for row in filled]


@pytest.mark.parametrize("seed", range(25))
def test_factor_and_solve_equal_a_dense_solution(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 10))
    columns = random_structure(size, rng)
    pattern = find_pattern(
        lambda y: [sum((jnp.sin(y[j]) for j in c), 0.0 * y[i]) for i, c in enumerate(columns)], size
    )
    dense = np.zeros((size, size))
    for i, c in enumerate(columns):
        assert set(c) | {i} == set(pattern.nonzero[i])
        dense[i, c] = rng.normal(size=len(c))
        dense[i, i] += 4.0 * size
    matrix = {(i, j): dense[i, j] for i in range(size) for j in pattern.nonzero[i]}
    lu, untouched = factor(matrix, pattern), dict(matrix)
    assert matrix == untouched
    assert all(j in pattern.rows[i] or j in pattern.nonzero[i] for i, j in lu)
    for right in rng.normal(size=(3, size)):
        np.testing.assert_allclose(solve(lu, pattern, list(right)), np.linalg.solve(dense, right), rtol=1e-10)
        turned = solve(lu, pattern, list(right), transposed=True)
        np.testing.assert_allclose(turned, np.linalg.solve(dense.T, right), rtol=1e-10)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_slopes_of_a_solution_in_matrix_and_right_side_are_those_of_a_dense_one(mode):
    """Of a chain whose elimination fills, under `vmap`, as people are solved."""
    pattern = find_pattern(lambda y: [y[0] * y[2], y[0] + y[1], y[1] * y[2] + y[3], y[0] * y[3]], 4)
    places = [(i, j) for i, row in enumerate(pattern.nonzero) for j in row]
    rows, columns = (np.array(side) for side in zip(*places, strict=True))

    def sparse(entries, right):
        return jnp.stack(linear_solver(dict(zip(places, entries, strict=True)), pattern)(list(right)))

    def dense(entries, right):
        return jnp.linalg.solve(jnp.zeros((4, 4)).at[rows, columns].set(entries), right)

    rng = np.random.default_rng(0)
    entries, right = rng.normal(size=(5, len(places))) + 4.0 * (rows == columns), rng.normal(size=(5, 4))
    ours, exact = (jax.vmap(mode(f, argnums=(0, 1)))(entries, right) for f in (sparse, dense))
    for a, b in zip(ours, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_chain_is_solved_without_fill():
    """An arrow: everybody reads the last state; elimination in the right order adds nothing."""
    size = 8
    pattern = find_pattern(lambda y: [y[i] * y[-1] for i in range(size - 1)] + [sum(y)], size)
    assert sum(map(len, pattern.rows)) <= sum(map(len, pattern.nonzero))


@pytest.mark.parametrize("seed", range(8))
def test_columns_of_one_colour_share_no_row(seed):
    columns = random_structure(7, np.random.default_rng(100 + seed))
    pattern = find_pattern(lambda y: [sum((y[j] ** 2 for j in c), y[i]) for i, c in enumerate(columns)], 7)
    assert sorted(j for colour in pattern.colours for j in colour) == list(range(7))
    for colour in pattern.colours:
        for row in pattern.nonzero:
            assert len(set(row) & set(colour)) <= 1


def test_jacobian_by_colours_equals_the_full_one():
    def rates(y):
        a, b, c, d, e = y
        return [-a * e, a - b**2, jnp.where(c > 0, b * c, 0.0), jnp.tanh(d) + e, -e]

    point = [jnp.asarray(v) for v in np.random.default_rng(5).uniform(0.5, 2.0, 5)]
    pattern = find_pattern(rates, 5)
    assert len(pattern.colours) < 5
    _, push = jax.linearize(rates, point)
    ours = _shifted_jacobian(push, pattern, point, 7.0)
    full = 2.0 * np.eye(5) - 7.0 * np.array(jax.jacfwd(lambda y: jnp.stack(rates(list(y))))(jnp.stack(point)))
    for i in range(5):
        for j in range(5):
            assert float(ours.get((i, j), 0.0)) == pytest.approx(full[i, j], rel=1e-12, abs=1e-14)
