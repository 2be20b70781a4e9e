"""Scenarios: what happens to a person, as data, the same for all twins.

A scenario file (TOML) holds a title, the source of any effect it assumes, and segments in which the inputs
below are constant. An input that is not named keeps its baseline value. See `configs/scenarios/`. Scenarios that
act on different things may be combined, with `combine` or by `combines` in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax.numpy as jnp
from pydantic import Field, ValidationError, model_validator

from pipeline.config import ConfigError, read_toml
from pipeline.sections import Strict
from pipeline.twins.base import Values

NAN = float("nan")


class Input(NamedTuple):
    """One channel through which a scenario acts on twins."""

    unit: str
    baseline: float        # NaN: the person's own
    low: float
    high: float
    description: str


INPUTS = {
    "energy_change_kcal_d": Input("kcal/d", 0.0, -5000, 5000, "change of energy intake from the balanced level"),
    "energy_factor": Input("1", 1.0, 0.1, 4, "energy intake over the balanced level"),
    "energy_intake_kcal_d": Input("kcal/d", NAN, 300, 10_000, "energy intake; the person's own if not named"),
    "weight_target_factor": Input("1", NAN, 0.5, 2, "body weight aimed at, over that at the start; none if not named"),
    "weight_target_days": Input("d", 0.0, 0, 3650, "days from the start until it is reached; 0: it is held"),
    "carbohydrate_fraction": Input("1", NAN, 0, 1, "share of energy from carbohydrate"),
    "fat_fraction": Input("1", NAN, 0, 1, "share of energy from fat; takes up the change of carbohydrate if not named"),
    "activity_factor": Input("1", 1.0, 0.5, 3, "physical activity level over the person's own"),
    "dnl_drug_factor": Input("1", 1.0, 0, 1, "de novo lipogenesis under a drug over without it"),
    "insulin_resistance_gain": Input("1", 1.0, 0, 3, "sensitivity of insulin resistance to fat mass, over its own"),
    "pressure_drugs": Input("1", 0.0, 0, 5, "standard doses of pressure-lowering drugs taken, mean of all classes"),
    "thiazide_dose": Input("1", 0.0, 0, 2, "standard doses of a thiazide"),
    "beta_blocker_dose": Input("1", 0.0, 0, 2, "standard doses of a beta blocker"),
    "ace_inhibitor_dose": Input("1", 0.0, 0, 2, "standard doses of an ACE inhibitor"),
    "arb_dose": Input("1", 0.0, 0, 2, "standard doses of an angiotensin receptor blocker"),
    "calcium_blocker_dose": Input("1", 0.0, 0, 2, "standard doses of a calcium channel blocker"),
    "alcohol_factor": Input("1", 1.0, 0, 5, "alcohol drunk over the person's own"),
    "smoking_factor": Input("1", 1.0, 0, 5, "cigarettes smoked over the person's own"),
}

# Ways to say how much is eaten, of which one holds at a time.
ENERGY = ({"energy_change_kcal_d", "energy_factor"}, {"energy_intake_kcal_d"}, {"weight_target_factor"})


class SegmentSpec(Strict):
    """Inputs from `start_d` until the next segment."""

    start_d: float = 0.0
    inputs: dict[str, float] = {}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, value in self.inputs.items():
            if name not in INPUTS:
                raise ValueError(f"no input {name}; there are {', '.join(INPUTS)}")
            spec = INPUTS[name]
            if not spec.low <= value <= spec.high:
                raise ValueError(f"{name} is {value:g}; allowed: {spec.low:g} to {spec.high:g} {spec.unit}")
        if self.inputs.get("carbohydrate_fraction", 0.0) + self.inputs.get("fat_fraction", 0.0) > 1.0:
            raise ValueError("carbohydrate_fraction and fat_fraction are more than all of the energy together")
        energy = [" and ".join(sorted(ways & self.inputs.keys())) for ways in ENERGY if ways & self.inputs.keys()]
        if len(energy) > 1:
            raise ValueError(f"{', '.join(energy)}: only one of them can say what is eaten")
        if "weight_target_days" in self.inputs and "weight_target_factor" not in self.inputs:
            raise ValueError("weight_target_days without weight_target_factor")
        return self


class Scenario(Strict):
    """A time line of inputs."""

    title: str
    description: str = ""
    source: str = ""
    segments: tuple[SegmentSpec, ...] = Field((SegmentSpec(),), min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        starts = [s.start_d for s in self.segments]
        if starts != sorted(set(starts)):
            raise ValueError("segments must start one after another (start_d)")
        return self

    @property
    def switches(self) -> tuple[float, ...]:
        """Days at which a segment starts."""
        return tuple(s.start_d for s in self.segments)

    def at(self, switches: Sequence[float]) -> Self:
        """The same scenario cut at `switches`, so that several can share one time line.

        Raises `ValueError` if a switch of its own, its start included, is not among them, or one lies before the start.
        """
        days = sorted(set(switches))
        if not set(self.switches) <= set(days) or days[0] != self.switches[0]:
            raise ValueError(f"{self.title}: switches on days {self.switches}, cannot be cut on days {tuple(days)}")
        holds = [max(i for i, start in enumerate(self.switches) if start <= day) for day in days]
        segments = tuple(self.segments[i].model_copy(update={"start_d": d}) for i, d in zip(holds, days, strict=True))
        return self.model_copy(update={"segments": segments})

    def arrays(self) -> list[dict[str, float]]:
        """Inputs of each segment, every channel filled; NaN where the person's own value holds."""
        return [{n: s.inputs.get(n, spec.baseline) for n, spec in INPUTS.items()} for s in self.segments]


