"""Posteriors of single quantities, against numbers worked out by hand or published."""

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.fitting import personalise
from tests.fitting.people import readings, someone

TWINS = ("body_composition", "liver_fat", "blood_pressure")


def fits(*rows, **who):
    people = someone(**who)
    table = personalise(people, readings(*rows), TWINS, 8, seed=1).table
    return table.set_index(["person_id", "parameter"])


def fit(*rows, **who):
    """Rows of the one person p000, by quantity."""
    return fits(*(("p000", *row) for row in rows), **who).loc["p000"]


def test_without_any_measurement_there_is_the_prior():
    found = fit()
    assert (found["status"] == "ok").all()
    np.testing.assert_allclose(found["sd"], found["prior_sd"])
    np.testing.assert_allclose(found["contraction"], 0.0, atol=1e-12)
    assert set(found["basis"]) == {"assumed"}
    assert found.loc["height_cm", ["mode", "sd"]].tolist() == pytest.approx([173.6, 7.6])
    assert found.loc["sbp_mmhg", ["mode", "sd"]].tolist() == pytest.approx([127.0, 16.0])


def test_pressure_is_drawn_to_the_mean_of_its_age():
    found = fit(("sbp_mmhg", 160.0))
    weight = 16.0**2 / (16.0**2 + 7.7**2)
    assert found.loc["sbp_mmhg", "mode"] == pytest.approx(127.0 + weight * 33.0)
    assert found.loc["sbp_mmhg", "sd"] == pytest.approx(16.0 * np.sqrt(1 - weight))
    assert found.loc["sbp_mmhg", "contraction"] == pytest.approx(weight)


def test_one_pressure_tells_about_the_other():
    found = fit(("sbp_mmhg", 160.0)).loc["dbp_mmhg"]
    usual = 33.0 * 16.0**2 / (16.0**2 + 7.7**2)
    assert found["mode"] == pytest.approx(77.5 + 9.5 * 0.55 * usual / 16.0)
    assert found["basis"] == "estimated"
    assert 0.0 < found["contraction"] < 0.3


@pytest.mark.slow
def test_earlier_visits_say_less_and_together_more_than_one():
    one, old, both = (
        fit(*rows).loc["sbp_mmhg"]
        for rows in (
            [("sbp_mmhg", 150.0)],
            [("sbp_mmhg", 150.0, -2191.5)],
            [("sbp_mmhg", 150.0), ("sbp_mmhg", 150.0, -2191.5)],
        )
    )
    assert both["sd"] < one["sd"] < old["sd"]
    # By hand: 6 years ago the usual pressure was 3 mmHg lower, and has wandered by 3.5 mmHg in the root of a year.
    noise = 7.7**2 + 6 * 3.5**2
    weight = 16.0**2 / (16.0**2 + noise)
    assert old["mode"] == pytest.approx(127.0 + weight * (153.0 - 127.0))
    assert both["sd"] == pytest.approx((1 / 16.0**2 + 1 / 7.7**2 + 1 / noise) ** -0.5)


@pytest.mark.slow
def test_wandering_since_two_old_visits_is_the_same_wandering():
    ten = fit(*((("sbp_mmhg", 150.0, -365.25 * 10 + day)) for day in range(6))).loc["sbp_mmhg"]
    shared = 10 * 3.5**2
    assert ten["sd"] > (1 / 16.0**2 + 1 / shared) ** -0.5      # however many visits, ten years of wandering stay


def test_later_visits_are_not_looked_at():
    assert fit(("sbp_mmhg", 190.0, 1.0)).equals(fit())


def test_body_fat_by_equation_and_by_dxa():
    # Jackson 2002, men: 0.14 age + 37.31 ln BMI - 103.95; plus 1.2 points as DXA reads.
    size = [("weight_kg", 80.0), ("height_cm", 180.0)]
    equation = 0.14 * 50 + 37.31 * np.log(80 / 1.8**2) - 103.95 + 1.2
    guess, scan = fit(*size).loc["body_fat_percent"], fit(*size, ("body_fat_percent", 20.0)).loc["body_fat_percent"]
    assert guess["mode"] == pytest.approx(equation, abs=0.05)
    assert guess["sd"] == pytest.approx(5.1, abs=0.05)
    weight = 5.1**2 / (5.1**2 + 1.5**2)
    assert scan["mode"] == pytest.approx(weight * 20.0 + (1 - weight) * equation, abs=0.05)
    assert scan["sd"] < 1.5
    assert [guess["basis"], scan["basis"]] == ["estimated", "measured"]


