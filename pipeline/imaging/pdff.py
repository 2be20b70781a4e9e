"""Liver fat from a fat-fraction series and a mask: the middle of the voxels well inside, and whether to trust it.

The edge of the mask is left out slice by slice, because slices are thick and masks are drawn in them. What is out of
range, too little, or of two kinds becomes a finding; what a reading cannot be made of gives none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from pipeline.imaging.quality import GAP, Fault, usual_step
from pipeline.imaging.volume import Volume, read_mask, read_volume
from pipeline.runs import RunError

ERODE_MM = 5.0            # assumed: more than a voxel, less than a lobe
FEWEST, FEW = 50, 200     # voxels left: none below the first, flagged below the second; assumed
MARGIN = 10.0             # points below 0 and above 100 that noise reaches; beyond it a voxel is left out
OUTSIDE = 0.05            # share of such voxels that is flagged
TWO_GROUPS = 0.8          # share of variance between the halves; 0.64 in one normal group, 0.75 if all values are even
LEAST_SHARE, LEAST_POINTS = 0.1, 5.0      # of two groups: size of the smaller, and distance
UNITS = {"percent": 1.0, "permille": 0.1, "fraction": 100.0}      # to per cent
SPELLINGS = {
    "%": "percent", "pcnt": "percent", "percent": "percent", "percentage": "percent", "per cent": "percent",
    "[ppth]": "permille", "permille": "permille", "‰": "permille", "ppth": "permille", "permil": "permille",
    "1": "fraction", "fraction": "fraction", "ratio": "fraction", "{ratio}": "fraction",
}  # fmt: skip
# The largest values (99.5 %) of a whole abdomen, with its fat below the skin, by which a unit can be told.
LEAN = 50.0               # times smaller they may be where a unit is said: a picture of a lean liver alone
SIZES = (("percent", 60.0, 120.0), ("permille", 600.0, 1200.0), ("fraction", 0.6, 1.2))


class Pdff(NamedTuple):
    """The fat fraction of a liver, and what it was measured on."""

    percent: float
    low_percent: float         # a quarter of the voxels lie below
    high_percent: float        # a quarter lie above
    voxels: int                # inside, after the edge was taken off
    millilitres: float         # of the whole mask
    unit: str                  # that the numbers were in
    faults: tuple[Fault, ...]


def measure(
    series: Sequence[Path], mask: Sequence[Path], *, unit: str = "", erode_mm: float = ERODE_MM
) -> Pdff | tuple[Fault, ...]:
    """The fat fraction in the mask, or the reasons why there is none. `unit` (of `UNITS`) overrides the files."""
    if unit and unit not in UNITS:
        raise RunError(f"unit {unit!r} is not known; there are {', '.join(UNITS)}")
    volume = read_volume(series)
    if isinstance(volume, Fault):
        return (volume,)
    marked, faults = read_mask(mask, volume)
    if marked is None:
        return tuple(faults)
    return measure_volume(volume, marked, unit=unit, erode_mm=erode_mm, faults=faults)


def measure_volume(
    volume: Volume, marked: np.ndarray, *, unit: str = "", erode_mm: float = ERODE_MM, faults: Sequence[Fault] = ()
) -> Pdff | tuple[Fault, ...]:
    """As `measure`, of a volume and its mask in memory."""
    found = list(faults)
    found += _gaps(volume)
    if not volume.is_scaled:
        found.append(Fault("absent rescale", volume.paths))
    known, doubt = _unit(volume, unit)
    found += doubt
    if known is None:
        return tuple(found)
    inside = eroded(marked, volume.spacing_mm(), erode_mm)
    if (left := int(inside.sum())) < FEWEST:
        return (*found, Fault("mask too small", volume.paths, f"{left} of {int(marked.sum())} voxels"))
    if left < FEW:
        found.append(Fault("small mask", volume.paths, f"{left} of {int(marked.sum())} voxels"))
    values = volume.values[inside].astype(float) * UNITS[known]
    possible = values[(values >= -MARGIN) & (values <= 100.0 + MARGIN)]
    outside = 1.0 - possible.size / values.size
    if outside > 0.5:
        return (*found, Fault("mostly out of range", volume.paths, f"{outside:.0%} of the voxels"))
    if outside > OUTSIDE:
        found.append(Fault("values out of range", volume.paths, f"{outside:.0%} of the voxels"))
    middle = even_median(possible, volume.step * UNITS[known])
    low, high = np.quantile(possible, (0.25, 0.75))
    if has_two_groups(possible):
        found.append(Fault("two groups of values", volume.paths))
    if middle > 50.0:
        found.append(Fault("more fat than water", volume.paths))
    return Pdff(
        float(np.clip(middle, 0.0, 100.0)),
        float(low),
        float(high),
        int(possible.size),
        float(marked.sum() * np.prod(volume.spacing_mm()) * _thickness_mm(volume) / 1000.0),
        known,
        tuple(found),
    )


def eroded(mask: np.ndarray, spacing_mm: tuple[float, float], by_mm: float) -> np.ndarray:
    """The voxels of each slice whose centre lies more than `by_mm` from that of the nearest voxel outside."""
    inside = np.zeros_like(mask, dtype=bool)
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        framed = np.pad(mask[index], 1)      # beyond the edge of the picture nothing is marked
        inside[index] = ndimage.distance_transform_edt(framed, sampling=spacing_mm)[1:-1, 1:-1] > by_mm
    return inside & mask


def even_median(values: np.ndarray, step: float) -> float:
    """The median of values that were rounded to steps, as if they lay evenly within their step.

    Without it, whole per cents would give a whole per cent, whatever the liver has.

    >>> even_median(np.array([1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 5.0]), 1.0)
    3.7
    """
    middle = float(np.median(values))
    near = np.abs(values - middle) < step / 2
    if not near.any():
        return middle
    middle = float(np.median(values[near]))
    below = int((values < middle - step / 4).sum())
    return middle - step / 2 + step * (values.size / 2 - below) / int(near.sum())


def has_two_groups(values: np.ndarray) -> bool:
    """Whether values fall into two groups: the best cut in two explains most of their variance.

    A cut of one normal group explains 2/pi of it.
    """
    ordered = np.sort(values)
    counts = np.arange(1, ordered.size)
    lower = np.cumsum(ordered)[:-1] / counts
    upper = (ordered.sum() - lower * counts) / (ordered.size - counts)
    between = counts * (ordered.size - counts) / ordered.size**2 * (upper - lower) ** 2
    best = int(np.argmax(between))
    share = min(counts[best], ordered.size - counts[best]) / ordered.size
    total = ordered.var()
    return bool(
        total > 0
        and between[best] / total > TWO_GROUPS
        and share >= LEAST_SHARE
        and upper[best] - lower[best] >= LEAST_POINTS
    )


def _unit(volume: Volume, wanted: str) -> tuple[str | None, list[Fault]]:
    """The unit of the numbers: as told, as the files say, or by their size, which is a finding."""
    top = float(np.quantile(np.abs(volume.values), 0.995))
    said = wanted or SPELLINGS.get(volume.unit.lower(), "")
    if said:
        least, most = next((low, high) for name, low, high in SIZES if name == said)
        if not least / LEAN <= top <= most:
            return None, [Fault("unit contradicted", volume.paths, f"{said}, and {top:.4g} is found")]
        return said, []
    fits = [name for name, low, high in SIZES if low <= top <= high]
    if len(fits) != 1:
        return None, [Fault("unit unknown", volume.paths)]
    return fits[0], [Fault("unit by size", volume.paths, fits[0])]


def _thickness_mm(volume: Volume) -> float:
    steps = np.diff(volume.heights_mm)
    return float(np.median(steps)) if steps.size else volume.planes[0].thickness_mm or 0.0


def _gaps(volume: Volume) -> list[Fault]:
    steps = np.diff(volume.heights_mm)
    if steps.size < 2:
        return []
    gaps = int((steps > GAP * usual_step(steps)).sum())
    return [Fault("missing slice", volume.paths, f"{gaps} gaps")] if gaps else []
