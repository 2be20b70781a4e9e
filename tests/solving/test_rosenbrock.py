"""The batch solver against closed forms: order, stiffness, error estimate, segments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from pipeline.solving import Grid, Status, make_grid, solve_batch
from pipeline.solving.grid import Segment


def uniform(end, steps):
    """A grid of equal steps that is read at its start and end."""
    return Grid((Segment(0.0, end, (end,), (end / steps,) * steps, (steps - 1,), (1.0,)),), (0.0, end))


def test_order_is_three_on_a_nonlinear_problem():
    """y' = -y^3 and v' = u^2 - v beside u' = -u, whose solutions are closed."""

    def field(t, s, r):
        return {"y": -r * s["y"] ** 3, "u": -s["u"], "v": s["u"] ** 2 - s["v"]}

    start, scale = dict.fromkeys("yuv", jnp.asarray(1.0)), dict.fromkeys("yuv", 1.0)
    exact = {"y": 5.0**-0.5, "u": np.exp(-2.0), "v": np.exp(-2.0) * (2.0 - np.exp(-2.0))}
    errors = []
    for steps in (20, 40, 80):
        end = jax.jit(lambda r, n=steps: solve_batch(field, start, [r], uniform(2.0, n), scale).states)(1.0)
        errors.append([abs(float(end[name][-1]) - exact[name]) for name in exact])
    order = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.abs(order - 3.0).max() < 0.2, order


def test_stiff_linear_problem_is_solved_with_long_steps():
    """Eigenvalue -1e5 beside -1: forty steps, where an explicit method would need 1e5."""

    def field(t, y, fast):
        slow = y["slow"]
        return {"fast": -fast * (y["fast"] - slow), "slow": -slow}

    start = {"fast": jnp.asarray(3.0), "slow": jnp.asarray(1.0)}
    solution = jax.jit(
        lambda fast: solve_batch(field, start, [fast], uniform(2.0, 40), {"fast": 1.0, "slow": 1.0})
    )(1e5)
    assert int(solution.status) == Status.OK
    assert float(solution.states["slow"][-1]) == pytest.approx(np.exp(-2.0), rel=1e-5)
    assert float(solution.states["fast"][-1]) == pytest.approx(1e5 / (1e5 - 1.0) * np.exp(-2.0), rel=1e-5)


@pytest.fixture(scope="module")
def random_problems():
    """Errors told and made, over 500 decaying linear systems of three states and 500 logistic ones."""
    rng = np.random.default_rng(11)
    grid = make_grid((0.0,), (0.0, 1.0, 5.0), first_step=0.05, growth=1.2, max_step=0.5)

    def linear(t, y, a):
        v = [y["x"], y["y"], y["z"]]
        return {name: sum(a[i, j] * v[j] for j in range(3)) for i, name in enumerate("xyz")}

    root = rng.normal(size=(500, 3, 3))
    matrices = -root @ root.transpose(0, 2, 1) + 0.3 * rng.normal(size=(500, 3, 3)) - 0.2 * np.eye(3)
    first = np.abs(rng.normal(1.0, 0.3, size=(500, 3)))
    ones = dict.fromkeys("xyz", 1.0)

    @jax.jit
    @jax.vmap
    def solve_linear(a, y):
        return solve_batch(linear, dict(zip("xyz", y, strict=True)), [a], grid, ones)

    found = solve_linear(matrices, first)
    ours = np.stack([found.states[n] for n in "xyz"], axis=-1)
    exact = np.array([[expm(a * t) @ y for t in grid.times] for a, y in zip(matrices, first, strict=True)])
    made = np.abs(ours - exact) / (np.abs(exact) + 1e-2)

    @jax.jit
    @jax.vmap
    def solve_logistic(r, y):
        return solve_batch(lambda t, y, r: [r * y[0] * (1.0 - y[0])], [y], [r], grid, [1.0])

    rates, small = rng.uniform(0.2, 3.0, 500), rng.uniform(0.02, 0.5, 500)
    grown = solve_logistic(rates, small)
    exact = 1.0 / (1.0 + (1.0 / small - 1.0)[:, None] * np.exp(-rates[:, None] * np.array(grid.times)))
    made_grown = np.abs(grown.states[0] - exact) / (exact + 1e-2)
    told = np.concatenate([found.error, grown.error])
    return told, np.concatenate([made.max(axis=(1, 2)), np.asarray(made_grown).max(axis=1)])


def test_error_estimate_lies_above_the_true_error_on_most_problems(random_problems):
    told, made = random_problems
    assert np.isfinite(told).all()
    assert np.mean(told > made) > 0.9


def test_error_estimate_is_small_where_the_error_is_small(random_problems):
    told, made = random_problems
    assert np.corrcoef(np.log(told), np.log(made))[0, 1] > 0.5
    assert np.median(told) < 0.05


@pytest.mark.slow
def test_order_is_three_where_the_field_depends_on_time():
    """y' = cos(3 t) - y from 1."""

    def exact(t):
        return (np.cos(3 * t) + 3 * np.sin(3 * t)) / 10 + 0.9 * np.exp(-t)

    errors = []
    for steps in (20, 40, 80):
        found = solve_batch(lambda t, y, _: [jnp.cos(3 * t) - y[0]], [1.0], [None], uniform(2.0, steps), [1.0])
        errors.append(abs(float(found.states[0][-1]) - exact(2.0)))
    assert np.abs(np.log2(np.divide(errors[:-1], errors[1:])) - 3.0).max() < 0.2


