"""Meals in the corrected mode, many people at once by the batch solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Status
from pipeline.twins import events as food
from pipeline.twins.episode import episode_steps, simulate_episode
from pipeline.twins.glucose_insulin import C
from pipeline.twins.meal import Meal
from tests.twins.people import as_floats

pytestmark = pytest.mark.slow

TWIN = Meal.build("corrected")
P = as_floats(TWIN.defaults())
TIMES = np.arange(0.0, 725.0, 5.0)
MAN = {"weight_kg": 67.6, "height_cm": 185.0, "fat_ratio": 1.0, "lean_ratio": 1.0}
WOMAN = MAN | {"weight_kg": 65.0, "height_cm": 165.0}
HEAVIER = MAN | {"weight_kg": 100.0, "fat_ratio": 2.5, "lean_ratio": 1.2}
LANES = {      # person, meals as minute and kcal
    "nothing": (MAN, ()),
    "small": (MAN, ((0.0, 312.0),)),
    "late": (MAN, ((0.0, 312.0), (720.0, 900.0))),
    "large": (MAN, ((0.0, 900.0),)),
    "woman": (WOMAN, ((0.0, 600.0),)),
    "heavier": (HEAVIER, ((0.0, 312.0),)),
    "two": (MAN, ((0.0, 312.0), (240.0, 312.0))),
}


@pytest.fixture(scope="module")
def eaten():
    """Observables of every lane."""
    events = food.event_arrays(
        [food.Events(meals=tuple(food.Meal(start_min=t, kcal=e) for t, e in meals)) for _, meals in LANES.values()]
    )
    events = {n: v for n, v in events.items() if n.startswith("meal")}
    people = {n: np.array([who[n] for who, _ in LANES.values()]) for n in MAN}
    p = {n: np.full(len(LANES), v) for n, v in P.items()}
    steps = episode_steps(TWIN, people, p, events, TIMES[-1])
    run = jax.jit(
        jax.vmap(lambda who, p, e: simulate_episode(TWIN, who, p, e, TIMES, method="batch", steps=steps))
    )
    result = run(people, p, events)
    assert (np.asarray(result.status["meal"]) == Status.OK).all()
    said = {**result.values, "flags": np.stack([np.asarray(v) for v in result.flags.values()], axis=-1)}
    return {lane: {n: np.asarray(v)[i] for n, v in said.items()} for i, lane in enumerate(LANES)}


def test_without_meals_the_fasting_state_stays(eaten):
    for name in TWIN.observables:
        np.testing.assert_allclose(eaten["nothing"][name], eaten["nothing"][name][0], rtol=1e-5, atol=1e-9)
    assert eaten["nothing"]["meal_glucose_mg_dl"][0] == pytest.approx(94.7, abs=0.1)


def test_what_is_eaten_at_the_end_or_never_does_nothing(eaten):
    for name in TWIN.observables:
        np.testing.assert_allclose(eaten["late"][name], eaten["small"][name], rtol=1e-12)


def test_glucose_rises_and_returns_as_after_drinking_75_grams(eaten):
    glucose, insulin = (eaten["small"][n] for n in ("meal_glucose_mg_dl", "meal_insulin_pmol_l"))
    assert 140.0 < glucose.max() < 180.0
    assert 30.0 <= TIMES[glucose.argmax()] <= 60.0
    assert 100.0 < glucose[TIMES == 120.0][0] < 140.0
    assert insulin.max() > 6.0 * insulin[0]
    assert 85.0 < glucose[-1] < 100.0


def test_insulin_is_never_negative_after_large_meals(eaten):
    for lane in ("large", "woman"):
        assert eaten[lane]["meal_insulin_pmol_l"].min() >= 0.0
        assert eaten[lane]["meal_glucose_mg_dl"].min() > 70.0
        assert eaten[lane]["meal_glucose_mg_dl"].max() < 300.0
        assert not eaten[lane]["flags"].any()
        assert eaten[lane]["meal_production_mg_kg_min"].min() >= 0.0


def test_all_absorbed_glucose_comes_from_the_meal(eaten):
    absorbed = np.trapezoid(eaten["small"]["meal_appearance_mg_kg_min"], TIMES) * MAN["weight_kg"]
    assert absorbed == pytest.approx(C.f * 78_000.0, rel=0.01)


def test_fat_gained_raises_fasting_values_and_insulin_after_the_meal(eaten):
    before, after = eaten["small"], eaten["heavier"]
    assert after["meal_glucose_mg_dl"][0] > before["meal_glucose_mg_dl"][0] + 15.0
    assert after["meal_insulin_pmol_l"][0] > 2.0 * before["meal_insulin_pmol_l"][0]


def test_second_meal_acts_when_it_is_eaten(eaten):
    first, both = (eaten[lane]["meal_glucose_mg_dl"] for lane in ("small", "two"))
    until = TIMES <= 240.0
    np.testing.assert_allclose(both[until], first[until], rtol=1e-5)
    assert both[TIMES == 285.0][0] > first[TIMES == 285.0][0] + 30.0


def test_stomach_is_a_sum_of_exponentials_since_the_meals():
    events = {
        "meal_start_min": jnp.array([food.NEVER, 60.0, 0.0, 400.0, jnp.inf]),
        "meal_kcal": jnp.array([0.0, 100.0, 300.0, 500.0, 0.0]),
    }
    line = TWIN.timeline(None, events, 0.0, 300.0)
    np.testing.assert_array_equal(line.bounds, [0.0, 0.0, 60.0, 300.0, 300.0, 300.0, 300.0])
    left = 75_000.0 * np.exp(-C.kgri * 60.0)
    np.testing.assert_allclose(line.inputs["Q1_mg"][1:3], [75_000.0, 25_000.0 + left])
    np.testing.assert_allclose(line.inputs["D_mg"], [78_000.0, 75_001.0, *[25_001.0] * 4])


@pytest.mark.parametrize("mode", ["corrected", "published"])
def test_slopes_of_the_start_agree_with_central_differences(mode):
    twin = Meal.build(mode)

    def start(v):
        k = twin.constants({n: v[n] for n in MAN}, {n: v[n] for n in P})
        return jnp.stack(jax.tree.leaves(jax.tree.map(lambda a, b: a / b, twin.initial(k), twin.scale)))

    values = as_floats(WOMAN | {"fat_ratio": 1.3}) | P
    slopes, run = jax.jit(jax.jacfwd(start))(values), jax.jit(start)
    for name, value in values.items():
        step = 1e-5 * value
        expected = (run(values | {name: value + step}) - run(values | {name: value - step})) / (2.0 * step)
        np.testing.assert_allclose(slopes[name], expected, rtol=1e-4, atol=1e-7, err_msg=name)
