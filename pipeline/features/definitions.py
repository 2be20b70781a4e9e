"""The list of features: every mechanistic column, with twin, unit and definition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from pipeline.twins import NO_CHANGE, TWINS, Scenario

# What is fitted to each person and becomes a feature; everything else a twin declares itself.
FITTED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "body_composition": (
        ("activity_level", "1", "physical activity level, from recalled intake and usual activity"),
        ("carbohydrate_fraction", "1", "usual share of energy from carbohydrate"),
        ("fat_fraction", "1", "usual share of energy from fat"),
    ),
}


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
        for name, unit, words in FITTED.get(twin, ()):
            found.append(Feature(f"fit_{name}", twin, "parameter", unit, "no_change", 0, name, words))
        for name in TWINS[twin].at_visit:
            words = f"{seen[name].description} at the visit, by the twin"
            found.append(Feature(f"now_{name}", twin, "state", seen[name].unit, "no_change", 0, name, words))
        for key, scenario in scenarios.items():
            changed = key != "no_change" and not _changed(scenario).isdisjoint(TWINS[twin].hears)
            if not changed and not (key == "no_change" and TWINS[twin].ages):
                continue
            kind: Literal["response", "trajectory"] = "response" if changed else "trajectory"
            for year in years:
                for name in TWINS[twin].over_years:
                    column = f"{key}_{year}y_{'change_' if changed else ''}{name}"
                    words = f"{seen[name].description} after {year} year{'' if year == 1 else 's'}" + (
                        f": {scenario.title.lower()} minus no change" if changed else " without any change"
                    )
                    found.append(Feature(column, twin, kind, seen[name].unit, key, year, name, words))
    return found


def _changed(scenario: Scenario) -> set[str]:
    baseline = NO_CHANGE.arrays()[0]
    named = {name for segment in scenario.segments for name in segment.inputs}
    return {n for n in named if any(s.inputs.get(n, baseline[n]) != baseline[n] for s in scenario.segments)}
