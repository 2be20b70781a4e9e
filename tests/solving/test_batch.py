"""Many people in chunks: same answer whatever the chunk, nobody disturbs anybody."""

import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Status, make_grid, run_batches, solve_batch

PEOPLE = {"a": np.arange(10.0), "b": np.linspace(1.0, 2.0, 20).reshape(10, 2)}


def describe(person):
    return {
        "twice": 2.0 * person["a"],
        "table": jnp.outer(person["b"], person["b"]),
        "whole": person["a"].astype(int),
    }


@pytest.mark.parametrize("chunk", [1, 3, 5, 9, 10, 64])
def test_order_and_shapes_are_kept_whatever_the_chunk(chunk):
    found = run_batches(describe, PEOPLE, chunk=chunk, label="test", progress=False)
    np.testing.assert_array_equal(found["twice"], 2.0 * PEOPLE["a"])
    np.testing.assert_allclose(found["table"], PEOPLE["b"][:, :, None] * PEOPLE["b"][:, None, :], rtol=1e-15)
    np.testing.assert_array_equal(found["whole"], np.arange(10))
    assert all(isinstance(leaf, np.ndarray) for leaf in found.values())


def test_progress_is_silent_where_nobody_watches(capsys):
    run_batches(describe, PEOPLE, chunk=4, label="counting")
    assert capsys.readouterr() == ("", "")


def decay(person):
    grid = make_grid((0.0,), (0.0, 1.0, 5.0), max_step=0.2)
    field = lambda t, y, k: [-k * y[0], jnp.log(y[0]) - y[1]]  # noqa: E731
    return solve_batch(field, [person["y"], person["y"]], [person["k"]], grid, [1.0, 1.0])


def test_chunks_change_nothing_and_a_hard_person_disturbs_nobody():
    rng = np.random.default_rng(0)
    people = {"y": rng.uniform(0.5, 2.0, 12), "k": rng.uniform(0.1, 1.0, 12)}
    hard = {"y": people["y"].copy(), "k": people["k"].copy()}
    hard["y"][3], hard["k"][7] = -1.0, 1e12
    hard["y"][9] = np.nan
    calm = run_batches(decay, people, chunk=12, label="test", progress=False)
    for chunk in (4, 12):
        found = run_batches(decay, hard, chunk=chunk, label="test", progress=False)
        others = np.setdiff1d(np.arange(12), [3, 7, 9])
        for ours, theirs in zip([*found.states, found.error], [*calm.states, calm.error], strict=True):
            np.testing.assert_allclose(ours[others], theirs[others], rtol=1e-12)
        assert (found.status[others] == Status.OK).all()
        assert (found.status[[3, 9]] == Status.NOT_FINITE).all()
        assert np.isnan(found.states[0][[3, 9]]).all()
