"""The list of features: every mechanistic column, with twin, unit and definition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from pipeline.twins import INPUTS, NO_CHANGE, TWINS, Scenario

# Observables that become features: at the visit, and over the years under a scenario.
AT_VISIT = {
    "body_composition": ("fat_mass_kg", "lean_mass_kg", "body_fat_percent", "energy_intake_kcal_d"),
    "liver_fat": ("pdff_percent", "dnl_share_percent", "oxidation_share_percent"),
    "blood_pressure": ("sbp_mmhg", "dbp_mmhg", "pulse_pressure_mmhg"),
}
OVER_YEARS = {
    "body_composition": ("weight_kg", "fat_mass_kg"),
    "liver_fat": ("pdff_percent", "insulin_resistance_factor"),
    "blood_pressure": ("sbp_mmhg", "dbp_mmhg"),
}
FITTED = {
    "body_composition": (
        ("activity_level", "1", "physical activity level, from recalled intake and usual activity"),
        ("carbohydrate_fraction", "1", "usual share of energy from carbohydrate"),
        ("fat_fraction", "1", "usual share of energy from fat"),
    ),
    "liver_fat": (),
    "blood_pressure": (),
}
AGES_BY_ITSELF = ("blood_pressure",)      # twins that change without any change of habit


class Feature(NamedTuple):
    """One column of the feature table."""

    name: str
    twin: str
    kind: Literal["parameter", "state", "trajectory", "response"]
    unit: str
    scenario: str
    year: int
    observable: str
    definition: str


def define(twins: Collection[str], scenarios: Mapping[str, Scenario], years: tuple[int, ...]) -> list[Feature]:
    """Features of the named twins in a fixed order.

    A response is the difference to no change at the same year; it exists only where the twin hears an input
    that the scenario changes, so that no column is constant by construction.
    """
    found = []
    for twin in (t for t in TWINS if t in twins):
        seen = TWINS[twin].observables
        for name, unit, words in FITTED[twin]:
            found.append(Feature(f"fit_{name}", twin, "parameter", unit, "no_change", 0, name, words))
        for name in AT_VISIT[twin]:
            words = f"{seen[name].description} at the visit, by the twin"
            found.append(Feature(f"now_{name}", twin, "state", seen[name].unit, "no_change", 0, name, words))
        for key, scenario in scenarios.items():
            changed = key != "no_change" and not _changed(scenario).isdisjoint(TWINS[twin].hears)
            if not changed and not (key == "no_change" and twin in AGES_BY_ITSELF):
                continue
            kind: Literal["response", "trajectory"] = "response" if changed else "trajectory"
            for year in years:
                for name in OVER_YEARS[twin]:
                    column = f"{key}_{year}y_{'change_' if changed else ''}{name}"
                    words = f"{seen[name].description} after {year} year{'' if year == 1 else 's'}" + (
                        f": {scenario.title.lower()} minus no change" if changed else " without any change"
                    )
                    found.append(Feature(column, twin, kind, seen[name].unit, key, year, name, words))
    return found


def _changed(scenario: Scenario) -> set[str]:
    baseline = NO_CHANGE.arrays()[0]
    named = {name for segment in scenario.segments for name in segment.inputs}
    return {n for n in named if any(s.inputs.get(n) != baseline[n] for s in scenario.segments)} & set(INPUTS)
