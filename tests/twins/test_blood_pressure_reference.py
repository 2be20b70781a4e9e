"""Five courses of pressure against the published compiled model (tests/data/blood_pressure_reference.csv)."""

import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import System, simulate
from pipeline.twins.blood_pressure import BloodPressure
from tests.twins.people import YEAR, as_floats, changed, read_rows

pytestmark = pytest.mark.reference
# Pressure at the first age of the table; age at which treatment starts.
SCENARIOS = {
    "no_drug": (131.613, 83.4642, None),
    "drug_at_45": (131.613, 83.4642, 45.0),
    "young_and_low": (110.0, 70.0, None),
    "high_at_sixty": (160.0, 95.0, 65.0),
    "normal_at_fifty": (125.0, 78.0, 52.0),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_pressure_follows_the_published_model(name, meets):
    sbp, dbp, treated_at = SCENARIOS[name]
    expected = read_rows("blood_pressure_reference.csv", name)
    age = expected["age_years"][0]
    person = as_floats({"age_years": age, "sbp_mmhg": sbp, "dbp_mmhg": dbp})
    switches, inputs = (0.0,), [changed()]
    if treated_at is not None:
        switches, inputs = (0.0, YEAR * (treated_at - age)), [changed(), changed(pressure_drugs=1)]
    twin = BloodPressure.build("published")
    grid = make_grid(switches, tuple(YEAR * (expected["age_years"] - age)))
    result = simulate(
        System((twin,)), person, {twin.name: as_floats(twin.defaults())}, inputs, switches, grid
    )
    assert int(result.status[twin.name]) == Status.OK
    for output in ("sbp_mmhg", "dbp_mmhg", "map_mmhg"):
        meets(f"blood pressure, {name}", output, np.max(np.abs(result.values[output] - expected[output])), 1e-5)
