"""Properties of the pressure twin: groups, drugs, and what a drug does over time."""

import jax
import numpy as np
import pytest

from pipeline.solving import make_grid
from pipeline.twins import System, simulate
from pipeline.twins.blood_pressure import BloodPressure
from tests.twins.people import YEAR, as_floats, changed

CORRECTED, PUBLISHED = BloodPressure.build("corrected"), BloodPressure.build("published")


def baseline(twin, age=50.0, sbp=140.0, dbp=85.0):
    person = as_floats({"age_years": age, "sbp_mmhg": sbp, "dbp_mmhg": dbp})
    return twin.constants(person, as_floats(twin.defaults()))


def course(twin, times, doses, switches=(0.0,), age=50.0, sbp=154.0, dbp=97.0):
    person = as_floats({"age_years": age, "sbp_mmhg": sbp, "dbp_mmhg": dbp})
    p = {twin.name: as_floats(twin.defaults())}
    inputs = [changed(pressure_drugs=dose) for dose in doses]
    result = simulate(System((twin,)), person, p, inputs, switches, make_grid(switches, tuple(times)))
    return {name: np.asarray(v) for name, v in result.values.items()}


@pytest.mark.parametrize(
    ("sbp", "slope_s", "slope_d"),
    [(105, 0.64502, 0.79626), (118, 1.00004, 1.0), (124, 1.40925, 1.24271), (150, 1.76433, 1.38351)],
)
def test_published_groups_have_the_published_slopes(sbp, slope_s, slope_d):
    k = baseline(PUBLISHED, age=31.0, sbp=sbp)
    assert (float(k.cS), float(k.cD)) == pytest.approx((slope_s, slope_d), abs=1e-5)


def test_published_choice_takes_the_first_on_a_tie():
    # 32.5 lies between the rows of 30 and 35; 121.7 belongs to group 3 in the first, to group 2 in the second.
    assert float(baseline(PUBLISHED, age=32.5, sbp=121.7).cS) == pytest.approx(1.40925, abs=1e-5)
    assert float(baseline(PUBLISHED, age=32.6, sbp=121.7).cS) == pytest.approx(1.00004, abs=1e-5)
    # At 80, 141.893105977264 is as far from group 2 (136.89) as from group 3 (146.89).
    assert float(baseline(PUBLISHED, age=80.0, sbp=141.893105977264).cS) == pytest.approx(1.00004, abs=1e-5)
    assert float(baseline(PUBLISHED, age=80.0, sbp=141.9).cS) == pytest.approx(1.40925, abs=1e-5)


def test_published_slope_ignores_diastolic_pressure_and_is_flat_within_a_group():
    assert float(baseline(PUBLISHED, dbp=60).cD) == float(baseline(PUBLISHED, dbp=95).cD)
    assert float(baseline(PUBLISHED, sbp=137).cS) == float(baseline(PUBLISHED, sbp=140).cS)


def test_corrected_slopes_change_continuously_with_pressure_and_age():
    person = {
        "age_years": np.repeat(np.linspace(25.0, 90.0, 131), 401),
        "sbp_mmhg": np.tile(np.linspace(100.0, 180.0, 401), 131),
    }
    person["dbp_mmhg"] = np.full(person["age_years"].shape, 80.0)
    k = jax.vmap(CORRECTED.constants, in_axes=(0, None))(person, CORRECTED.defaults())
    for slope in (np.asarray(k.cS).reshape(131, 401), np.asarray(k.cD).reshape(131, 401)):
        # Groups differ by up to 0.41 over at least 4.4 mmHg: 0.2 mmHg moves a slope by less than 0.02.
        assert np.abs(np.diff(slope, axis=1)).max() < 0.02
        assert np.diff(slope, axis=1).min() >= 0.0
        assert np.abs(np.diff(slope, axis=0)).max() < 0.08  # half a year
    np.testing.assert_allclose(np.asarray(k.cS).min(), 0.64502, atol=1e-5)  # flat beyond the outer groups
    np.testing.assert_allclose(np.asarray(k.cS).max(), 1.76433, atol=1e-5)


def test_corrected_and_published_agree_at_the_points_of_the_table():
    for sbp in (114.584250091676, 126.251833516685, 136.390722405574, 149.169416941694):
        assert float(baseline(CORRECTED, sbp=sbp).cS) == pytest.approx(
            float(baseline(PUBLISHED, sbp=sbp).cS), rel=1e-12
        )
        assert float(baseline(CORRECTED, sbp=sbp).cD) == pytest.approx(
            float(baseline(PUBLISHED, sbp=sbp).cD), rel=1e-12
        )


