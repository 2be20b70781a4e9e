"""Properties of the body twin, and a second solution of its equations that shares no code with it."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pipeline.solving import Status, make_grid
from pipeline.twins import System, simulate
from pipeline.twins.body_composition import BodyComposition, State
from tests.twins.people import MAN, YEAR, as_floats, changed, many

TWIN = BodyComposition.build("corrected")
TIMES = (0.0, 30.0, YEAR, 3 * YEAR, 10 * YEAR)
PEOPLE = many(200, seed=1)
EVERYBODY = (0, None)


@pytest.fixture(scope="module")
def course():
    """Observables at TIMES under constant inputs."""
    grid, p = make_grid((0.0,), TIMES), {TWIN.name: as_floats(TWIN.defaults())}
    run = jax.jit(lambda who, u: simulate(System((TWIN,)), who, p, [u], (0.0,), grid, rtol=1e-9))

    def solve(who, **inputs):
        result = run(as_floats({n: who[n] for n in TWIN.needs}), changed(**inputs))
        assert int(result.status[TWIN.name]) == Status.OK
        return {name: np.asarray(v) for name, v in result.values.items()}

    return solve


def own(who):
    """Inputs of no change: the diet is the person's own."""
    return changed() | {"carbohydrate_fraction": who["carbohydrate_fraction"]}


def test_balanced_person_stays_exactly_in_balance():
    @jax.jit
    @jax.vmap
    def rates(who):
        k = TWIN.constants(who, TWIN.defaults())
        return TWIN.vector_field(0.0, TWIN.initial(k), k, TWIN.settle(k, own(who)), {})

    for name, rate, scale in zip(State._fields, rates(PEOPLE), TWIN.scale, strict=True):
        assert np.abs(np.asarray(rate) / scale).max() < 1e-12, name


def test_weight_at_the_start_is_the_measured_weight():
    @jax.jit
    @jax.vmap
    def start(who):
        k = TWIN.constants(who, TWIN.defaults())
        return TWIN.observe(TWIN.initial(k), k, TWIN.settle(k, own(who)), {})

    seen = start(PEOPLE)
    np.testing.assert_allclose(seen["weight_kg"], PEOPLE["weight_kg"], rtol=1e-12)
    np.testing.assert_allclose(seen["body_fat_percent"], PEOPLE["body_fat_percent"], rtol=1e-12)
    np.testing.assert_allclose(seen["energy_intake_kcal_d"], seen["energy_expenditure_kcal_d"], rtol=1e-12)


def test_what_is_eaten_is_spent_or_stored():
    """EI = EE + S + R at random states: energy of fat, lean tissue and glycogen grows by what is not spent."""
    rng = np.random.default_rng(2)
    size = len(PEOPLE["male"])
    state = State(
        G=rng.uniform(0.2, 0.8, size),
        E=rng.uniform(8, 25, size),
        F=rng.uniform(5, 70, size),
        A=rng.uniform(-3e5, 3e5, size),
    )
    change = rng.uniform(-900, 900, size)

    @jax.jit
    @jax.vmap
    def balance(who, y, kcal):
        k = TWIN.constants(who, TWIN.defaults())
        u = TWIN.settle(k, own(who) | {"energy_change_kcal_d": kcal})
        return TWIN.vector_field(0.0, y, k, u, {}), TWIN.observe(y, k, u, {})

    rate, seen = balance(PEOPLE, state, change)
    lean_rate = 10.4 / state.F * rate.F  # from L - 10.4 ln F
    stored = 39.5e6 * rate.F + 7.6e6 * lean_rate + 17.6e6 * rate.G  # J/kg, Hall 2011
    eaten = 4184.0 * (seen["energy_intake_kcal_d"] - seen["energy_expenditure_kcal_d"])
    np.testing.assert_allclose(stored, eaten, rtol=1e-9, atol=1e-3)


