"""The adaptive solver for one person: accuracy asked for, gradients, failure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Status, make_grid, solve_reference

SWITCHES, TIMES = (0.0, 1.0), (0.0, 0.5, 1.0, 4.0)


def field(t, y, k):
    return {"x": -k * y["x"], "z": jnp.cos(t) - 0.0 * y["z"]}


def solve(k, rtol, max_steps=4096):
    grid = make_grid(SWITCHES, TIMES)
    start = {"x": jnp.asarray(100.0), "z": jnp.asarray(0.0)}
    return solve_reference(field, start, [k, 0.5 * k], grid, {"x": 100.0, "z": 1.0}, rtol=rtol, max_steps=max_steps)


@pytest.fixture(scope="module")
def solved():
    """Solution and the gradient of its last state, compiled once."""

    def last(k, rtol):
        solution = solve(k, rtol)
        return solution.states["x"][-1], solution

    return jax.jit(jax.value_and_grad(last, has_aux=True))


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-9])
def test_solution_keeps_its_tolerance(solved, rtol):
    (_, solution), _ = solved(2.0, rtol)
    t = np.array(TIMES)
    spent = 2.0 * np.minimum(t, 1.0) + np.maximum(t - 1.0, 0.0)
    assert int(solution.status) == Status.OK
    assert float(solution.error) == rtol
    np.testing.assert_allclose(solution.states["x"], 100.0 * np.exp(-spent), rtol=20 * rtol, atol=100 * rtol)
    np.testing.assert_allclose(solution.states["z"], np.sin(t), atol=20 * rtol)      # time may enter here


def test_gradient_is_that_of_the_closed_form(solved):
    (value, _), slope = solved(0.7, 1e-8)
    # x = 100 exp(-k - 3 k / 2)
    assert float(value) == pytest.approx(100.0 * np.exp(-2.5 * 0.7), rel=1e-6)
    assert float(slope) == pytest.approx(-2.5 * 100.0 * np.exp(-2.5 * 0.7), rel=1e-6)


def test_a_solver_that_gives_up_returns_nan_and_says_so():
    solution = jax.jit(lambda k: solve(k, 1e-9, max_steps=3))(2.0)
    assert int(solution.status) == Status.MAX_STEPS
    for state in solution.states.values():
        assert state.shape == (4,)
        assert np.isnan(state).all()
