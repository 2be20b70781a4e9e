"""Where in the body each frame lies, and what its stored numbers mean: of classic images and of multi-frame ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

PARALLEL = 1e-3      # largest difference of direction cosines that counts as the same direction


class Plane(NamedTuple):
    """One frame: place, direction and size of its pixels, and the scale of its numbers; None where not said."""

    position_mm: tuple[float, ...] | None       # centre of the first pixel, in the patient's axes
    directions: tuple[float, ...] | None        # along a row, then along a column
    spacing_mm: tuple[float, ...] | None        # between rows, then between columns
    thickness_mm: float | None
    slope: float | None
    intercept: float | None
    unit: str                                   # of the rescaled numbers as the file says it; "" where it does not


def planes(dataset: Any, frames: int) -> list[Plane]:
    """The planes of all frames, in the order of their pixels."""
    shared = _first(dataset, "SharedFunctionalGroupsSequence")
    each = dataset.get("PerFrameFunctionalGroupsSequence")
    if shared is None and not each:
        return [_plane([dataset])] * frames
    return [_plane([item, shared, dataset]) for item in (list(each or []) + [None] * frames)[:frames]]


def normal(directions: tuple[float, ...]) -> np.ndarray:
    """The direction across a plane.

    >>> normal((1.0, 0.0, 0.0, 0.0, 1.0, 0.0)).tolist()
    [0.0, 0.0, 1.0]
    """
    return np.cross(directions[:3], directions[3:])


def heights_mm(frames: list[Plane]) -> np.ndarray | None:
    """How far each plane lies along their common normal; None if they have none."""
    first = frames[0].directions
    if first is None or any(not are_parallel(first, plane.directions) for plane in frames):
        return None
    if any(plane.position_mm is None for plane in frames):
        return None
    return np.array([plane.position_mm for plane in frames]) @ normal(first)


def are_parallel(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    """Whether two planes have the same rows and columns of directions."""
    return one is not None and other is not None and bool(np.allclose(one, other, atol=PARALLEL))


def numbers(dataset: Any, keyword: str, how_many: int) -> tuple[float, ...] | None:
    """The numbers of an element; None where there are not so many, or one is no finite number."""
    try:
        value: Any = dataset.get(keyword) if dataset is not None else None
        values = tuple(float(v) for v in (value if how_many > 1 else [value]))
    except (ValueError, TypeError, OverflowError):
        return None
    return values if len(values) == how_many and np.isfinite(values).all() else None


def _plane(places: list[Any]) -> Plane:
    def find(group: str, keyword: str, how_many: int) -> tuple[float, ...] | None:
        for place in places:
            holder = _first(place, group) if place is not None else None
            found = numbers(holder, keyword, how_many) or numbers(place, keyword, how_many)
            if found is not None:
                return found
        return None

    def one(group: str, keyword: str) -> float | None:
        found = find(group, keyword, 1)
        return found[0] if found else None

    slope, intercept, unit = _real_world(places)
    if slope is None:
        scale = "PixelValueTransformationSequence"
        slope, intercept = one(scale, "RescaleSlope"), one(scale, "RescaleIntercept")
        unit = next((text for place in places if (text := _rescale_type(place))), "")
    return Plane(
        find("PlanePositionSequence", "ImagePositionPatient", 3),
        find("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        find("PixelMeasuresSequence", "PixelSpacing", 2),
        one("PixelMeasuresSequence", "SliceThickness"),
        slope,
        intercept,
        unit,
    )


def _real_world(places: list[Any]) -> tuple[float | None, float | None, str]:
    """Slope, intercept and unit of a real world value mapping with one line, where there is one."""
    for place in places:
        item = _first(place, "RealWorldValueMappingSequence") if place is not None else None
        slope = numbers(item, "RealWorldValueSlope", 1)
        intercept = numbers(item, "RealWorldValueIntercept", 1)
        code = _first(item, "MeasurementUnitsCodeSequence") if item is not None else None
        if slope and intercept and code is not None:
            return slope[0], intercept[0], str(code.get("CodeValue", "")).strip()
    return None, None, ""


def _rescale_type(place: Any) -> str:
    if place is None:
        return ""
    holder = _first(place, "PixelValueTransformationSequence")
    text = str((holder if holder is not None else place).get("RescaleType", "") or "").strip()
    return "" if text.upper() in {"US", "UNSPECIFIED"} else text


def _first(dataset: Any, keyword: str) -> Any:
    value = dataset.get(keyword) if dataset is not None else None
    try:
        return value[0] if value else None
    except (TypeError, IndexError):
        return None