def test_body_mass_index_alone_tells_weight_but_not_height():
    found = fit(("bmi_kg_m2", 35.0))
    assert found.loc["height_cm", "contraction"] == pytest.approx(0.0, abs=1e-9)
    assert found.loc["weight_kg", "mode"] == pytest.approx(35.0 * 1.736**2, rel=0.005)
    assert 0.7 < found.loc["weight_kg", "contraction"] < 0.95


def test_an_index_beside_its_weight_and_height_is_not_counted_twice():
    size = [("weight_kg", 80.0), ("height_cm", 180.0)]
    assert fit(*size, ("bmi_kg_m2", 80 / 1.8**2)).equals(fit(*size))


def test_activity_moves_from_usual_towards_what_was_eaten():
    size = [("weight_kg", 80.0), ("height_cm", 180.0)]
    resting = 9.99 * 80 + 6.25 * 180 - 4.92 * 50 + 5
    noise = np.sqrt(0.23**2 + 0.085**2 + 0.20**2)
    weight = 0.15**2 / (0.15**2 + noise**2)
    for activity in (1.2, 1.5, 2.2):
        found = fit(*size, ("energy_intake_kcal_d", 0.89 * activity * resting)).loc["activity_level"]
        assert found["mode"] == pytest.approx(1.5 * (activity / 1.5) ** weight, rel=2e-3)
    assert found["sd"] == pytest.approx(found["mode"] * 0.15 * np.sqrt(1 - weight), rel=2e-3)


def test_more_recall_days_say_more():
    def days(number):
        rows = [("energy_intake_kcal_d", 2000.0), ("carbohydrate_intake_g_d", 200.0), ("fat_intake_g_d", 80.0)]
        return fit(*(row for row in rows for _ in range(number)))

    one, two, eight = days(1), days(2), days(8)
    for name in ("activity_level", "carbohydrate_fraction", "fat_fraction"):
        assert one.loc[name, "sd"] > two.loc[name, "sd"] > eight.loc[name, "sd"], name
    weight = 0.072**2 / (0.072**2 + 0.091**2 / 2)
    assert two.loc["carbohydrate_fraction", "mode"] == pytest.approx(weight * 0.40 + (1 - weight) * 0.45)


def test_recall_of_nothing_is_no_measurement():
    assert fit(("energy_intake_kcal_d", 0.0), ("carbohydrate_intake_g_d", 0.0), ("fat_intake_g_d", 0.0)).equals(fit())


def test_liver_fat_guess_keeps_the_figures_of_uk_biobank():
    """Wilman 2017: median 2.11 %; over 5.5 % are 5 % of people below BMI 25 and a third of those above 30."""
    above = {}
    for bmi in (26.5, 22.5, 33.0):
        found = fit(("weight_kg", bmi * 1.7**2), ("height_cm", 170.0)).loc["pdff_percent"]
        above[bmi] = norm.sf((np.log(5.5) - np.log(found["mode"])) / (found["sd"] / found["mode"]))
        assert found["basis"] == "estimated"
    assert above[26.5] == pytest.approx(norm.sf(np.log(5.5 / 2.11) / 0.81), abs=0.01)
    assert above[22.5] == pytest.approx(0.05, abs=0.01)
    assert above[33.0] == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("percent", [0.8, 5.0, 20.0, 40.0])
def test_measured_liver_fat_outweighs_the_guess(percent):
    found = fit(("pdff_percent", percent)).loc["pdff_percent"]
    assert found["mode"] == pytest.approx(percent, abs=0.5 * found["sd"])
    # The floor of the error in lean livers, a share of 10 % in fatty ones, a little less by the guess.
    assert found["sd"] == pytest.approx(np.hypot(0.2, 0.1 * percent), rel=0.06)
    assert found["basis"] == "measured"


@pytest.mark.slow
def test_contradicting_or_impossible_readings_are_said():
    ordinary = [("sbp_mmhg", 130.0), ("weight_kg", 80.0), ("height_cm", 178.0)]
    assert not fit(*ordinary)["unlikely"].any()
    assert fit(*ordinary, ("sbp_mmhg", 260.0, -1.0), ("sbp_mmhg", 80.0, -2.0))["unlikely"].all()
    assert fit(*ordinary, ("energy_intake_kcal_d", 15000.0), ("body_fat_percent", 60.0))["unlikely"].all()
    assert (fit(("sbp_mmhg", 290.0), ("weight_kg", 340.0))["status"] == "ok").all()
