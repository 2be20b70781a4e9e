"""Drinking, smoking and diagnoses of single people: what a reading or an answer leaves open."""

import numpy as np
import pytest
from scipy.special import expit

from pipeline.fitting import personalise
from tests.fitting.people import readings, someone

TWINS = ("peth", "stroke_risk")
DRAWS = 64


def fitted(*rows, **who):
    return personalise(someone(**who), readings(*(("p000", *row) for row in rows)), TWINS, DRAWS, seed=1)


def fit(*rows, **who):
    """Rows of the one person p000, by quantity."""
    return fitted(*rows, **who).table.set_index("parameter")


def days(*grams):
    return [("alcohol_intake_g_d", g) for g in grams]


def draws(name, *rows, **who):
    return fitted(*rows, **who).people[name][0]


def test_usual_drinking_before_measuring_is_that_of_the_recalls_over_the_share_recalled():
    """NHANES 2017-2018 at two recalled days: a mean of 10.5 g in men and 4.4 in women, of all ages."""
    men, women = (np.mean([draws("alcohol_g_d", male=m, age_years=a).mean() for a in (30, 50, 70)]) for m in (1, 0))
    assert men == pytest.approx(10.5 / 0.5, rel=0.2)
    assert women == pytest.approx(4.4 / 0.5, rel=0.2)
    assert np.quantile(draws("alcohol_g_d", male=False), 0.2) < 0.5      # hardly ever drinks


def test_a_dry_day_says_little_and_a_second_and_a_drink_more():
    none, dry, two, wet = (fit(*days(*grams)).loc["alcohol_g_d"] for grams in ((), (0,), (0, 0), (60,)))
    assert none["mode"] > dry["mode"] > two["mode"] > 0.0
    assert wet["mode"] > none["mode"]
    assert none["basis"] == "assumed"
    assert dry["basis"] == two["basis"] == wet["basis"] == "measured"
    assert none["contraction"] == pytest.approx(0.0)
    assert 0.0 < dry["contraction"] < two["contraction"] < 1.0
    assert 0.0 < wet["contraction"] < 1.0


def test_the_chance_of_a_dry_day_is_all_that_it_tells():
    """The posterior on a grid, with the Poisson chance of no occasion, by hand."""
    z = np.linspace(-5, 5, 2001)
    grams = np.logaddexp(0, 0.66 + 0.58 + 0.87 * z) ** 4 / 0.5
    weight = np.exp(-(z**2) / 2 - 2 * 2 * np.sqrt(0.5 * grams) / 4.35**2)
    exact = (weight * grams).sum() / weight.sum()
    assert draws("alcohol_g_d", *days(0, 0)).mean() == pytest.approx(exact, rel=0.1)


def test_a_usual_week_tells_more_than_a_day_and_peth_more_than_both():
    day, week, peth = (
        fit(row).loc["alcohol_g_d", "contraction"]
        for row in (("alcohol_intake_g_d", 15.0), ("alcohol_intake_g_wk", 105.0), ("peth_umol_l", 0.24))
    )
    assert 0.0 < day < week
    assert fit(("peth_umol_l", 0.0)).loc["alcohol_g_d", "mode"] < 3.0
    assert fit(("peth_umol_l", 0.24)).loc["alcohol_g_d", "mode"] == pytest.approx(0.24 / 0.008 / 1.14, rel=0.25)
    assert peth > 0.0


@pytest.mark.parametrize("row", [("alcohol_intake_g_d", 800.0), ("alcohol_intake_g_wk", 5000.0), ("peth_umol_l", 10.0)])
def test_drinking_far_beyond_everybody_is_fitted(row):
    found = fitted(row)
    assert (found.table["status"] == "ok").all()
    assert np.isfinite(found.people["alcohol_g_d"]).all()
    assert found.people["alcohol_g_d"].max() <= 300.0


def test_recall_and_peth_that_contradict_each_other_are_said():
    assert fit(("peth_umol_l", 10.0), ("alcohol_intake_g_wk", 0.0))["unlikely"].all()
    assert not fit(("peth_umol_l", 0.1), ("alcohol_intake_g_wk", 60.0))["unlikely"].any()