def written_again(who, kcal_change, carbohydrate):
    """Rates of (G, E, F, L, A) as the papers give them, lean tissue a state of its own; and the start."""
    W0, height = who["weight_kg"], who["height_cm"] / 100
    resting = 4184 * (9.99 * W0 + 625 * height - 4.92 * who["age_years"] + (5 if who["male"] else -161))
    F0, G0, E0, PAL = W0 * who["body_fat_percent"] / 100, 0.5, 0.7 * 0.235 * W0, who["activity_level"]
    L0 = W0 - F0 - 3.7 * G0 - E0
    EI0 = PAL * resting
    CI0 = who["carbohydrate_fraction"] * EI0
    delta = ((1 - 0.1) * PAL - 1) * resting / W0
    K = EI0 - 13_000 * F0 - 92_000 * L0 - delta * W0
    EI = EI0 + 4184 * kcal_change
    CI = carbohydrate * EI
    forbes = 10.4 * 7.6 / 39.5

    def rates(t, y):
        G, E, F, L, A = y
        p = forbes / (forbes + F)
        into_glycogen = CI - CI0 / G0**2 * G**2
        cost = 960_000 * p / 7.6e6 + 750_000 * (1 - p) / 39.5e6
        weight = F + L + 3.7 * G + E
        spent = K + 13_000 * F + 92_000 * L + delta * weight + 0.1 * (EI - EI0) + A
        EE = (spent + cost * (EI - into_glycogen)) / (1 + cost)
        rest = EI - EE - into_glycogen
        return [
            into_glycogen / 17.6e6,
            (-3000 * (E - E0) - 4000 * (1 - CI / CI0)) / 3220,
            (1 - p) * rest / 39.5e6,
            p * rest / 7.6e6,
            (0.14 * (EI - EI0) - A) / 14,
        ]

    return rates, [G0, E0, F0, L0, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "kcal", "carbohydrate"),
    [
        (MAN, -500.0, 0.45),
        (MAN | {"male": 0.0, "weight_kg": 58.0, "body_fat_percent": 25.0, "age_years": 24.0}, 300.0, 0.30),
        (MAN | {"weight_kg": 128.0, "body_fat_percent": 41.0, "activity_level": 1.9}, -800.0, 0.20),
    ],
    ids=["less", "more", "low_carbohydrate"],
)
def test_second_solution_with_lean_tissue_as_a_state_agrees(course, who, kcal, carbohydrate):
    rates, start = written_again(who, kcal, carbohydrate)
    tolerance = {"rtol": 1e-10, "atol": np.array([1e-10, 1e-10, 1e-9, 1e-9, 1e-4])}
    second = solve_ivp(rates, (0.0, TIMES[-1]), start, method="Radau", t_eval=TIMES, **tolerance)
    G, E, F, L, A = second.y
    drift = L - 10.4 * np.log(F)
    assert np.abs(drift - drift[0]).max() < 1e-6
    seen = course(who, energy_change_kcal_d=kcal, carbohydrate_fraction=carbohydrate)
    ours = {"glycogen_kg": G, "extracellular_fluid_kg": E, "fat_mass_kg": F, "lean_mass_kg": L}
    for name, theirs in (ours | {"weight_kg": F + L + 3.7 * G + E}).items():
        np.testing.assert_allclose(seen[name], theirs, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(4184 * seen["thermogenesis_kcal_d"], A, atol=1e-6 * np.abs(A).max())


@pytest.mark.slow
def test_more_energy_makes_heavier_and_fatter(course):
    seen = [course(MAN, energy_change_kcal_d=kcal) for kcal in (-600.0, -300.0, 0.0, 300.0, 600.0)]
    for name in ("weight_kg", "fat_mass_kg", "lean_mass_kg"):
        assert (np.diff([s[name][1:] for s in seen], axis=0) > 0).all(), name


def test_more_activity_makes_lighter(course):
    assert (
        course(MAN, activity_factor=1.2)["weight_kg"][-1] < course(MAN, activity_factor=1.0)["weight_kg"][-1]
    )
    assert course(MAN, activity_factor=1.0)["weight_kg"][-1] == pytest.approx(MAN["weight_kg"], rel=1e-9)


def test_factor_and_change_of_energy_are_two_ways_to_say_the_same(course):
    intake = course(MAN)["energy_intake_kcal_d"][0]
    by_factor, by_change = course(MAN, energy_factor=0.9), course(MAN, energy_change_kcal_d=-0.1 * intake)
    np.testing.assert_allclose(by_factor["weight_kg"], by_change["weight_kg"], rtol=1e-7)


def test_a_man_of_105_kg_who_eats_400_kcal_less_loses_about_21_kg_in_ten_years(course):
    """The specification's figure with consistent units; body fat by Jackson 2002."""
    bmi = 105 / 1.75**2
    fat = 0.14 * 45 + 37.31 * np.log(bmi) - 103.95
    man = MAN | {"weight_kg": 105.0, "body_fat_percent": fat, "age_years": 45.0, "height_cm": 175.0}
    assert 105.0 - course(man, energy_change_kcal_d=-400.0)["weight_kg"][-1] == pytest.approx(21.0, abs=0.5)


def test_unlikely_bodies_are_flagged():
    seen = {"bmi_kg_m2": 14.0, "body_fat_percent": 2.0, "energy_intake_kcal_d": 400.0}
    k = TWIN.constants(MAN, TWIN.defaults())
    assert all(TWIN.flags(k, seen).values())
    assert not any(
        TWIN.flags(k, {"bmi_kg_m2": 24.0, "body_fat_percent": 20.0, "energy_intake_kcal_d": 2000.0}).values()
    )


def test_activity_that_costs_nothing_overstates_weight_loss():
    """Herrgårdh 2023 has 30 J/kg/d, not 30 kJ: its man of 92 kg loses 33.7 kg in 20 years at -500 kcal/d, not 22."""
    person = as_floats(
        {
            "male": 1, "age_years": 40, "height_cm": 185, "weight_kg": 92, "activity_level": 1.5,
            "carbohydrate_fraction": 0.4,
            "body_fat_percent": 0.14 * 40 + 37.31 * np.log(92 / 1.85**2) - 103.95,
        }
    )  # fmt: skip
    right = frozenset({"resting_rate", "start", "diet", "sodium"})
    grid = make_grid((0.0,), (0.0, 20 * YEAR))

    def lost(twin):
        p = {twin.name: twin.defaults()}
        u = [changed(energy_change_kcal_d=-500)]
        weight = simulate(System((twin,)), person, p, u, (0.0,), grid, method="batch").values["weight_kg"]
        return float(weight[0] - weight[-1])

    published, corrected = lost(BodyComposition(right)), lost(BodyComposition(right | {"activity_cost"}))
    assert 30.0 < published < 36.0      # age and height of its man are not given
    assert 18.0 < corrected < 24.0
