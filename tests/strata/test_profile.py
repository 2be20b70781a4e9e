"""Groups are sought in what was learned of people, apart from how high their risk is."""

import numpy as np
import pandas as pd
import pytest

from pipeline.strata.profile import informative, relative_to_risk

PEOPLE = 300


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_what_was_not_measured_is_left_out_and_who_was_not_is_not_placed():
    profile = pd.DataFrame({"seen": [0.1, 0.2, 0.3, 0.4, 0.0, np.nan], "prior": 0.0, "mostly": 0.2})
    sd = pd.DataFrame({"seen": 0.3, "prior": [0.3, 1.0, 1.0, 1.0, 1.0, 1.0], "mostly": [0.5] * 4 + [1.0] * 2})
    found = informative(profile, sd)
    assert list(found.profile) == ["seen", "mostly"]
    assert found.columns.set_index("column")["contracted"].to_dict() == {"seen": 1.0, "prior": 0.2, "mostly": 0.8}
    assert found.placed.tolist() == [True, True, True, True, False, False], "one not measured, one failed"


def test_of_nobody_nothing_is_known():
    empty = pd.DataFrame({"seen": [np.nan, np.nan]})
    found = informative(empty, empty)
    assert list(found.profile) == []
    assert not found.placed.any()


@pytest.fixture
def people():
    draw = np.random.default_rng(2)
    z, age = draw.normal(size=(PEOPLE, 4)), draw.normal(size=(PEOPLE, 1))
    return z, age, sigmoid(-2 + z @ [1.0, 0.5, 0.0, 0.0] + 0.7 * age[:, 0])


def test_the_points_do_not_tell_the_risk(people):
    z, age, risk = people
    relative = relative_to_risk(z, risk, age)
    assert relative.points.shape == (PEOPLE, 3)
    np.testing.assert_allclose(relative.points.T @ relative.points / PEOPLE, np.eye(3), atol=1e-9)
    severity = z @ [1.0, 0.5, 0.0, 0.0]
    assert np.abs(np.corrcoef(severity, relative.points.T)[0, 1:]).max() < 0.02
    np.testing.assert_allclose(relative.level.mean(axis=0), z.mean(axis=0), atol=1e-12)


def test_a_risk_that_the_profile_does_not_tell_takes_nothing_away(people):
    z, age, _ = people
    for risk in (sigmoid(age[:, 0]), np.full(PEOPLE, 0.1)):
        relative = relative_to_risk(z, risk, age)
        assert relative.points.shape == (PEOPLE, 4)
        np.testing.assert_allclose(relative.level, z, atol=1e-12)


def test_more_or_less_of_one_thing_becomes_one_point(people):
    """Two groups along a mixture of columns that raises the risk: equal in how, unlike in how much."""
    z, age, _ = people
    severity = np.where(np.arange(PEOPLE) < PEOPLE / 2, -2.0, 2.0)
    moved = 0.5 * z + np.outer(severity, [1.0, 0.5, 0.5, 0.0])
    level = relative_to_risk(moved, sigmoid(severity + 0.7 * age[:, 0]), age).level
    apart = np.abs(level[severity > 0].mean(axis=0) - level[severity < 0].mean(axis=0))
    assert apart.max() < 0.15
    assert np.abs(moved[severity > 0].mean(axis=0) - moved[severity < 0].mean(axis=0)).max() > 3.5


def test_one_column_that_is_the_risk_leaves_nothing(people):
    z, age, _ = people
    assert relative_to_risk(z[:, :1], sigmoid(z[:, 0]), age).points.shape == (PEOPLE, 0)
