"""A series of slices as one array in the unit of its numbers, and a mask on the same voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydicom.uid import SegmentationStorage

from pipeline.imaging.files import Refusal, quiet, read_whole
from pipeline.imaging.images import text, whole
from pipeline.imaging.planes import Plane, are_parallel, heights_mm, planes
from pipeline.imaging.quality import SAME_MM, Fault

MOST_VOXELS = 1 << 27        # of one series: half a gigabyte of 32-bit numbers
APART = 0.1                  # of a voxel: farther apart are two places
LIVER = {"liver", "whole liver", "entire liver", "lever", "levern"}      # what the one of several segments is called


class Volume(NamedTuple):
    """Slices from the lowest to the highest along their common normal."""

    values: np.ndarray           # slices, rows, columns; after rescaling, as 32-bit numbers
    planes: tuple[Plane, ...]    # in the same order
    heights_mm: np.ndarray
    unit: str                    # as the files say it; "" where they do not
    step: float                  # smallest difference of two stored numbers, after rescaling
    is_scaled: bool              # whether every slice has a slope and an intercept
    frame_of_reference: str      # "" where the slices do not share one
    paths: tuple[Path, ...]

    def spacing_mm(self) -> tuple[float, float]:
        """Between rows, and between columns."""
        rows, columns = self.planes[0].spacing_mm or (np.nan, np.nan)
        return rows, columns


@quiet()
def read_volume(paths: Sequence[Path]) -> Volume | Fault:
    """The volume of a series, or why there is none."""
    everything = tuple(paths)
    frames: list[np.ndarray] = []
    places: list[Plane] = []
    references = set()
    for path in paths:
        dataset = read_whole(path)
        if isinstance(dataset, Refusal):
            return Fault(dataset.kind, (path,), dataset.seen)
        references.add(text(dataset, "FrameOfReferenceUID"))
        stored = _stored(dataset)
        if stored is None:
            return Fault("pixels not decoded", (path,))
        if (len(frames) + len(stored)) * stored[0].size > MOST_VOXELS:
            return Fault("too large to measure", everything)
        for frame, plane in zip(stored, planes(dataset, len(stored)), strict=True):
            slope = 1.0 if plane.slope is None else plane.slope
            frames.append(frame.astype(np.float32) * np.float32(slope) + np.float32(plane.intercept or 0.0))
            places.append(plane)
    heights = heights_mm(places)
    if heights is None:
        return Fault("no positions", everything)
    if len({frame.shape for frame in frames}) > 1:
        return Fault("different size", everything)
    if len({plane.spacing_mm for plane in places}) > 1 or places[0].spacing_mm is None:
        return Fault("different spacing", everything)
    order = np.argsort(heights)
    if (np.diff(heights[order]) < SAME_MM).any():
        return Fault("no positions", everything, "two images lie in one place")
    units = {plane.unit for plane in places}
    return Volume(
        np.stack([frames[i] for i in order]),
        tuple(places[i] for i in order),
        heights[order],
        units.pop() if len(units) == 1 else "",
        min(abs(plane.slope or 1.0) for plane in places),
        all(plane.slope is not None and plane.intercept is not None for plane in places),
        references.pop() if len(references) == 1 else "",
        everything,
    )


@quiet()
def read_mask(paths: Sequence[Path], on: Volume) -> tuple[np.ndarray | None, list[Fault]]:
    """The mask as true and false on the voxels of a volume; None, with the reason, where it does not fit."""
    if len(paths) == 1 and paths[0].suffix == ".npy":
        return _array(paths[0], on)
    if len(paths) == 1:
        dataset = read_whole(paths[0])
        if isinstance(dataset, Refusal):
            return None, [Fault(dataset.kind, (paths[0],), dataset.seen)]
        if dataset.get("SOPClassUID") == SegmentationStorage:
            return _segmentation(dataset, paths[0], on)
    mask = read_volume(paths)
    if isinstance(mask, Fault):
        return None, [mask]
    return _placed(list(mask.values != 0), list(mask.planes), mask.frame_of_reference, on, tuple(paths))


def _array(path: Path, on: Volume) -> tuple[np.ndarray | None, list[Fault]]:
    try:
        mask = np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, OSError, EOFError):
        return None, [Fault("mask not readable", (path,))]
    if mask.dtype.kind not in "biuf" or mask.shape != on.values.shape:
        seen = f"shape {mask.shape} where {on.values.shape} is wanted"
        return None, [Fault("mask elsewhere", (path,), seen)]
    return np.asarray(mask) != 0, [Fault("mask without places", (path,))]


def _segmentation(dataset: Any, path: Path, on: Volume) -> tuple[np.ndarray | None, list[Fault]]:
    stored = _stored(dataset)
    if stored is None:
        return None, [Fault("pixels not decoded", (path,))]
    labels = {whole(item, "SegmentNumber"): text(item, "SegmentLabel").lower()
              for item in dataset.get("SegmentSequence") or ()}
    chosen = list(labels) if len(labels) == 1 else [n for n, label in labels.items() if label in LIVER]
    if len(chosen) != 1:
        return None, [Fault("which segment", (path,))]
    half = (whole(dataset, "MaximumFractionalValue") or 1) / 2
    fractional = text(dataset, "SegmentationType") == "FRACTIONAL"
    numbers = _segments(dataset, len(stored))
    wanted = [i for i, number in enumerate(numbers) if number in (chosen[0], None)]
    places = planes(dataset, len(stored))
    marked = [stored[i] >= half if fractional else stored[i] != 0 for i in wanted]
    return _placed(marked, [places[i] for i in wanted], text(dataset, "FrameOfReferenceUID"), on, (path,))


def _segments(dataset: Any, frames: int) -> list[int | None]:
    """Which segment each frame is of."""
    found: list[int | None] = []
    for item in dataset.get("PerFrameFunctionalGroupsSequence") or ():
        sequence = item.get("SegmentIdentificationSequence")
        found.append(whole(sequence[0], "ReferencedSegmentNumber") if sequence else None)
    return (found + [None] * frames)[:frames]


def _placed(
    marked: list[np.ndarray], places: list[Plane], reference: str, on: Volume, paths: tuple[Path, ...]
) -> tuple[np.ndarray | None, list[Fault]]:
    """Frames put at their places in a volume; frames that the mask leaves out are empty."""
    if reference and on.frame_of_reference and reference != on.frame_of_reference:
        return None, [Fault("mask elsewhere", paths, "another frame of reference")]
    mask = np.zeros(on.values.shape, dtype=bool)
    for frame, plane in zip(marked, places, strict=True):
        index = _slice_of(plane, on)
        if index is None or frame.shape != mask.shape[1:]:
            return None, [Fault("mask elsewhere", paths)]
        mask[index] |= frame
    return mask, []


def _slice_of(plane: Plane, on: Volume) -> int | None:
    """The slice of a volume with the same voxels as a plane."""
    first = on.planes[0]
    if plane.position_mm is None or not are_parallel(plane.directions, first.directions):
        return None
    if plane.spacing_mm is None or first.spacing_mm is None:
        return None
    if not np.allclose(plane.spacing_mm, first.spacing_mm, rtol=1e-3):
        return None
    corners = np.array([there.position_mm for there in on.planes])
    away = np.linalg.norm(corners - np.array(plane.position_mm), axis=1)
    nearest = int(np.argmin(away))
    return nearest if away[nearest] <= APART * min(first.spacing_mm) else None


def _stored(dataset: Any) -> np.ndarray | None:
    """The stored numbers of all frames: frames, rows, columns; None where they cannot be decoded."""
    try:
        pixels = dataset.pixel_array
    except Exception:      # decoders raise a dozen kinds
        return None
    rows, columns = dataset.Rows, dataset.Columns
    return pixels.reshape(-1, rows, columns) if pixels.size % (rows * columns) == 0 else None
