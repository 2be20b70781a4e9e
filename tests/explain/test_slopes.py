"""Slopes through the twins are those that small steps give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.explain.slopes import AFTER_D, slopes
from pipeline.schema import validate
from pipeline.solving import make_grid
from pipeline.twins import NO_CHANGE, System, build_twins, simulate

pytestmark = pytest.mark.slow

TWINS = build_twins(("body_composition", "blood_pressure"), "corrected")
WHO = {
    "male": 1.0, "age_years": 50.0, "height_cm": 178.0, "weight_kg": 92.0, "body_fat_percent": 30.0,
    "activity_level": 1.5, "carbohydrate_fraction": 0.45, "fat_fraction": 0.35, "sbp_mmhg": 145.0, "dbp_mmhg": 88.0,
    "alcohol_g_d": 20.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    own = {name: np.full((2, 2), value) for name, value in WHO.items()}
    own["weight_kg"][1] = np.nan
    parameters = {t.name: {name: np.full(2, value) for name, value in t.defaults().items()} for t in TWINS}
    return validate(slopes(np.array(["a", "b"]), own, parameters, TWINS), "slopes", "slopes")


@pytest.fixture(scope="module")
def after():
    """What the twins say after a year, with some inputs changed."""
    (base,) = NO_CHANGE.arrays()
    person = {name: jnp.asarray(value) for name, value in WHO.items()}
    grid = make_grid((0.0,), (AFTER_D,), max_step=62.0)
    parameters = {t.name: t.defaults() for t in TWINS}

    @jax.jit
    def solve(u):
        return simulate(System(TWINS), person, parameters, [u], (0.0,), grid, method="batch").values

    return lambda **changed: {name: float(course[-1]) for name, course in solve({**base, **changed}).items()}


@pytest.mark.parametrize(
    ("action", "mediator", "at", "step"),
    [
        ("energy_change_kcal_d", "weight_kg", 0.0, 5.0),
        ("energy_change_kcal_d", "sbp_mmhg", 0.0, 5.0),
        ("pressure_drugs", "sbp_mmhg", 0.0, 0.05),
        ("alcohol_factor", "sbp_mmhg", 1.0, 0.05),
    ],
)
def test_slopes_agree_with_central_differences(table, after, action, mediator, at, step):
    more, less = (after(**{action: at + side * step})[mediator] for side in (1, -1))
    row = table[(table["person_id"] == "a") & (table["input"] == action) & (table["mediator"] == mediator)]
    assert row["slope"].item() == pytest.approx((more - less) / (2 * step), rel=1e-3)


def test_what_does_not_move_has_no_row_and_a_failed_twin_no_slope(table):
    assert not ((table["input"] == "pressure_drugs") & (table["mediator"] == "weight_kg")).any()
    assert table.loc[table["person_id"] == "b", "slope"].isna().all()
