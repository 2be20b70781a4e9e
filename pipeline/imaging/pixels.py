"""Pixels: whether they decode, and whether bright marks in them stand in rows as letters do.

The search for marks is a coarse net. It was tried on drawn text and on phantoms, not on the screens of real machines:
it finds rows of sharp full-scale letters and misses faint or large ones. What a file says of itself counts first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.pixels import iter_pixels
from scipy import ndimage

from pipeline.imaging.files import quiet

BRIGHT = 0.8                   # of the range of a frame, from which on a pixel counts as a mark
LEAST_MARKS = 7                # letters in one row
HEIGHTS, WIDTHS = (5, 48), (2, 48)      # pixels of a letter
INK = (0.15, 0.95)             # share of its box that a letter fills
TOO_BRIGHT = 0.25              # share of a frame beyond which bright pixels are no marks on it


@quiet()
def why_not_decoded(dataset: Any) -> str:
    """Why the pixels of a whole data set cannot be decoded, frame by frame; "" where they can."""
    try:
        for frame in iter_pixels(dataset, raw=True):
            if frame.size == 0:
                return "a frame is empty"
    except Exception as fault:      # decoders raise a dozen kinds
        return f"the decoder stops with {type(fault).__name__}"
    return ""


@quiet()
def first_frame(dataset: Any) -> np.ndarray | None:
    """The first frame in grey; None where it cannot be decoded."""
    try:
        frame = next(iter_pixels(dataset, raw=True))
    except Exception:
        return None
    return frame.max(axis=-1) if frame.ndim == 3 else frame


def looks_like_text(frame: np.ndarray) -> bool:
    """Whether a frame has a row of small marks at the end of its range, of the size and ink of letters."""
    low, high = float(frame.min()), float(frame.max())
    if high <= low or frame.ndim != 2:
        return False
    bright = frame >= low + BRIGHT * (high - low)
    if bright.mean() > TOO_BRIGHT:
        return False
    labels, count = ndimage.label(bright, structure=np.ones((3, 3)))
    if count < LEAST_MARKS:
        return False
    boxes = ndimage.find_objects(labels)
    ink = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    size = np.array([[rows.stop - rows.start, columns.stop - columns.start] for rows, columns in boxes])
    feet = np.array([rows.stop for rows, _ in boxes])
    share = ink / size.prod(axis=1)
    letters = (
        (size[:, 0] >= HEIGHTS[0]) & (size[:, 0] <= HEIGHTS[1])
        & (size[:, 1] >= WIDTHS[0]) & (size[:, 1] <= WIDTHS[1])
        & (share >= INK[0]) & (share <= INK[1])
    )  # fmt: skip
    return any(
        ((np.abs(feet - foot) <= 1) & (np.abs(size[:, 0] - height) <= 0.3 * height) & letters).sum() >= LEAST_MARKS
        for foot, height in zip(feet[letters], size[letters, 0], strict=True)
    )
