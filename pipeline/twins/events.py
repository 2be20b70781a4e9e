"""What happens within hours: drinks, meals and visits to the toilet, as data for the episode twins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.sections import Strict

NEVER = 1e6      # min; padding lies here, beyond any episode

Minute = Annotated[float, Field(ge=0.0, lt=NEVER)]


class Drink(Strict):
    """Liquid swallowed at a constant rate."""

    start_min: Minute
    minutes: Annotated[float, Field(gt=0.0, le=1440.0)]
    volume_l: Annotated[float, Field(gt=0.0, le=5.0)]
    abv_percent: Annotated[float, Field(ge=0.0, le=96.0)]
    kcal_per_l: Annotated[float, Field(ge=0.0, le=5000.0)] = 0.0


class Meal(Strict):
    """Solid food swallowed at once."""

    start_min: Minute
    kcal: Annotated[float, Field(gt=0.0, le=5000.0)]


class Events(Strict):
    """The events of one episode."""

    drinks: tuple[Drink, ...] = ()
    meals: tuple[Meal, ...] = ()
    urinations_min: tuple[Minute, ...] = ()


def event_arrays(people: Sequence[Events]) -> dict[str, np.ndarray]:
    """Events of many people as arrays (people, slots), in order of time; empty slots lie at `NEVER` and do nothing."""
    drinks = [sorted(e.drinks, key=lambda d: d.start_min) for e in people]
    meals = [sorted(e.meals, key=lambda m: m.start_min) for e in people]
    return {
        "drink_start_min": _pad([[d.start_min for d in row] for row in drinks], NEVER),
        "drink_minutes": _pad([[d.minutes for d in row] for row in drinks], 1.0),
        "drink_volume_l": _pad([[d.volume_l for d in row] for row in drinks], 0.0),
        "drink_abv_percent": _pad([[d.abv_percent for d in row] for row in drinks], 0.0),
        "drink_kcal_per_l": _pad([[d.kcal_per_l for d in row] for row in drinks], 0.0),
        "meal_start_min": _pad([[m.start_min for m in row] for row in meals], NEVER),
        "meal_kcal": _pad([[m.kcal for m in row] for row in meals], 0.0),
        "urination_min": _pad([sorted(e.urinations_min) for e in people], NEVER),
    }


def _pad(rows: Sequence[Sequence[float]], empty: float) -> np.ndarray:
    width = max(1, *(len(row) for row in rows)) if rows else 1
    padded: Any = np.full((len(rows), width), empty)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return padded