class ScenarioFile(Scenario):
    """A scenario as a file gives it, with others of the same folder that it takes over."""

    combines: tuple[str, ...] = ()


NO_CHANGE = Scenario(title="No change", description="Everything goes on as at the visit.")


def combine(scenarios: Sequence[Scenario]) -> Scenario:
    """All scenarios at once: segments are cut at the switches of all, and inputs are put together.

    Raises `ValueError` naming them if two set an input to different values at the same time, say in different ways
    what is eaten, or do not start on the same day.
    """
    if len({s.switches[0] for s in scenarios}) != 1:
        starts = ", ".join(f"{s.title} on day {s.switches[0]:g}" for s in scenarios)
        raise ValueError(f"scenarios to combine must start on the same day: {starts or 'none is given'}")
    days = sorted({day for s in scenarios for day in s.switches})
    owners: list[dict[str, Scenario]] = [{} for _ in days]
    inputs: list[dict[str, float]] = [{} for _ in days]
    for scenario in scenarios:
        for owner, known, segment in zip(owners, inputs, scenario.at(days).segments, strict=True):
            for name, value in segment.inputs.items():
                if known.setdefault(name, value) != value:
                    words = f"{owner[name].title} sets it to {known[name]:g}, {scenario.title} to {value:g}"
                    raise ValueError(f"{name} on day {segment.start_d:g}: {words}")
                owner.setdefault(name, scenario)
    try:
        segments = tuple(SegmentSpec(start_d=d, inputs=u) for d, u in zip(days, inputs, strict=True))
    except ValidationError as fault:
        words = fault.errors()[0]["ctx"]["error"]
        raise ValueError(f"{' and '.join(s.title for s in scenarios)}: {words}") from None
    return Scenario(
        title=" + ".join(s.title for s in scenarios),
        description=" ".join(s.description for s in scenarios if s.description),
        source=" ".join(dict.fromkeys(s.source for s in scenarios if s.source)),
        segments=segments,
    )


def read_scenarios(folder: Path, names: tuple[str, ...]) -> dict[str, Scenario]:
    """Scenarios by name from `folder`, with `no_change` first; raises `ConfigError` naming what there is."""
    return {"no_change": NO_CHANGE} | {name: _read(folder, name, ()) for name in names}


def _read(folder: Path, name: str, above: tuple[str, ...]) -> Scenario:
    """One scenario with those it combines; `above` are the files that led here."""
    path = folder / f"{name}.toml"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
        where = f"{folder / above[-1]}.toml: combines: " if above else ""
        raise ConfigError(f"{where}no scenario {name} in {folder}; there are {there}")
    if name in above:
        raise ConfigError(f"{path}: combines itself, by {' -> '.join((*above, name))}")
    told = read_toml(path, ScenarioFile)
    own = Scenario(title=told.title, description=told.description, source=told.source, segments=told.segments)
    if not told.combines:
        return own
    parts = [_read(folder, part, (*above, name)) for part in told.combines]
    try:
        whole = combine([*parts, own])
    except ValueError as fault:
        raise ConfigError(f"{path}: combines: {fault}") from None
    own_words = {"title": own.title, "description": own.description or whole.description, "source": whole.source}
    return whole.model_copy(update=own_words)


def resolve(u: Values, person: Values) -> dict[str, Any]:
    """Inputs of one segment for one person: what the scenario leaves open is filled with the person's own."""
    c0 = person.get("carbohydrate_fraction", NAN)
    f0 = person.get("fat_fraction", NAN)
    c = jnp.where(jnp.isnan(u["carbohydrate_fraction"]), c0, u["carbohydrate_fraction"])
    f = jnp.where(jnp.isnan(u["fat_fraction"]), jnp.maximum(0.0, f0 + c0 - c), u["fat_fraction"])
    every = {name: jnp.asarray(value, dtype=float) for name, value in u.items()}
    return {**every, "carbohydrate_fraction": c, "fat_fraction": f}
