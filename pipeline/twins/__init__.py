"""Mechanistic twins of one person, and how they are wired and run."""

from collections.abc import Collection

from pipeline.twins.base import DynamicTwin, ExactTwin, Mode, Observable, Parameter, Twin
from pipeline.twins.blood_pressure import BloodPressure
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.inputs import INPUTS, NO_CHANGE, Scenario, read_scenarios
from pipeline.twins.liver_fat import LiverFat
from pipeline.twins.system import Result, System, simulate

# In the order in which they read each other's signals.
TWINS: dict[str, type[Twin]] = {twin.name: twin for twin in (BodyComposition, LiverFat, BloodPressure)}


def build_twins(names: Collection[str], mode: Mode = "corrected") -> tuple[Twin, ...]:
    """The named twins in wiring order; raises `KeyError` for a name that is not registered."""
    unknown = set(names) - set(TWINS)
    if unknown:
        raise KeyError(f"no twin {', '.join(sorted(unknown))}; there are {', '.join(TWINS)}")
    return tuple(TWINS[name].build(mode) for name in TWINS if name in names)


__all__ = [
    "INPUTS",
    "NO_CHANGE",
    "TWINS",
    "DynamicTwin",
    "ExactTwin",
    "Mode",
    "Observable",
    "Parameter",
    "Result",
    "Scenario",
    "System",
    "Twin",
    "build_twins",
    "read_scenarios",
    "simulate",
]
