"""The adaptive solver for one person: accuracy asked for, gradients, failure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Status, make_grid, solve_reference

SWITCHES, TIMES = (0.0, 1.0), (0.0, 0.5, 1.0, 4.0)


def field(t, y, k):
    return {"x": -k * y["x"], "z": jnp.cos(t) - 0.0 * y["z"]}


def solve(k, rtol):
    grid = make_grid(SWITCHES, TIMES)
    start = {"x": jnp.asarray(100.0), "z": jnp.asarray(0.0)}
    return solve_reference(field, start, [k, 0.5 * k], grid, {"x": 100.0, "z": 1.0}, rtol=rtol)


@pytest.fixture(scope="module")
def solved():
    """The solution, compiled once for all tolerances."""
    return jax.jit(solve)


@pytest.mark.slow
@pytest.mark.parametrize(("rtol", "accepted"), [(1e-6, 1e-4), (1e-9, 1e-6)])
def test_solution_keeps_its_tolerance(solved, rtol, accepted):
    solution = solved(2.0, rtol)
    t = np.array(TIMES)
    spent = 2.0 * np.minimum(t, 1.0) + np.maximum(t - 1.0, 0.0)
    assert int(solution.status) == Status.OK
    assert float(solution.error) == rtol
    exact = 100.0 * np.exp(-spent)
    np.testing.assert_allclose(solution.states["x"], exact, rtol=accepted)
    np.testing.assert_allclose(solution.states["z"], np.sin(t), atol=accepted)  # time may enter here
    at_ends = np.array([0, 2, 3])  # reads within a segment are interpolated by a cubic and less exact
    np.testing.assert_allclose(solution.states["x"][at_ends], exact[at_ends], rtol=20 * rtol)


@pytest.mark.slow
def test_gradient_is_that_of_the_closed_form():
    def last(k):
        start, grid = [jnp.asarray(100.0)], make_grid((0.0,), (2.0,))
        return solve_reference(lambda t, y, k: [-k * y[0]], start, [k], grid, [100.0], rtol=1e-8).states[0][
            -1
        ]

    value, slope = jax.jit(jax.value_and_grad(last))(0.7)
    assert float(value) == pytest.approx(100.0 * np.exp(-1.4), rel=1e-6)
    assert float(slope) == pytest.approx(-200.0 * np.exp(-1.4), rel=1e-6)


@pytest.mark.slow
def test_a_solver_that_gives_up_returns_nan_and_says_so(solved):
    solution = solved(2.0, 1e-30)  # beyond what 64 bits can tell
    assert int(solution.status) == Status.MAX_STEPS
    for state in solution.states.values():
        assert state.shape == (4,)
        assert np.isnan(state).all()
