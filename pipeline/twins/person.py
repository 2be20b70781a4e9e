"""One person under one scenario, or through the hours of one episode, as a file describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from pipeline.config import ConfigError
from pipeline.runs import RunError
from pipeline.sections import Strict
from pipeline.solving import Status, make_grid
from pipeline.twins.base import EpisodeTwin, Twin
from pipeline.twins.episode import simulate_episode
from pipeline.twins.events import Events, event_arrays
from pipeline.twins.inputs import Scenario
from pipeline.twins.registry import EPISODES, TWINS, YEARS, build_twins
from pipeline.twins.system import Result, System, simulate

Row = tuple[float, str, float, str]      # time, observable, value, unit


class TwinChoice(Strict):
    """Which twins speak, in which mode; `corrections` names single corrections and extensions instead."""

    names: tuple[str, ...] = ("body_composition", "liver_fat", "blood_pressure")
    mode: Literal["corrected", "published"] = "corrected"
    corrections: tuple[str, ...] | None = None
    parameters: dict[str, float] = {}        # other values than the population medians


class Times(Strict):
    """When results are read, in days from the start of the first segment."""

    end_d: PositiveFloat
    every_d: PositiveFloat


class Minutes(Strict):
    """When results are read, in minutes from the start of the episode."""

    end_min: PositiveFloat = Field(le=100_000.0)
    every_min: PositiveFloat


class PersonScenario(Scenario):
    """A scenario with the person it happens to."""

    person: dict[str, float | str]
    twins: TwinChoice = TwinChoice()
    times: Times
    rtol: PositiveFloat = Field(1e-6, le=1e-2)

    @model_validator(mode="after")
    def _known_sex(self) -> Self:
        _check_sex(self.person)
        return self


class PersonEpisode(Strict):
    """Drinks and meals of some hours, with the person who takes them."""

    title: str
    description: str = ""
    source: str = ""
    person: dict[str, float | str]
    twins: TwinChoice
    events: Events
    times: Minutes
    rtol: PositiveFloat = Field(1e-6, le=1e-2)

    @model_validator(mode="after")
    def _known_sex(self) -> Self:
        _check_sex(self.person)
        return self


def simulate_person(scenario: PersonScenario) -> tuple[list[Row], list[str]]:
    """Rows of time (d), observable, value and unit, and the warnings of the twins.

    Raises `ConfigError` for what the file leaves out or does not know, `RunError` if a twin cannot be solved.
    """
    twins = _chosen(scenario.twins, YEARS)
    person, parameters = _person(scenario.person, twins), _parameters(scenario.twins, twins)
    start = scenario.switches[0]
    times = np.append(np.arange(start, scenario.times.end_d, scenario.times.every_d), scenario.times.end_d)
    grid = make_grid(scenario.switches, tuple(times.tolist()))
    result = simulate(System(twins), person, parameters, scenario.arrays(), scenario.switches, grid, rtol=scenario.rtol)
    return _rows(times, [result], twins)


def simulate_person_episode(episode: PersonEpisode) -> tuple[list[Row], list[str]]:
    """The same for an episode, with time in minutes."""
    twins = _chosen(episode.twins, EPISODES)
    person, parameters = _person(episode.person, twins), _parameters(episode.twins, twins)
    times = np.append(np.arange(0.0, episode.times.end_min, episode.times.every_min), episode.times.end_min)
    events = {name: jnp.asarray(values[0]) for name, values in event_arrays([episode.events]).items()}

    def solve(twin: EpisodeTwin) -> Result:
        run = jax.jit(lambda p: simulate_episode(twin, person, p, events, times, rtol=episode.rtol))
        return run(parameters[twin.name])

    return _rows(times, [solve(twin) for twin in twins if isinstance(twin, EpisodeTwin)], twins)


def _check_sex(person: Mapping[str, float | str]) -> None:
    if person.get("sex") not in ("female", "male"):
        raise ValueError(f"person: sex is {person.get('sex')!r}; allowed: 'female', 'male'")


def _chosen(choice: TwinChoice, allowed: tuple[str, ...]) -> tuple[Twin, ...]:
    if unknown := set(choice.names) - set(allowed):
        raise ConfigError(f"[twins] names: no twin {', '.join(sorted(unknown))} here; there are {', '.join(allowed)}")
    twins = build_twins(choice.names, choice.mode)
    if choice.corrections is None:
        return twins
    every = {name for twin in twins for name in (*twin.corrections, *twin.extensions)}
    wanted = set(choice.corrections)
    if unknown := wanted - every:
        there = ", ".join(sorted(every))
        raise ConfigError(f"[twins] no correction {', '.join(sorted(unknown))}; there are {there}")
    return tuple(TWINS[t.name](frozenset(wanted & {*t.corrections, *t.extensions})) for t in twins)


def _person(given: Mapping[str, float | str], twins: tuple[Twin, ...]) -> dict[str, Any]:
    person = {name: jnp.asarray(float(v)) for name, v in given.items() if name != "sex"}
    person["male"] = jnp.asarray(float(given["sex"] == "male"))
    lacking = {t.name: [n for n in t.needs if n not in person] for t in twins}
    if any(lacking.values()):
        words = "; ".join(f"{twin} needs {', '.join(names)}" for twin, names in lacking.items() if names)
        raise ConfigError(f"[person] {words}")
    return person


def _parameters(choice: TwinChoice, twins: tuple[Twin, ...]) -> dict[str, dict[str, float]]:
    parameters = {t.name: t.defaults() for t in twins}
    for name, value in choice.parameters.items():
        owners = [p for p in parameters.values() if name in p]
        if not owners:
            raise ConfigError(f"[twins.parameters] no parameter {name} in {', '.join(parameters)}")
        for owner in owners:
            owner[name] = value
    return parameters


def _rows(times: np.ndarray, results: list[Result], twins: tuple[Twin, ...]) -> tuple[list[Row], list[str]]:
    status = {name: Status(int(s)) for result in results for name, s in result.status.items()}
    if failed := {name: s.words for name, s in status.items() if s != Status.OK}:
        raise RunError("; ".join(f"{name}: {words}" for name, words in failed.items()))
    units = {name: o.unit for t in twins for name, o in t.observables.items()}
    rows = [
        (float(t), name, float(v), units[name])
        for result in results
        for name, course in result.values.items()
        for t, v in zip(times, np.asarray(course), strict=True)
    ]
    return rows, [words for result in results for words, raised in result.flags.items() if bool(raised)]
