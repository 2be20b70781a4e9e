"""Scenarios: what happens to a person, as data, the same for all twins.

A scenario file (TOML) holds a title, the source of any effect it assumes, and segments in which the inputs
below are constant. An input that is not named keeps its baseline value. See `configs/scenarios/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Self

import jax.numpy as jnp
from pydantic import Field, model_validator

from pipeline.config import ConfigError, Strict, read_toml
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
    "carbohydrate_fraction": Input("1", NAN, 0, 1, "share of energy from carbohydrate"),
    "fat_fraction": Input("1", NAN, 0, 1, "share of energy from fat; takes up the change of carbohydrate if not named"),
    "activity_factor": Input("1", 1.0, 0.5, 3, "physical activity level over the person's own"),
    "dnl_drug_factor": Input("1", 1.0, 0, 1, "de novo lipogenesis under a drug over without it"),
    "insulin_resistance_gain": Input("1", 1.0, 0, 3, "sensitivity of insulin resistance to fat mass, over its own"),
    "pressure_drugs": Input("1", 0.0, 0, 5, "standard doses of pressure-lowering drugs taken"),
}


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

    def arrays(self) -> list[dict[str, float]]:
        """Inputs of each segment, every channel filled; NaN where the person's own value holds."""
        return [{n: s.inputs.get(n, spec.baseline) for n, spec in INPUTS.items()} for s in self.segments]


NO_CHANGE = Scenario(title="No change", description="Everything goes on as at the visit.")


def read_scenarios(folder: Path, names: tuple[str, ...]) -> dict[str, Scenario]:
    """Scenarios by name from `folder`, with `no_change` first; raises `ConfigError` naming what there is."""
    found = {"no_change": NO_CHANGE}
    for name in names:
        path = folder / f"{name}.toml"
        if not path.exists():
            there = ", ".join(sorted(p.stem for p in folder.glob("*.toml")))
            raise ConfigError(f"no scenario {name} in {folder}; there are {there}")
        found[name] = read_toml(path, Scenario)
    return found


def resolve(u: Values, person: Values) -> dict[str, Any]:
    """Inputs of one segment for one person: what the scenario leaves open is filled with the person's own."""
    c0 = person.get("carbohydrate_fraction", NAN)
    f0 = person.get("fat_fraction", NAN)
    c = jnp.where(jnp.isnan(u["carbohydrate_fraction"]), c0, u["carbohydrate_fraction"])
    f = jnp.where(jnp.isnan(u["fat_fraction"]), jnp.maximum(0.0, f0 + c0 - c), u["fat_fraction"])
    return {**u, "carbohydrate_fraction": c, "fat_fraction": f}