@pytest.mark.parametrize("row", [("smoking_status", "never"), ("current_smoker", "no"), ("cigarettes_per_day", 0.0)])
def test_who_does_not_smoke_smokes_nothing(row):
    assert (draws("cigarettes_per_day", row) == 0.0).all()
    found = fit(row).loc["cigarettes_per_day"]
    assert [found["mode"], found["sd"], found["contraction"]] == [0.0, 0.0, 1.0]
    assert found["basis"] == "measured"


def test_a_smoker_with_a_number_smokes_about_so_many():
    found = fit(("current_smoker", "yes"), ("cigarettes_per_day", 30.0)).loc["cigarettes_per_day"]
    weight = 0.89**2 / (0.89**2 + 0.2**2)
    assert found["mode"] == pytest.approx(30.0**weight * (7.6 * np.exp(0.10)) ** (1 - weight))
    assert found["sd"] == pytest.approx(found["mode"] * 0.2 * np.sqrt(weight))
    assert found["basis"] == "measured"
    assert found["contraction"] > 0.8


def test_a_smoker_without_a_number_has_the_spread_of_smokers():
    found = fit(("smoking_status", "current")).loc["cigarettes_per_day"]
    usual = 7.6 * np.exp(0.10)
    assert [found["mode"], found["sd"]] == pytest.approx([usual, 0.89 * usual])
    assert found["basis"] == "estimated"
    values = draws("cigarettes_per_day", ("smoking_status", "current"))
    assert (values > 0.0).all()
    assert np.log(values).std() == pytest.approx(0.89, rel=0.01)


@pytest.mark.parametrize(("name", "age", "chance"), [
    ("diabetes", 70.0, expit(-1.88 + 0.16 + 2 * 0.77 - 4 * 0.158)),
    ("atrial_fibrillation", 85.0, expit(-5.07 + 0.18 + 3.5 * 1.44 - 3.5**2 * 0.159)),
    ("cigarettes_per_day", 50.0, expit(-1.47 + 0.52)),
])  # fmt: skip
def test_without_an_answer_as_many_draws_have_it_as_people_do(name, age, chance):
    has = draws(name, age_years=age) > 0.0
    assert has.mean() == pytest.approx(chance, abs=1.5 / DRAWS)
    row = fit(age_years=age).loc[name]
    assert row["basis"] == "assumed"
    assert row["contraction"] == pytest.approx(0.0)


def test_chances_are_those_of_the_sources():
    """Zoni-Berisso 2014: 0.1 to 0.2 % below 49, 4 % at 60 to 70, 10 to 17 % from 80, in men 1.2 times as many."""

    def chances(age):
        return [fit(age_years=age, male=m).loc["atrial_fibrillation", "mode"] for m in (True, False)]

    middle = {age: chances(age) for age in (40, 65, 85)}
    assert np.mean(middle[40]) == pytest.approx(0.0014, rel=0.1)
    assert np.mean(middle[65]) == pytest.approx(0.04, rel=0.1)
    assert np.mean(middle[85]) == pytest.approx(0.13, rel=0.1)
    assert middle[65][0] / middle[65][1] == pytest.approx(1.2, abs=0.03)


@pytest.mark.parametrize("name", ["diabetes", "atrial_fibrillation"])
def test_an_answer_is_certain(name):
    for answer, value in (("yes", 1.0), ("no", 0.0)):
        row = fit((name, answer)).loc[name]
        assert [row["mode"], row["sd"], row["contraction"], row["basis"]] == [value, 0.0, 1.0, "measured"]
        assert (draws(name, (name, answer)) == value).all()


def test_the_latest_answer_counts_and_none_after_time_zero():
    assert (draws("cigarettes_per_day", ("current_smoker", "yes", -900.0), ("current_smoker", "no")) == 0.0).all()
    assert draws("diabetes", ("diabetes", "no"), ("diabetes", "yes", 1.0)).max() == 0.0


@pytest.mark.parametrize("rows", [
    [("smoking_status", "never"), ("cigarettes_per_day", 20.0)],
    [("current_smoker", "yes"), ("cigarettes_per_day", 0.0)],
    [("diabetes", "yes"), ("diabetes", "no")],
])  # fmt: skip
def test_answers_that_contradict_each_other_leave_it_open_and_are_said(rows):
    name = "diabetes" if rows[0][0] == "diabetes" else "cigarettes_per_day"
    found = fit(*rows)
    assert found["unlikely"].all()
    assert 0.0 < (draws(name, *rows) > 0.0).mean() < 0.5
    assert found.loc[name, "basis"] != "measured"
