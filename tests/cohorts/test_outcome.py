"""Follow-up: what came first, what is known at the horizon, and how the followed stand for the lost."""

import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts.outcome import Follow, by_horizon, censoring_weights, check_horizon, follow
from pipeline.schema import TableError


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


def followed(*years, status="censored"):
    return Follow(365.25 * np.array(years), np.full(len(years), status))


def test_a_horizon_that_nobody_reached_is_refused():
    with pytest.raises(TableError, match=r"horizon_years is 30, but nobody was followed longer than 24\.0 years"):
        check_horizon(followed(3.0, 24.0), 30.0, "file")


def test_a_horizon_that_a_handful_reached_is_refused_with_one_that_can_be_asked():
    many = followed(*np.linspace(1, 9, 90), *np.linspace(9.55, 20, 4))
    with pytest.raises(TableError, match=r"after 13\.0 years, only 3 people were still followed.* ask for 8\.5 years"):
        check_horizon(many, 15.0, "file")
    check_horizon(many, 8.5, "file")


def test_whoever_is_not_lost_need_not_be_followed_to_the_horizon():
    alive, dead = followed(1.0, 12.0), followed(*np.linspace(2, 9, 50), status="event")
    both = Follow(*(np.concatenate(pair) for pair in zip(alive, dead, strict=True)))
    check_horizon(both, 10.0, "file")      # one was lost when 51 were still there; later all had the event but one
