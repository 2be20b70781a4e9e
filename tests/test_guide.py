"""The twin of the guide (CONTRIBUTING.md) works as it stands: one file, one line."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.features import define
from pipeline.solving import Status, make_grid
from pipeline.twins import NO_CHANGE, TWINS, Scenario, System, build_twins, simulate
from tests.twins.people import changed

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def vitamin_d(monkeypatch):
    """The registry with the guide's twin in it."""
    (code,) = re.findall(r"```python\n(from typing.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    module = {"__name__": "guide"}
    exec(code, module)
    twin = module["VitaminD"]
    monkeypatch.setitem(TWINS, twin.name, twin)
    return twin


def test_it_is_built_and_simulated_by_both_solvers(vitamin_d):
    system = System(build_twins(["vitamin_d"]))
    p = {"vitamin_d": vitamin_d.build("corrected").defaults()}
    grid = make_grid((0.0,), (0.0, 10.0, 100.0))
    for method in ("batch", "reference"):
        found = simulate(
            system, {"vitamin_d_nmol_l": 60.0}, p, [changed(energy_factor=0.5)], (0.0,), grid, method=method
        )
        assert int(found.status["vitamin_d"]) == Status.OK
        expected = 30.0 + 30.0 * np.exp(-0.03 * np.array(grid.times))
        np.testing.assert_allclose(found.values["vitamin_d_now_nmol_l"], expected, rtol=2e-4)


def test_it_brings_its_features(vitamin_d):
    less = Scenario.model_validate({"title": "Less", "segments": [{"inputs": {"energy_factor": 0.5}}]})
    names = [f.name for f in define(["vitamin_d"], {"no_change": NO_CHANGE, "less": less}, (1, 5))]
    assert names == ["less_1y_change_vitamin_d_now_nmol_l", "less_5y_change_vitamin_d_now_nmol_l"]
