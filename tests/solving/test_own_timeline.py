"""Own time lines: boundaries, jumps, gradients through boundaries, and the reference solver beside the batch solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Pace, Status, Timeline, count_steps, solve_episode, solve_episode_reference

PACE = Pace(first=0.01, growth=1.3, largest=0.02)
TIMES = np.array([0.0, 0.2, 0.7, 1.0, 1.6, 2.0])


def field(t, y, at):
    k, u = at
    return {"x": u["inflow"] - k * y["x"] + 0.0 * t}


def jump(y, at):
    _, u = at
    return {"x": y["x"] + u["dose"]}


def no_hold(t, end, y, at):
    return {}


def timeline(switch):
    """Inflow 1 until `switch`, then nothing; a dose of 0.5 comes at the switch; one segment is empty."""
    bounds = jnp.stack([jnp.zeros(()), switch, switch, jnp.asarray(2.0)])
    return Timeline(bounds, {"inflow": jnp.array([1.0, 7.0, 0.0]), "dose": jnp.array([0.0, 3.0, 0.5])})


def exact(t, k, switch):
    filled = (1 - np.exp(-k * np.minimum(t, switch))) / k
    return np.where(t <= switch, filled, (filled + 0.5) * np.exp(-k * (t - switch)))


def batch(k, switch, steps=144):
    start = {"x": jnp.zeros(())}
    return solve_episode(
        field, jump, no_hold, start, k, timeline(switch), jnp.asarray(TIMES), {"x": 1.0}, PACE, steps
    )


def reference(k, switch):
    start = {"x": jnp.zeros(())}
    return solve_episode_reference(
        field, jump, start, k, timeline(switch), jnp.asarray(TIMES), {"x": 1.0}, rtol=1e-9
    )


@pytest.mark.slow
def test_both_solvers_restart_and_jump_at_each_person_s_own_boundary():
    switches, rates = np.array([0.4, 0.75, 1.3]), np.array([0.5, 2.0, 5.0])
    found, _ = jax.jit(jax.vmap(batch))(rates, switches)
    for i, (k, switch) in enumerate(zip(rates, switches, strict=True)):
        expected = exact(TIMES, k, switch)
        np.testing.assert_allclose(found.states["x"][i], expected, atol=2e-5)
        tight, _ = reference(jnp.asarray(k), jnp.asarray(switch))
        assert int(tight.status) == Status.OK
        np.testing.assert_allclose(tight.states["x"], expected, atol=1e-7)


@pytest.mark.slow
def test_inputs_that_hold_at_each_time_are_given_back():
    for solve in (batch, reference):
        _, held = solve(jnp.asarray(1.0), jnp.asarray(0.75))
        np.testing.assert_array_equal(held["inflow"], np.where(TIMES <= 0.75, 1.0, 0.0))


@pytest.mark.slow
@pytest.mark.parametrize("solve", [batch, reference])
def test_slope_in_the_time_of_a_boundary_is_that_of_the_solution(solve):
    """Plain differentiation through a condition on time would say zero."""
    slopes = jax.jit(jax.jacrev(lambda s: solve(jnp.asarray(2.0), s)[0].states["x"]))(0.75)
    expected = (exact(TIMES, 2.0, 0.75 + 1e-6) - exact(TIMES, 2.0, 0.75 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slopes, expected, atol=2e-4)
    assert np.abs(slopes).max() > 0.5


@pytest.mark.slow
def test_forward_and_reverse_mode_agree_in_the_batch_solver():
    f = lambda k: batch(k, jnp.asarray(0.75))[0].states["x"]  # noqa: E731
    np.testing.assert_allclose(jax.jacfwd(f)(2.0), jax.jacrev(f)(2.0), rtol=1e-10)


def test_counted_steps_are_enough_and_fewer_are_said():
    bounds = np.asarray(timeline(jnp.asarray(0.75)).bounds)[None]
    needed = count_steps(bounds, PACE)
    assert needed % 16 == 0
    assert int(batch(jnp.asarray(1.0), jnp.asarray(0.75), needed)[0].status) == Status.OK
    found, _ = batch(jnp.asarray(1.0), jnp.asarray(0.75), needed // 2)
    assert int(found.status) == Status.MAX_STEPS
    assert np.isnan(found.states["x"]).all()


def test_error_estimate_grows_with_the_step():
    told = []
    for largest in (0.05, 0.2):
        found, _ = solve_episode(
            field, jump, no_hold, {"x": jnp.zeros(())}, jnp.asarray(5.0), timeline(jnp.asarray(0.75)),
            jnp.asarray(TIMES), {"x": 1.0}, Pace(0.01, 1.3, largest), 96,
        )  # fmt: skip
        told.append(float(found.error))
        made = np.max(np.abs(np.asarray(found.states["x"]) - exact(TIMES, 5.0, 0.75)))
        assert found.error > made
    assert told[0] < told[1]
