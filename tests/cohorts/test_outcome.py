"""Follow-up: what came first, what is known at the horizon, and how the followed stand for the lost."""

import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts.outcome import by_horizon, censoring_weights, follow


def rows(**people):
    """Rows of the table of events: person=(kind, day, happened), ..."""
    return pd.DataFrame(
        [(who, *row) for who, kinds in people.items() for row in kinds],
        columns=["person_id", "event", "time_d", "happened"],
    )


@pytest.mark.parametrize(
    ("kinds", "time", "status"),
    [
        ([("mi", 50, 1), ("stroke", 30, 1), ("death", 90, 1)], 30, "event"),          # the first of two
        ([("mi", 80, 0), ("stroke", 30, 1), ("death", 90, 0)], 30, "event"),
        ([("mi", 70, 0), ("stroke", 70, 0), ("death", 70, 1)], 70, "competing"),
        ([("mi", 70, 1), ("stroke", 70, 0), ("death", 70, 1)], 70, "event"),          # died of it on the day
        ([("mi", 60, 0), ("stroke", 70, 0), ("death", 90, 0)], 60, "censored"),  # nobody looked after 60
        ([("mi", 60, 0), ("stroke", 70, 0), ("death", 90, 1)], 60, "censored"),  # unknown before death
        ([("mi", 60, 0), ("stroke", 70, 1), ("death", 90, 0)], 60, "censored"),  # an mi may have been missed
    ],
)
def test_the_first_thing_ends_the_follow_up(kinds, time, status):
    found = follow(["a"], rows(a=kinds), ["mi", "stroke"])
    assert (found.time_d[0], found.status[0]) == (time, status)


def test_death_as_the_outcome_competes_with_nothing():
    found = follow(["a", "b"], rows(a=[("death", 70, 1)], b=[("death", 80, 0)]), ["death"])
    assert list(found.status) == ["event", "censored"]
    assert list(found.time_d) == [70, 80]


def test_what_is_known_at_the_horizon():
    time = np.array([10.0, 30.0, 10.0, 30.0, 10.0, 20.0])
    status = np.array(["event", "event", "competing", "censored", "censored", "censored"])
    np.testing.assert_array_equal(by_horizon(time, status, 20.0), [1, 0, 0, 0, np.nan, 0])


def test_the_lost_are_shared_among_those_still_followed():
    # Of four people one is lost on day 5: the three who stay longer count 4/3 each, who had the event before counts 1.
    time = np.array([2.0, 5.0, 7.0, 30.0, 30.0])
    status = np.array(["event", "censored", "event", "censored", "censored"])
    np.testing.assert_allclose(censoring_weights(time, status, 20.0), [1.0, 0.0, 4 / 3, 4 / 3, 4 / 3])


def test_on_one_day_events_come_before_losses():
    time = np.array([5.0, 5.0, 30.0])
    status = np.array(["event", "censored", "censored"])
    np.testing.assert_allclose(censoring_weights(time, status, 20.0), [1.0, 0.0, 2.0])


def test_weighted_share_is_the_cumulative_incidence():
    draw = np.random.default_rng(3)
    number = 4000
    event, death, lost = (draw.exponential(scale, number) for scale in (8.0, 15.0, 10.0))
    time = np.minimum(np.minimum(event, death), lost)
    status = np.where(time == event, "event", np.where(time == death, "competing", "censored"))
    weight = censoring_weights(time, status, 5.0)
    share = np.sum(weight * (by_horizon(time, status, 5.0) == 1)) / number
    rate = 1 / 8 + 1 / 15
    assert share == pytest.approx((1 / 8) / rate * (1 - np.exp(-5 * rate)), abs=0.02)
    assert weight.sum() == pytest.approx(number)
    # Aalen and Johansen's estimate, a product over all times, is the same number
    order = np.argsort(time)
    alive, incidence = 1.0, 0.0
    for k, i in enumerate(order):
        if time[i] > 5.0:
            break
        if status[i] != "censored":
            incidence += alive / (number - k) * (status[i] == "event")
            alive *= 1 - 1 / (number - k)
    assert share == pytest.approx(incidence, rel=1e-9)
