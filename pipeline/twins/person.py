"""One person under one scenario, as a file describes it."""

from __future__ import annotations

from typing import Literal, Self

import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from pipeline.config import ConfigError, Strict
from pipeline.runs import RunError
from pipeline.solving import Status, make_grid
from pipeline.twins.inputs import Scenario
from pipeline.twins.registry import TWINS, build_twins
from pipeline.twins.system import System, simulate


class TwinChoice(Strict):
    """Which twins speak, in which mode; `corrections` names single switches instead."""

    names: tuple[str, ...] = ("body_composition", "liver_fat", "blood_pressure")
    mode: Literal["corrected", "published"] = "corrected"
    corrections: tuple[str, ...] | None = None
    parameters: dict[str, float] = {}        # other values than the population medians


class Times(Strict):
    """When results are read, in days from the start of the first segment."""

    end_d: PositiveFloat
    every_d: PositiveFloat


class PersonScenario(Scenario):
    """A scenario with the person it happens to."""

    person: dict[str, float | str]
    twins: TwinChoice = TwinChoice()
    times: Times
    rtol: PositiveFloat = Field(1e-6, le=1e-2)

    @model_validator(mode="after")
    def _known_sex(self) -> Self:
        if self.person.get("sex") not in ("female", "male"):
            raise ValueError(f"person: sex is {self.person.get('sex')!r}; allowed: 'female', 'male'")
        return self


def simulate_person(scenario: PersonScenario) -> tuple[list[tuple[float, str, float, str]], list[str]]:
    """Rows of time (d), observable, value and unit, and the warnings of the twins.

    Raises `ConfigError` for what the file leaves out or does not know, `RunError` if a twin cannot be solved.
    """
    try:
        twins = build_twins(scenario.twins.names, scenario.twins.mode)
    except KeyError as fault:
        raise ConfigError(f"[twins] names: {fault.args[0]}") from None
    if scenario.twins.corrections is not None:
        every = {name for twin in twins for name in twin.corrections}
        wanted = set(scenario.twins.corrections)
        if unknown := wanted - every:
            there = ", ".join(sorted(every))
            raise ConfigError(f"[twins] no correction {', '.join(sorted(unknown))}; there are {there}")
        twins = tuple(TWINS[t.name](frozenset(wanted & set(t.corrections))) for t in twins)
    person = {name: float(v) for name, v in scenario.person.items() if name != "sex"}
    person["male"] = float(scenario.person["sex"] == "male")
    lacking = {t.name: [n for n in t.needs if n not in person] for t in twins}
    if any(lacking.values()):
        words = "; ".join(f"{twin} needs {', '.join(names)}" for twin, names in lacking.items() if names)
        raise ConfigError(f"[person] {words}")
    parameters = {t.name: t.defaults() for t in twins}
    for name, value in scenario.twins.parameters.items():
        owners = [p for p in parameters.values() if name in p]
        if not owners:
            raise ConfigError(f"[twins.parameters] no parameter {name} in {', '.join(parameters)}")
        for owner in owners:
            owner[name] = value
    start = scenario.switches[0]
    times = np.append(np.arange(start, scenario.times.end_d, scenario.times.every_d), scenario.times.end_d)
    grid = make_grid(scenario.switches, tuple(times.tolist()))
    known = {name: jnp.asarray(value) for name, value in person.items()}
    result = simulate(System(twins), known, parameters, scenario.arrays(), scenario.switches, grid, rtol=scenario.rtol)
    failed = {name: Status(int(s)).words for name, s in result.status.items() if int(s) != Status.OK}
    if failed:
        raise RunError("; ".join(f"{name}: {words}" for name, words in failed.items()))
    units = {name: o.unit for t in twins for name, o in t.observables.items()}
    rows = [
        (float(t), name, float(v), units[name])
        for name, course in result.values.items()
        for t, v in zip(times, np.asarray(course), strict=True)
    ]
    return rows, [words for words, raised in result.flags.items() if bool(raised)]