def test_reading_inside_steps_is_as_exact_as_the_steps():
    """y' = -y read at 200 times of a grid whose steps do not land there: errors fall by 8 for half the step."""
    times = (0.0, *np.linspace(0.013, 2.0, 200).tolist())
    errors = []
    for step in (0.1, 0.05, 0.025):
        grid = make_grid((0.0,), times, first_step=step, growth=1.0, max_step=step)
        assert len(grid.segments[0].steps) == round(2.0 / step)
        found = solve_batch(lambda t, y, _: [-y[0]], [1.0], [None], grid, [1.0])
        errors.append(np.max(np.abs(np.asarray(found.states[0]) - np.exp(-np.array(times)))))
    assert np.log2(np.divide(errors[:-1], errors[1:])).min() > 2.7


def robertson(t, y, _):
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [-a + b, a - b - c, c]


def test_robertson_problem_is_solved_over_eleven_decades_of_time():
    """Reference values of Hairer E, Wanner G, Solving Ordinary Differential Equations II, section IV.10."""
    times = (0.4, 1e11)
    grid = make_grid((0.0,), times, first_step=1e-5, growth=1.25, max_step=1e12)
    found = solve_batch(robertson, [1.0, 0.0, 0.0], [None], grid, [1.0, 1e-5, 1.0])
    assert int(found.status) == Status.OK
    assert float(found.states[0][0]) == pytest.approx(0.98517, rel=1e-4)      # their table at t = 0.4
    assert float(found.states[0][-1]) == pytest.approx(0.2083340149701255e-7, rel=2e-2)
    assert sum(float(v[-1]) for v in found.states) == pytest.approx(1.0, abs=1e-9)


def test_stiff_van_der_pol_follows_a_tight_solution():
    def field(t, y, mu):
        return [y[1], mu * ((1.0 - y[0] ** 2) * y[1] - y[0])]

    tight = solve_ivp(lambda t, y: field(t, y, 1e3), (0.0, 0.5), [2.0, -0.66], "Radau", rtol=1e-10, atol=1e-10)
    exact = tight.y[:, -1]
    grid = make_grid((0.0,), (0.5,), first_step=1e-4, growth=1.2, max_step=0.01)
    found = solve_batch(field, [2.0, -0.66], [1e3], grid, [1.0, 1.0])
    np.testing.assert_allclose([float(v[-1]) for v in found.states], exact, rtol=1e-5)


def test_sparse_and_full_elimination_give_the_same():
    grid = make_grid((0.0,), (1.0, 100.0), first_step=1e-4, growth=1.3, max_step=10.0)
    sparse, full = (
        solve_batch(robertson, [1.0, 0.0, 0.0], [None], grid, [1.0, 1e-5, 1.0], sparse=s) for s in (True, False)
    )
    for a, b in zip(sparse.states, full.states, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_states_known_in_closed_form_are_not_stepped():
    """A fast decay that drives a slow state: with it declared, its values are exact."""

    def field(t, y, k):
        return {"fast": -k * y["fast"], "slow": y["fast"] - y["slow"]}

    def solved(t, start, k):
        return {"fast": start["fast"] * jnp.exp(-k * t), "slow": None}

    start, scale = {"fast": jnp.asarray(1.0), "slow": jnp.asarray(0.0)}, {"fast": 1.0, "slow": 1.0}
    grid = make_grid((0.0, 1.0), (0.0, 0.7, 1.0, 2.0), first_step=0.02, growth=1.2, max_step=0.02)
    found = solve_batch(field, start, [3.0, 5.0], grid, scale, solved=solved)
    stepped = solve_batch(field, start, [3.0, 5.0], grid, scale)
    times = np.array(grid.times)
    fast = np.where(times <= 1.0, np.exp(-3 * times), np.exp(-3 - 5 * (times - 1)))
    np.testing.assert_allclose(found.states["fast"], fast, rtol=1e-12)
    one = (np.exp(-1.0) - np.exp(-3.0)) / 2
    two = one * np.exp(-1.0) + np.exp(-3.0) * (np.exp(-1.0) - np.exp(-5.0)) / 4
    assert float(found.states["slow"][-1]) == pytest.approx(two, rel=1e-5)
    np.testing.assert_allclose(found.states["slow"], stepped.states["slow"], atol=1e-4)


def test_inputs_switch_between_segments_and_reads_lie_where_asked():
    switches, times, rates = (0.0, 1.0, 4.0), (0.0, 0.5, 1.0, 3.3, 4.0, 6.0), (2.0, 0.1, 1.0)
    grid = make_grid(switches, times, first_step=0.01, growth=1.1, max_step=0.02)
    start, scale = [jnp.asarray(5.0)], [5.0]
    found = jax.jit(lambda r: solve_batch(lambda t, y, k: [-k * y[0]], start, list(r), grid, scale))(
        jnp.array(rates)
    )
    spent = np.array(
        [
            sum(r * np.clip(t - a, 0, b - a) for r, a, b in zip(rates, (0, 1, 4), (1, 4, 9), strict=True))
            for t in times
        ]
    )
    assert found.states[0].shape == (6,)
    np.testing.assert_allclose(found.states[0], 5.0 * np.exp(-spent), rtol=1e-5)


def test_start_is_read_only_when_asked():
    grid = make_grid((0.0,), (1.0, 2.0))
    found = solve_batch(lambda t, y, k: [-y[0]], [jnp.asarray(1.0)], [None], grid, [1.0])
    assert found.states[0].shape == (2,)


def test_solution_that_leaves_the_numbers_is_nan_with_its_status():
    grid = uniform(100.0, 4)
    found = solve_batch(
        lambda t, y, k: [-jnp.log(y[0]), -y[1]],
        [jnp.asarray(-1.0), jnp.asarray(1.0)],
        [None],
        grid,
        [1.0, 1.0],
    )
    assert int(found.status) == Status.NOT_FINITE
    assert np.isnan(found.states[0]).all()
    assert np.isnan(found.states[1]).all()
    assert np.isinf(found.error)
