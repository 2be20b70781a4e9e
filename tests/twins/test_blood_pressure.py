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


def responds(inputs, twin=CORRECTED, change=None, parameters=None, **person):
    """Systolic and diastolic response to `inputs` after a year, of a man with 154/97 mmHg unless named."""
    values = {"age_years": 50.0, "sbp_mmhg": 154.0, "dbp_mmhg": 97.0, "male": 1.0} | person
    k = twin.constants(as_floats(values), as_floats(twin.defaults() | (parameters or {})))
    signals = {} if change is None else {"weight_change_kg": np.asarray(change)}
    with_, without = (
        twin.solution(np.asarray(YEAR), k, (0.0,), [u], s)
        for u, s in ((changed(**inputs), signals), (changed(), {}))
    )
    return tuple(float(with_[n] - without[n]) for n in ("sbp_mmhg", "dbp_mmhg"))


@pytest.mark.parametrize(
    ("name", "systolic", "diastolic"),
    [
        ("thiazide", 8.8, 4.4),
        ("beta_blocker", 9.2, 6.7),
        ("ace_inhibitor", 8.5, 4.7),
        ("arb", 10.3, 5.7),
        ("calcium_blocker", 8.8, 5.9),
    ],
)
def test_standard_dose_of_a_class_does_what_its_trials_say(name, systolic, diastolic):
    assert responds({f"{name}_dose": 1.0}) == pytest.approx((-systolic, -diastolic))
    # 10 mmHg lower before treatment: 1.0/1.1 of the 9.1/5.5 mmHg of a mean drug is lost, so 11 and 20 %.
    lower = responds({f"{name}_dose": 1.0}, sbp_mmhg=144.0, dbp_mmhg=87.0)
    assert lower == pytest.approx((-systolic * 8.1 / 9.1, -diastolic * 4.4 / 5.5))
    assert responds({f"{name}_dose": 1.0}, sbp_mmhg=60.0, dbp_mmhg=40.0) == (0.0, 0.0)


def test_half_a_dose_does_four_fifths_and_two_doses_a_fifth_more():
    half, quarter, double = (responds({"arb_dose": dose}) for dose in (0.5, 0.25, 2.0))
    assert half == pytest.approx((-10.3 * 7.1 / 9.1, -5.7 * 4.4 / 5.5))  # 8.04 and 4.56
    assert quarter == pytest.approx((half[0] / 2, half[1] / 2))
    assert double == pytest.approx((-12.34, -6.74), abs=0.005)


def test_drugs_add_up_to_what_the_review_estimates():
    # Law 2003: three drugs at half dose take 20/11 mmHg from 150/90 mmHg. By hand for these three:
    # (8.8 + 8.5 + 8.8) * 0.780 * 0.956 = 19.5 and (4.4 + 4.7 + 5.9) * 0.8 * 0.86 = 10.3.
    doses = {"thiazide_dose": 0.5, "ace_inhibitor_dose": 0.5, "calcium_blocker_dose": 0.5}
    total = responds(doses, sbp_mmhg=150.0, dbp_mmhg=90.0)
    assert total == pytest.approx((-19.47, -10.32), abs=0.01)
    single = [responds({name: dose}, sbp_mmhg=150.0, dbp_mmhg=90.0) for name, dose in doses.items()]
    assert total == pytest.approx(tuple(map(sum, zip(*single, strict=True))))
    # With a mean drug in place of each: 3 * 9.1 * 0.780 * 0.956 = 20.4, and 3 * 5.5 * 0.8 * 0.86 = 11.4.
    mean = responds({"pressure_drugs": 1.0}, sbp_mmhg=150.0, dbp_mmhg=90.0)
    assert (3 * mean[0] * 7.1 / 9.1, 3 * mean[1] * 0.8) == pytest.approx((-20.4, -11.4), abs=0.06)


def test_who_responds_more_to_a_mean_drug_responds_more_to_every_class():
    more = responds({"thiazide_dose": 1.0}, parameters={"drug_S": 18.2, "drug_D": 11.0})
    assert more == pytest.approx((-17.6, -8.8))


def test_weight_lost_lowers_pressure_and_weight_gained_raises_it():
    assert responds({}, change=-10.0) == pytest.approx((-10.5, -9.2))
    assert responds({}, change=2.0) == pytest.approx((2.1, 1.84))
    assert responds({}) == (0.0, 0.0)


