"""Years of gain and loss against the published compiled model (tests/data/metabolic_reference.csv)."""

import jax
import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import System, simulate
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.metabolic import Metabolic, insulin_action
from tests.twins.people import as_floats, changed, read_rows

# The published chain takes these of Hall's model right and the rest not.
BODY = BodyComposition(frozenset({"resting_rate", "start", "diet", "sodium"}))
SAME = {"activity_level": 1.5, "carbohydrate_fraction": 0.4}
SCENARIOS = {       # person, fat at the start (kg), change of intake (kcal/d)
    "gain": ({"male": 1, "age_years": 40, "height_cm": 185, "weight_kg": 67.6}, 8.757283546041936, 450),
    "loss": ({"male": 0, "age_years": 50, "height_cm": 165, "weight_kg": 70}, 24.316536203628374, -300),
    "to_diabetes": ({"male": 1, "age_years": 50, "height_cm": 178, "weight_kg": 88}, 23.82384162735975, 300),
}
TOLERANCE = {
    "weight_kg": 1e-5,
    "fat_mass_kg": 1e-5,
    "lean_mass_kg": 1e-5,
    "fasting_glucose_mg_dl": 5e-4,
    "fasting_insulin_pmol_l": 5e-3,
    "muscle_uptake_mg_kg_min": 5e-3,
    "fat_uptake_mg_kg_min": 5e-3,
    "irs1_signal": 1e-3,
    "pkb308_signal": 1e-3,
}
pytestmark = pytest.mark.reference
COLUMN = {
    "fat_mass_kg": "fat_kg",
    "lean_mass_kg": "lean_kg",
    "fasting_glucose_mg_dl": "glucose_mg_dl",
    "fasting_insulin_pmol_l": "insulin_pmol_l",
    "muscle_uptake_mg_kg_min": "uptake_muscle",
    "fat_uptake_mg_kg_min": "uptake_fat",
    "irs1_signal": "irs1",
    "pkb308_signal": "pkb308",
}
FAST = 35.0     # d after a switch in which the system of minutes, here taken as settled, still moves


@pytest.fixture(scope="module")
def run():
    """One program for all scenarios, on the times of all."""
    twins = (BODY, Metabolic.build("published"))
    parameters = {twin.name: as_floats(twin.defaults()) for twin in twins}
    times = sorted({float(t) for n in SCENARIOS for t in read_rows("metabolic_reference.csv", n)["time"]})
    grid = make_grid((0.0,), tuple(times))
    solve = jax.jit(lambda who, u: simulate(System(twins), who, parameters, [u], (0.0,), grid, method="batch"))
    return solve, np.array(times)


@pytest.mark.parametrize("name", SCENARIOS)
def test_years_follow_the_published_model(name, run, meets):
    person, fat, kcal = SCENARIOS[name]
    person = as_floats(person | SAME | {"body_fat_percent": 100.0 * fat / person["weight_kg"]})
    expected = read_rows("metabolic_reference.csv", name)
    solve, times = run
    result = solve(person, changed(energy_change_kcal_d=kcal))
    there = np.isin(times, expected["time"])
    values = {n: np.asarray(v)[there] for n, v in result.values.items()}
    assert {int(s) for s in result.status.values()} == {Status.OK}
    np.testing.assert_array_equal(values["diabetes"], expected["diabetes"])
    switch = np.append(expected["time"][expected["diabetes"] > 0], np.inf)[0]
    before = np.append(expected["time"][expected["time"] < switch], -np.inf)[-1]
    settled = (expected["time"] < switch) | (expected["time"] > before + 60.0 + FAST)
    for output, tolerance in TOLERANCE.items():
        found = np.abs(values[output][settled] / expected[COLUMN.get(output, output)][settled] - 1.0)
        meets(f"metabolic, {name}", output, np.max(found), tolerance)


def test_last_meal_leaves_the_published_insulin_action():
    """States of the published compiled model after its prelude of 28 days."""
    for weight, N, M in (
        (67.6, 23.228858050012352, 22.08124329854788),
        (70.0, 22.738716, 21.629028),
        (88.0, 19.892641, 19.01853),
    ):
        np.testing.assert_allclose(insulin_action(np.asarray(weight), np.asarray(False)), (N, M), rtol=2e-4)
