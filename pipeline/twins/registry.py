"""All twins, in the order in which they read each other's signals. A new twin is one line here."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.twins.alcohol import Alcohol
from pipeline.twins.alcohol_markers import AlcoholMarkers
from pipeline.twins.base import EpisodeTwin, Mode, Twin
from pipeline.twins.blood_pressure import BloodPressure
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.liver_fat import LiverFat
from pipeline.twins.meal import Meal
from pipeline.twins.metabolic import Metabolic
from pipeline.twins.peth import Peth
from pipeline.twins.stroke_risk import StrokeRisk

TWINS: dict[str, type[Twin]] = {
    twin.name: twin
    for twin in (
        BodyComposition,
        LiverFat,
        Metabolic,
        BloodPressure,
        Peth,
        StrokeRisk,
        Meal,
        Alcohol,
        AlcoholMarkers,
    )
}
YEARS = tuple(name for name, twin in TWINS.items() if not issubclass(twin, EpisodeTwin))      # what a `System` wires
EPISODES = tuple(name for name in TWINS if name not in YEARS)


def build_twins(names: Collection[str], mode: Mode = "corrected") -> tuple[Twin, ...]:
    """The named twins in wiring order; raises `KeyError` for a name that is not registered."""
    unknown = set(names) - set(TWINS)
    if unknown:
        raise KeyError(f"no twin {', '.join(sorted(unknown))}; there are {', '.join(TWINS)}")
    return tuple(TWINS[name].build(mode) for name in TWINS if name in names)