def test_drinking_less_lowers_pressure_by_the_alcohol_left_out():
    # 40 g/d halved is 20 g/d less: 20 * 0.102 = 2.04 and in men 20 * 0.065 = 1.30 mmHg.
    assert responds({"alcohol_factor": 0.5}, alcohol_g_d=40.0) == pytest.approx((-2.04, -1.30))
    assert responds({"alcohol_factor": 0.5}, alcohol_g_d=40.0, male=0.0) == pytest.approx((-2.04, 0.0))
    assert responds({"alcohol_factor": 2.0}, alcohol_g_d=48.0) == pytest.approx((4.90, 3.12), abs=0.005)
    assert responds({"alcohol_factor": 0.0}, alcohol_g_d=0.0) == (0.0, 0.0)


@pytest.mark.parametrize("person", [{}, {"alcohol_g_d": np.nan}, {"alcohol_g_d": np.nan, "male": np.nan}])
def test_drinking_that_is_not_known_changes_nothing_and_leaves_pressure_known(person):
    assert responds({"alcohol_factor": 0.0}, **person) == (0.0, 0.0)


def test_becoming_active_lowers_pressure_up_to_the_training_of_trials():
    assert responds({"activity_factor": 1.1}) == pytest.approx((-3.5, -2.5))
    assert responds({"activity_factor": 1.5}) == pytest.approx((-3.5, -2.5))
    assert responds({"activity_factor": 1.04}) == pytest.approx((-1.4, -1.0))
    assert responds({"activity_factor": 0.8}) == (0.0, 0.0)


def test_habits_and_drugs_add_up():
    together = responds({"activity_factor": 1.1, "arb_dose": 1.0, "alcohol_factor": 0.0}, change=-5.0, alcohol_g_d=10.0)
    # 3.5 + 10.3 + 1.02 + 5.25 and 2.5 + 5.7 + 0.65 + 4.6
    assert together == pytest.approx((-20.07, -13.45))


@pytest.mark.parametrize("switch", BloodPressure.extensions)
def test_each_extension_acts_alone_and_none_in_the_published_model(switch):
    everything = {"arb_dose": 1.0, "alcohol_factor": 0.0, "activity_factor": 1.2}
    effects = {
        "drug_classes": (-10.3, -5.7),
        "weight_link": (-4.2, -3.68),
        "alcohol_link": (-2.04, -1.3),
        "activity_link": (-3.5, -2.5),
    }
    alone = responds(everything, BloodPressure(frozenset({switch})), change=-4.0, alcohol_g_d=20.0)
    assert alone == pytest.approx(effects[switch])
    assert responds(everything, PUBLISHED, change=-4.0, alcohol_g_d=20.0) == (0.0, 0.0)


def test_habits_take_effect_within_weeks_and_end_as_fast():
    switches, times = (0.0, YEAR), YEAR * np.array([0.0, 0.05, 0.1, 1.0, 1.05, 1.1])
    person = as_floats({"age_years": 50.0, "sbp_mmhg": 140.0, "dbp_mmhg": 85.0})
    k = CORRECTED.constants(person, as_floats(CORRECTED.defaults()))
    active, same = (
        CORRECTED.solution(times, k, switches, [changed(activity_factor=f), changed()], {})["sbp_mmhg"]
        for f in (1.2, 1.0)
    )
    np.testing.assert_allclose(active - same, -3.5 * np.array([0.0, 0.5, 1.0, 1.0, 0.5, 0.0]), atol=1e-10)


def test_spreads_of_the_links_are_those_of_the_published_intervals():
    spread = {q.name: q.median * q.log_sd for q in BloodPressure.parameters}
    assert spread["weight_S"] == pytest.approx((1.43 - 0.66) / 3.92)
    assert spread["activity_D"] == pytest.approx((3.2 - 1.7) / 3.92)
    assert spread["arb_S"] == pytest.approx(0.9 / 3.92)
    assert all("recalled" in q.source for q in BloodPressure.parameters if q.name.startswith(("arb", "alcohol")))


def test_extensions_say_their_source():
    assert all("doi" in words for words in BloodPressure.extensions.values())


def test_the_effect_of_weight_stops_where_trials_stop():
    falls = [responds({}, change=-kg)[0] for kg in (5.0, 10.0, 30.0)]
    assert falls == pytest.approx([-5 * 1.05, -10 * 1.05, -10 * 1.05])
