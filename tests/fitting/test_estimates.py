"""Posteriors of single quantities, against numbers worked out by hand or published."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pipeline.fitting import Estimate, blood_pressure, body_composition, diet, liver_fat
from pipeline.fitting.estimate import combine


def people(**columns):
    """A baseline table; everybody is a man of 50 with 80 kg and 180 cm unless said otherwise."""
    size = max((len(v) for v in columns.values() if isinstance(v, list)), default=1)
    table = pd.DataFrame({"sex": ["male"] * size, "age_years": 50.0, "weight_kg": 80.0, "height_cm": 180.0})
    for name, values in columns.items():
        table[name] = values
    if "bmi_kg_m2" not in table:
        table["bmi_kg_m2"] = table["weight_kg"] / (table["height_cm"] / 100) ** 2
    return table


def fit(module, counts=None, **columns):
    table = people(**columns)
    counts = pd.DataFrame(1.0 if counts is None else counts, index=table.index, columns=columns)
    return {e.name: e for e in module.fit(table, counts)}


def test_combination_weighs_by_precision():
    # Precisions 1/256 and 1/64: a fifth of the weight to the prior.
    mode, sd = combine(np.array([120.0]), 16.0, np.array([160.0]), 8.0)
    assert mode[0] == pytest.approx(0.2 * 120 + 0.8 * 160)
    assert sd[0] == pytest.approx((1 / 256 + 1 / 64) ** -0.5)
    assert sd[0] == pytest.approx(7.155, abs=1e-3)


def test_equal_spreads_meet_in_the_middle():
    mode, sd = combine(np.array([10.0]), 3.0, np.array([20.0]), 3.0)
    assert (mode[0], sd[0]) == pytest.approx((15.0, 3.0 / np.sqrt(2.0)))


def test_without_measurement_the_prior_stays():
    mode, sd = combine(np.array([10.0, 10.0]), np.array([3.0, 4.0]), np.array([np.nan, np.nan]), 1.0)
    np.testing.assert_allclose(mode, 10.0)
    np.testing.assert_allclose(sd, [3.0, 4.0])


def test_more_readings_of_one_kind_are_narrower():
    noise = np.array([8.0, 4.0, 2.0])
    _, sd = combine(np.full(3, 120.0), 16.0, np.full(3, 150.0), noise)
    assert (np.diff(sd) < 0).all()


def test_draws_are_normal_or_log_normal_and_stay_in_their_range():
    z = np.array([-1.0, 0.0, 1.0, 9.0])
    linear = Estimate(
        "x", "1", np.array([5.0]), np.array([2.0]), np.array([2.0]), np.array(["measured"]), False, 0.0, 9.0
    )
    np.testing.assert_allclose(linear.draw(z), [[3.0, 5.0, 7.0, 9.0]])
    logged = linear._replace(log=True, sd=np.array([np.log(2.0)]), high=100.0)
    np.testing.assert_allclose(logged.draw(z), [[2.5, 5.0, 10.0, 100.0]])


def test_table_gives_spreads_in_the_unit_and_hides_what_failed():
    log_sd = np.array([0.1, 0.1])
    estimate = Estimate(
        "x", "kg", np.array([50.0, 50.0]), log_sd, 2 * log_sd, np.array(["measured"] * 2), True, 0.0, 99.0
    )
    table = estimate.table(pd.Index([7, 8]), "some_twin", np.array(["ok", "missing weight_kg"]))
    assert table.loc[0, ["mode", "sd", "prior_sd"]].tolist() == pytest.approx([50.0, 5.0, 10.0])
    assert table.loc[1, ["mode", "sd", "prior_sd"]].isna().all()
    assert table["person_id"].tolist() == ["7", "8"]
    assert table["status"].tolist() == ["ok", "missing weight_kg"]


def test_body_fat_is_measured_where_it_was_else_by_equation():
    found = fit(body_composition, body_fat_percent=[np.nan, 20.0])["body_fat_percent"]
    # Jackson 2002, men: 0.14 age + 37.31 ln BMI - 103.95; plus 1.2 points as DXA reads.
    equation = 0.14 * 50 + 37.31 * np.log(80 / 1.8**2) - 103.95 + 1.2
    assert found.mode[0] == pytest.approx(equation)
    assert found.sd[0] == found.prior_sd[0] == pytest.approx(5.1)
    # Precisions 1/5.1^2 and 1/1.5^2.
    weight = 5.1**2 / (5.1**2 + 1.5**2)
    assert found.mode[1] == pytest.approx(weight * 20.0 + (1 - weight) * equation)
    assert found.sd[1] < 1.5
    assert found.basis.tolist() == ["estimated", "measured"]


def test_women_have_their_own_equation():
    found = fit(body_composition, sex=["female"])["body_fat_percent"]
    assert found.mode[0] == pytest.approx(0.14 * 50 + 39.96 * np.log(80 / 1.8**2) - 102.01 + 1.7)
    assert found.sd[0] == pytest.approx(6.1)


def test_resting_rate_is_mifflins():
    men, women = people(), people(sex=["female"])
    assert body_composition.resting_kcal_d(men)[0] == pytest.approx(9.99 * 80 + 6.25 * 180 - 4.92 * 50 + 5)
    assert body_composition.resting_kcal_d(women)[0] == pytest.approx(
        9.99 * 80 + 6.25 * 180 - 4.92 * 50 - 161
    )


def test_activity_moves_from_usual_towards_what_was_eaten():
    resting = float(body_composition.resting_kcal_d(people())[0])
    eaten = [np.nan, 0.89 * 1.5 * resting, 0.89 * 2.2 * resting, 0.89 * 1.2 * resting]
    found = fit(body_composition, energy_intake_kcal_d=eaten)["activity_level"]
    assert found.mode[0] == pytest.approx(1.5)
    assert found.mode[1] == pytest.approx(1.5)  # what is usual, told 11 % short
    assert 1.5 < found.mode[2] < 2.2
    assert 1.2 < found.mode[3] < 1.5
    assert found.basis.tolist() == ["assumed"] + ["measured"] * 3


def test_activity_by_hand():
    resting = float(body_composition.resting_kcal_d(people())[0])
    found = fit(
        body_composition, {"energy_intake_kcal_d": [1.0]}, energy_intake_kcal_d=[0.89 * 2.0 * resting]
    )
    noise = np.sqrt(0.23**2 + 0.085**2 + 0.20**2)
    weight = 0.15**2 / (0.15**2 + noise**2)
    activity = found["activity_level"]
    assert activity.mode[0] == pytest.approx(1.5 * (2.0 / 1.5) ** weight)
    assert activity.sd[0] == pytest.approx(0.15 * np.sqrt(1 - weight))


def test_more_recall_days_say_more():
    eaten = {
        "energy_intake_kcal_d": [2500.0] * 3,
        "carbohydrate_intake_g_d": [150.0] * 3,
        "fat_intake_g_d": [140.0] * 3,
    }
    days = [1.0, 2.0, 8.0]
    found = {
        name: estimate
        for part in (body_composition, diet)
        for name, estimate in fit(part, dict.fromkeys(eaten, days), **eaten).items()
    }
    for name in ("activity_level", "carbohydrate_fraction", "fat_fraction"):
        assert (np.diff(found[name].sd) < 0).all(), name
    assert (np.diff(found["carbohydrate_fraction"].mode) < 0).all()  # towards 24 %
    assert (np.diff(found["fat_fraction"].mode) > 0).all()  # towards 50 %


def test_diet_by_hand():
    # Two days at 40 % carbohydrate: noise 0.091 / sqrt(2) against 0.072 between people.
    found = fit(
        diet,
        {"energy_intake_kcal_d": [2.0], "carbohydrate_intake_g_d": [2.0]},
        energy_intake_kcal_d=[2000.0],
        carbohydrate_intake_g_d=[200.0],
    )["carbohydrate_fraction"]
    weight = 0.072**2 / (0.072**2 + 0.091**2 / 2)
    assert found.mode[0] == pytest.approx(weight * 0.40 + (1 - weight) * 0.45)
    assert found.sd[0] == pytest.approx(0.072 * np.sqrt(1 - weight))


def test_recall_of_nothing_is_no_measurement():
    nothing = {"energy_intake_kcal_d": [0.0], "carbohydrate_intake_g_d": [0.0], "fat_intake_g_d": [0.0]}
    assert fit(body_composition, **nothing)["activity_level"].mode[0] == pytest.approx(1.5)
    found = fit(diet, **nothing)
    assert found["carbohydrate_fraction"].mode[0] == pytest.approx(0.45)
    assert found["fat_fraction"].mode[0] == pytest.approx(0.37)


def test_liver_fat_guess_keeps_the_figures_of_uk_biobank():
    """Wilman 2017: median 2.11 %; over 5.5 % are 5 % of people below BMI 25 and a third of those above 30."""
    found = fit(liver_fat, bmi_kg_m2=[26.5, 22.5, 33.0])["pdff_percent"]
    above = norm.sf((np.log(5.5) - np.log(found.mode)) / found.sd)
    assert found.mode[0] == pytest.approx(2.11)
    assert above[1] == pytest.approx(0.05, abs=0.002)
    assert above[2] == pytest.approx(1 / 3, abs=0.005)
    assert found.basis.tolist() == ["estimated"] * 3


def test_liver_fat_guess_stays_at_its_ends():
    found = fit(liver_fat, bmi_kg_m2=[45.0, 70.0, 18.0, 13.0])["pdff_percent"]
    assert found.mode[0] == found.mode[1]
    assert found.mode[2] == found.mode[3]


def test_measured_liver_fat_outweighs_the_guess():
    found = fit(liver_fat, bmi_kg_m2=[33.0, 33.0, np.nan], pdff_percent=[20.0, 0.0, 20.0])["pdff_percent"]
    assert found.mode[0] == pytest.approx(20.0, rel=0.01)
    assert found.sd[0] == pytest.approx(0.5 / 20.0, rel=0.01)
    assert found.mode[1] == pytest.approx(
        fit(liver_fat, bmi_kg_m2=[33.0])["pdff_percent"].mode[0]
    )  # no reading
    assert found.mode[2] == pytest.approx(20.0, rel=0.01)
    assert found.basis.tolist() == ["measured", "estimated", "measured"]


def test_liver_fat_without_mass_and_image_is_not_made_up():
    found = fit(liver_fat, bmi_kg_m2=[np.nan])["pdff_percent"]
    assert np.isnan(found.mode[0])
    assert found.basis[0] == "none"


def test_pressure_is_drawn_to_the_mean_of_its_age():
    found = fit(blood_pressure, sbp_mmhg=[160.0, 127.0, 100.0], dbp_mmhg=[95.0, 77.5, 60.0])
    weight = 16.0**2 / (16.0**2 + 7.7**2)
    assert found["sbp_mmhg"].mode == pytest.approx(127.0 + weight * np.array([33.0, 0.0, -27.0]))
    assert found["sbp_mmhg"].sd == pytest.approx(np.full(3, 16.0 * np.sqrt(1 - weight)))
    weight = 9.5**2 / (9.5**2 + 6.0**2)
    assert found["dbp_mmhg"].mode == pytest.approx(77.5 + weight * np.array([17.5, 0.0, -17.5]))


def test_missing_pressure_stays_missing():
    found = fit(blood_pressure, sbp_mmhg=[np.nan, 120.0], dbp_mmhg=[80.0, 80.0])["sbp_mmhg"]
    assert np.isnan(found.mode[0])
    assert found.basis.tolist() == ["none", "measured"]
    assert np.isnan(found.draw(np.zeros(3))[0]).all()
