"""Meals in the published mode against the published compiled model (tests/data/metabolic_reference.csv).

A man of 40 years, 1.85 m and 67.6 kg eats 312 kcal (78 g of glucose), before and after 10 years of +450 kcal/d. Solved
with SciPy, which is independent of the solvers of this package; the batch solver is compared in the slow tests.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pipeline.solving import Status
from pipeline.twins.episode import episode_steps, simulate_episode
from pipeline.twins.meal import Meal, switched_secretion
from tests.twins.people import as_floats, read_rows

pytestmark = pytest.mark.reference
TWIN = Meal.build("published")
SCALE, TREE = jax.tree.flatten(TWIN.scale)
P = as_floats(TWIN.defaults())
MAN = {"weight_kg": 67.6, "height_cm": 185.0, "fat_ratio": 1.0, "lean_ratio": 1.0}
PEOPLE = {
    "meal": MAN,
    "meal_after_gain": MAN
    | {
        "weight_kg": 100.588,
        "fat_ratio": 29.095723427818392 / 8.757283546041936,
        "lean_ratio": 58.3598530310653 / 45.87251645395806,
    },
}
START = {      # in the order of the leaves of the state; sums that never change leave the other forms of each pool
    "meal": [
        165.16938282217, 120.01755737771, 2.82100859924207, 0.790548132530965, 0.0, 0.0, 15.8109626505896,
        15.810962650552, 2.02833203238149, -0.785833983809235, 23.2288580500124, 22.0812432985479,
        58.2656193032001, 0.00161609102021692, 1.18716147148208, 19.9758191295967, 0.0323845001009722,
        0.00488692197546453, 8.33622715552647, 91.0227032895091, 0.00681514492313382, 0.0554334991962248,
        28.4577046113951, 70.8793869455093, 84.0254960917038, 61.7707919711211, 75.8763725021995, 62.81266,
        37.18737630454, 5.48070757744915, 0.00573365551227252,
    ],
    "meal_after_gain": [
        236.366047108651, 180.436059287886, 21.8890388096974, 6.1340964098743, 0.0, 0.0, 122.681908074712,
        122.681887950006, 10.3598565849914, 3.37992819791041, 23.2288580500124, 22.0812432985479,
        48.6840733696371, 0.00135033137525346, 0.991937560570038, 14.9383888447594, 0.0270590225657916,
        0.00546027637835313, 8.31149061762784, 90.7930771969917, 0.00761466566327598, 0.0627420292176694,
        28.5315371462283, 70.8527272606034, 84.0204873761896, 54.7169908934796, 75.8746008601198,
        50.8473560357099, 30.1041846387342, 7.05231670840938, 0.00611588128240784,
    ],
}  # fmt: skip
COLUMN = {
    "meal_glucose_mg_dl": "glucose_mg_dl",
    "meal_insulin_pmol_l": "insulin_pmol_l",
    "meal_muscle_uptake_mg_kg_min": "uptake_muscle",
    "meal_fat_uptake_mg_kg_min": "uptake_fat",
    "meal_irs1_signal": "irs1",
    "meal_pkb308_signal": "pkb308",
}


def unflat(z):
    return jax.tree.unflatten(TREE, [z[i] * s for i, s in enumerate(SCALE)])


def rates(t, z, k, u):
    rate = TWIN.vector_field(t, unflat(z), k, u)
    return jnp.stack([r / s for r, s in zip(jax.tree.leaves(rate), SCALE, strict=True)])


FIELD, JACOBIAN = jax.jit(rates), jax.jit(jax.jacfwd(rates, argnums=1))
OBSERVE = jax.jit(jax.vmap(lambda t, z, k, u: TWIN.observe(t, unflat(z), k, u), in_axes=(0, 0, None, None)))


def one_meal(kcal, at):
    return {"meal_start_min": np.array([at]), "meal_kcal": np.array([float(kcal)])}


def leg(k, u, z, begin, end, **options):
    """A solution between two times within one segment."""
    return solve_ivp(
        lambda t, z: np.asarray(FIELD(t, z, k, u)),
        (begin, end),
        z,
        jac=lambda t, z: np.asarray(JACOBIAN(t, z, k, u)),
        dense_output=True,
        **options,
    )


def segments(k, events, end):
    line = TWIN.timeline(k, as_floats_of(events), 0.0, end)
    for i in range(len(line.bounds) - 1):
        begin, until = float(line.bounds[i]), float(line.bounds[i + 1])
        if until > begin:
            yield begin, until, {n: v[i] for n, v in line.inputs.items()}


def as_floats_of(events):
    return {n: jnp.asarray(v) for n, v in events.items()}


def flat(state):
    return np.array([float(v) / s for v, s in zip(jax.tree.leaves(state), SCALE, strict=True)])


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_meal_follows_the_published_model_from_its_own_start(name, meets):
    expected = read_rows("metabolic_reference.csv", name)
    k = TWIN.constants(as_floats(PEOPLE[name]), P)
    z = np.array(START[name]) / np.array(SCALE)
    found = []
    for begin, end, u in segments(k, one_meal(312, 1.44), 480.0):
        there = expected["time"][(expected["time"] > begin) & (expected["time"] <= end)]
        solution = leg(k, u, z, begin, end, method="Radau", rtol=1e-6, atol=1e-8)
        assert solution.status == 0
        if there.size:
            found.append(OBSERVE(there, solution.sol(there).T, k, u))
        z = solution.y[:, -1]
    for output, column in COLUMN.items():
        values = np.concatenate([np.asarray(seen[output]) for seen in found])
        meets(f"metabolic, {name}", output, np.max(np.abs(values / expected[column][1:] - 1.0)), 1e-5)


def test_fasting_start_is_the_state_after_the_published_prelude():
    """The fitted insulin action (N, M) errs by less than 1e-4, which fasting insulin sees five times."""
    start = jax.tree.leaves(TWIN.initial(TWIN.constants(as_floats(MAN), P)))
    np.testing.assert_allclose(start, START["meal"], rtol=5e-4)


def test_fasting_start_does_not_move():
    k = TWIN.constants(as_floats(MAN), P)
    still = {"Q1_mg": jnp.zeros(()), "D_mg": jnp.asarray(78_000.0), "since_min": jnp.zeros(())}
    assert np.abs(FIELD(0.0, flat(TWIN.initial(k)), k, still)).max() < 1e-5


def after_switch(person, kcal, end, rtol):
    """Insulin and whether a solver got to `end`, with the published secretion switch at its first crossing."""
    k = TWIN.constants(as_floats(person), P)
    z, low = flat(TWIN.initial(k)), lambda t, z: float(TWIN.crosses(unflat(z)))
    low.terminal, low.direction = True, -1
    for begin, until, u in segments(k, one_meal(kcal, 1.44), end):
        solution = leg(k, u, z, begin, until, method="BDF", rtol=rtol, atol=1e-2 * rtol, events=low)
        z, t = solution.y[:, -1], solution.t[-1]
    assert solution.status == 1, "glucose never fell below the switch"
    z[TREE_PLACE_OF_Y] = float(switched_secretion(t)) / TWIN.scale.Y
    solution = leg(k, u, z, t, end, method="BDF", rtol=rtol, atol=1e-2 * rtol)
    insulin = np.asarray(OBSERVE(solution.t, solution.y.T, k, u)["meal_insulin_pmol_l"])
    return insulin, solution.status == 0


TREE_PLACE_OF_Y = TWIN.scale._fields.index("Y")


@pytest.mark.slow
def test_published_switch_of_secretion_makes_insulin_negative():
    """How negative depends on the steps with which a solver passes the pole, and tighter ones fail; -1000 published."""
    insulin, ended = after_switch(MAN, 900, 480.0, 1e-4)
    assert ended
    assert insulin[-1] < -500.0


@pytest.mark.slow
def test_published_switch_of_secretion_cannot_be_solved_to_twelve_hours():
    """The published solver at its own tolerance came out at -6e5 mg/dl."""
    insulin, ended = after_switch(MAN | {"weight_kg": 65.0, "height_cm": 165.0}, 600, 720.0, 1e-5)
    assert not ended
    assert insulin.min() < 0.0


@pytest.mark.slow
def test_batch_solver_follows_the_published_model(meets):
    times = np.arange(0.0, 305.0, 5.0)
    people = {n: np.array([person[n] for person in PEOPLE.values()]) for n in MAN}
    p = {n: np.full(2, v) for n, v in P.items()}
    events = {n: np.repeat(v[None], 2, axis=0) for n, v in one_meal(312, 1.44).items()}
    start = jax.tree.unflatten(TREE, list(np.array(list(START.values())).T))
    steps = episode_steps(TWIN, people, p, events, 300.0)
    assert steps <= 112
    run = jax.jit(
        jax.vmap(
            lambda who, p, e, y: simulate_episode(TWIN, who, p, e, times, method="batch", steps=steps, start=y)
        )
    )
    result = run(people, p, events, start)
    assert (np.asarray(result.status["meal"]) == Status.OK).all()
    for i, name in enumerate(PEOPLE):
        expected = read_rows("metabolic_reference.csv", name)
        place = np.isin(times, expected["time"])
        same = expected["time"] <= 300.0
        for output, tolerance in (("meal_glucose_mg_dl", 1e-3), ("meal_insulin_pmol_l", 5e-3)):
            found = np.asarray(result.values[output])[i][place] / expected[COLUMN[output]][same] - 1.0
            meets(f"metabolic, {name}, batch solver", output, np.max(np.abs(found)), tolerance)