def test_standard_dose_lowers_pressure_as_in_trials():
    # Law 2009: 9.1/5.5 mmHg at 154/97, and 1.0/1.1 mmHg less for every 10 mmHg that pressure is lower.
    at_trials, lower = baseline(CORRECTED, sbp=154, dbp=97), baseline(CORRECTED, sbp=144, dbp=87)
    assert (float(at_trials.dS), float(at_trials.dD)) == pytest.approx((9.1, 5.5))
    assert (float(lower.dS), float(lower.dD)) == pytest.approx((8.1, 4.4))
    assert float(baseline(CORRECTED, sbp=60, dbp=40).dS) == 0.0  # never raises pressure
    assert float(baseline(CORRECTED, sbp=60, dbp=40).dD) == 0.0


def test_treatment_ramps_in_and_its_effect_stays():
    times = YEAR * np.array([0.0, 0.05, 0.1, 1.0, 10.0])
    effect = course(CORRECTED, times, [1])["sbp_mmhg"] - course(CORRECTED, times, [0])["sbp_mmhg"]
    np.testing.assert_allclose(effect, -9.1 * np.array([0.0, 0.5, 1.0, 1.0, 1.0]), atol=1e-10)
    slow = course(PUBLISHED, times, [1]), course(PUBLISHED, times, [0])
    np.testing.assert_allclose(
        slow[0]["sbp_mmhg"] - slow[1]["sbp_mmhg"], -20.0 * np.array([0.0, 0.025, 0.05, 0.5, 1.0]), atol=1e-10
    )
    np.testing.assert_allclose(
        slow[0]["dbp_mmhg"] - slow[1]["dbp_mmhg"], -5.0 * np.array([0.0, 0.025, 0.05, 0.5, 1.0]), atol=1e-10
    )


def test_stopping_takes_the_effect_back_and_two_drugs_do_twice_as_much():
    switches, times = (0.0, 5 * YEAR), YEAR * np.array([1.0, 5.0, 5.05, 5.1, 8.0])
    without = course(CORRECTED, times, [0, 0], switches)["dbp_mmhg"]
    stopped = course(CORRECTED, times, [1, 0], switches)["dbp_mmhg"] - without
    np.testing.assert_allclose(stopped, -5.5 * np.array([1.0, 1.0, 0.5, 0.0, 0.0]), atol=1e-10)
    doubled = course(CORRECTED, times, [1, 2], switches)["dbp_mmhg"] - without
    np.testing.assert_allclose(doubled, -5.5 * np.array([1.0, 1.0, 1.5, 2.0, 2.0]), atol=1e-10)


def test_stopping_halfway_through_the_ramp_takes_back_only_what_was_reached():
    switches, times = (0.0, 0.05 * YEAR), YEAR * np.array([0.05, 0.1, 0.15, 0.2, 1.0])
    effect = (
        course(CORRECTED, times, [1, 0], switches)["sbp_mmhg"]
        - course(CORRECTED, times, [0, 0], switches)["sbp_mmhg"]
    )
    assert effect.min() >= -9.1 / 2 - 1e-10
    np.testing.assert_allclose(effect[-2:], 0.0, atol=1e-10)


def test_diastolic_pressure_peaks_at_the_age_of_the_published_curve():
    ages = np.arange(35.0, 70.0, 0.1)
    dbp = course(PUBLISHED, YEAR * (ages - 35.0), [0], age=35.0, sbp=118, dbp=75)["dbp_mmhg"]
    assert ages[np.argmax(dbp)] == pytest.approx(0.9262 / 0.0183, abs=0.1)


def test_derived_pressures_keep_their_definition():
    seen = course(CORRECTED, YEAR * np.arange(0.0, 20.0), [1])
    np.testing.assert_allclose(seen["map_mmhg"], (seen["sbp_mmhg"] + 2 * seen["dbp_mmhg"]) / 3, rtol=1e-12)
    np.testing.assert_allclose(seen["pulse_pressure_mmhg"], seen["sbp_mmhg"] - seen["dbp_mmhg"], rtol=1e-12)
    np.testing.assert_allclose([seen["sbp_mmhg"][0], seen["dbp_mmhg"][0]], [154.0, 97.0], rtol=1e-12)
