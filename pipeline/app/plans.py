"""What a plan may change, as sliders, and a plan as a scenario of the twins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pipeline.features import Feature, Simulated, Simulator, define
from pipeline.fitting import Fitted
from pipeline.sections import Twins
from pipeline.strata import changes_until
from pipeline.twins import INPUTS, NO_CHANGE, TWINS, Scenario, build_twins

NAMES = ("plan_a", "plan_b")
REACHED_D = 180.0          # days until a weight target is reached; guidelines say six months, see configs/scenarios


class Slider(NamedTuple):
    """One input of the twins within the range that a plan may ask for."""

    name: str
    low: float
    high: float
    step: float
    rest: float | None     # where nothing changes; None: the person's own

    @property
    def unit(self) -> str:
        """The unit of the input."""
        return INPUTS[self.name].unit


SLIDERS = {
    slider.name: slider
    for slider in (
        Slider("weight_target_factor", 0.85, 1.0, 0.01, 1.0),
        Slider("activity_factor", 1.0, 1.3, 0.05, 1.0),
        Slider("carbohydrate_fraction", 0.10, 0.60, 0.05, None),
        Slider("alcohol_factor", 0.0, 1.0, 0.1, 1.0),
        Slider("smoking_factor", 0.0, 1.0, 0.1, 1.0),
        Slider("pressure_drugs", 0.0, 3.0, 1.0, 0.0),
    )
}


class PlanError(ValueError):
    """A plan asks for what there is no slider for, or for more than it allows; the message says what is allowed."""


def make_scenario(title: str, values: Mapping[str, float | None]) -> Scenario:
    """The plan from day 0 on; a weight target is reached after `REACHED_D` days and then held.

    An input at rest is left to the person. Raises `PlanError`.
    """
    inputs = {}
    for name, value in values.items():
        if name not in SLIDERS:
            raise PlanError(f"{title}: no slider {name}; there are {', '.join(SLIDERS)}")
        slider = SLIDERS[name]
        if value is None or value == slider.rest:
            continue
        if not slider.low <= value <= slider.high:
            raise PlanError(f"{title}: {name} is {value:g}; allowed: {slider.low:g} to {slider.high:g}")
        inputs[name] = float(value)
    held = {"weight_target_days": 0.0} if "weight_target_factor" in inputs else {}
    reached = dict.fromkeys(held, REACHED_D)
    segments = ({"start_d": 0.0, "inputs": inputs | reached}, {"start_d": REACHED_D, "inputs": inputs | held})
    return Scenario.model_validate({"title": title, "segments": segments})


class Plans:
    """The twins of a study under no change and two plans; one compiled program serves every plan."""

    def __init__(self, twins: Twins) -> None:
        self.twins = twins
        self.sliders = [s for s in SLIDERS.values() if any(s.name in TWINS[name].hears for name in twins.names)]
        # Every slider away from rest, so that whatever a plan may change is read.
        fullest = make_scenario("all", {s.name: s.high if s.rest == s.low else s.low for s in self.sliders})
        scenarios = {"no_change": NO_CHANGE} | dict.fromkeys(NAMES, fullest)
        self._features: list[Feature] = define(twins.names, scenarios, twins.years)
        self._simulator = Simulator(
            build_twins(twins.names, twins.mode), scenarios, self._features,
            years=max(twins.years), max_error=twins.max_error,
        )  # fmt: skip
        self._chunk = len(scenarios) * twins.draws

    def prepare(self, fitted: Fitted) -> None:
        """Compile, with anybody as the person."""
        self._simulator.prepare(fitted, chunk=self._chunk)

    def simulate(self, fitted: Fitted, plans: Mapping[str, Mapping[str, float | None]]) -> Simulated:
        """One person under no change and the plans of `NAMES`; raises `PlanError`."""
        heard = {slider.name for slider in self.sliders}
        scenarios = {"no_change": NO_CHANGE}
        for name in NAMES:
            told = plans.get(name, {})
            if deaf := [key for key in told if key in SLIDERS and key not in heard]:
                raise PlanError(f"{name}: no twin of this study hears {deaf[0]}")
            scenarios[name] = make_scenario(name, told)
        return self._simulator(fitted, chunk=self._chunk, scenarios=scenarios, progress=False)

    def changes(self, simulated: Simulated, horizon: float | None) -> dict[str, dict[str, np.ndarray]]:
        """Mean change of each observable until the horizon in years, (people, draws) by plan and observable."""
        names = [feature.name for feature in self._features]
        return changes_until(simulated.draws, names, self.twins.years, horizon)
