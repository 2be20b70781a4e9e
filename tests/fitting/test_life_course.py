"""A life course ends at today's weight, and today follows from it."""

import jax
import numpy as np
import pytest

from pipeline.fitting import Youth, life_course
from pipeline.solving import Status
from pipeline.twins import build_twins

pytestmark = pytest.mark.slow

TWINS = build_twins(["body_composition", "liver_fat", "metabolic"])
P = {t.name: t.defaults() for t in TWINS}
PEOPLE = {
    "male": np.array([1.0, 0.0, 1.0, 0.0, 1.0]),
    "age_years": np.array([50.0, 60.0, 30.0, 45.0, 18.0]),
    "height_cm": np.array([178.0, 165.0, 180.0, 170.0, 175.0]),
    "weight_kg": np.array([95.0, 80.0, 75.0, 21.5 * 1.7**2, 70.0]),
    "activity_level": np.full(5, 1.5),
    "carbohydrate_fraction": np.full(5, 0.45),
    "fat_fraction": np.full(5, 0.37),
}
YOUNGER = 4      # than the youth that everybody was


@pytest.fixture(scope="module")
def courses():
    return jax.jit(jax.vmap(lambda who: life_course(who, P, Youth(), TWINS)))(PEOPLE)


def test_histories_end_at_today_s_weight(courses):
    known = np.arange(5) != YOUNGER
    assert (np.asarray(courses.status)[known] == Status.OK).all()
    np.testing.assert_allclose(courses.today["weight_kg"][known], PEOPLE["weight_kg"][known], atol=0.05)


def test_who_is_younger_than_the_youth_has_no_history(courses):
    assert int(courses.status[YOUNGER]) == Status.NOT_FINITE
    assert np.isnan(courses.surplus_kcal_d[YOUNGER])
    assert np.isnan(courses.today["pdff_percent"][YOUNGER])


def test_who_stayed_lean_ate_what_was_needed(courses):
    assert abs(float(courses.surplus_kcal_d[3])) < 1.0
    assert float(courses.today["fat_ratio"][3]) == pytest.approx(1.0, abs=2e-3)


def test_the_more_was_gained_the_worse_insulin_and_liver(courses):
    order = np.argsort(np.asarray(courses.today["fat_ratio"])[:YOUNGER])
    for name in ("fasting_glucose_mg_dl", "fasting_insulin_pmol_l", "homa_ir", "pdff_percent"):
        assert (np.diff(np.asarray(courses.today[name])[order]) > 0).all(), name


def test_courses_stop_today(courses):
    lived = PEOPLE["age_years"][0] - 20.0
    course = np.asarray(courses.courses["weight_kg"])[0]
    assert np.isfinite(course[: int(lived) + 1]).all()
    assert np.isnan(course[int(lived) + 1 :]).all()
