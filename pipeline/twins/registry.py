"""All twins, in the order in which they read each other's signals. A new twin is one line here."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.twins.base import Mode, Twin
from pipeline.twins.blood_pressure import BloodPressure
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.liver_fat import LiverFat

TWINS: dict[str, type[Twin]] = {twin.name: twin for twin in (BodyComposition, LiverFat, BloodPressure)}


def build_twins(names: Collection[str], mode: Mode = "corrected") -> tuple[Twin, ...]:
    """The named twins in wiring order; raises `KeyError` for a name that is not registered."""
    unknown = set(names) - set(TWINS)
    if unknown:
        raise KeyError(f"no twin {', '.join(sorted(unknown))}; there are {', '.join(TWINS)}")
    return tuple(TWINS[name].build(mode) for name in TWINS if name in names)
