"""What is wrong with files, series and people of a folder of images: findings of the closed list `quality.csv`.

A fault names the files it is about, so that intake can leave out what is refused.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from pipeline.delivery import Finding, Severity
from pipeline.imaging.images import Image
from pipeline.imaging.planes import PARALLEL, heights_mm

SAME_MM = 0.01           # positions closer than this are one place
UNEVEN = 0.1             # of the usual distance
GAP = 1.5                # usual distances from which one counts as a gap
HEADS = {"HEAD", "BRAIN", "FACE", "SKULL", "NECK", "HEADNECK", "JAW", "ORBIT", "EAR", "SINUS"}
FLAGGED = ("burned-in text", "text not excluded", "text-like marks", "recognisable face")      # taken if told so


class Kind(NamedTuple):
    """One row of the list of what can be found."""

    kind: str
    severity: Severity
    what: str


class Fault(NamedTuple):
    """One thing found, and the files it is about."""

    kind: str
    files: tuple[Path, ...]
    seen: str = ""


@cache
def kinds() -> Mapping[str, Kind]:
    """Everything that can be found, by name."""
    content = files("pipeline.imaging").joinpath("quality.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(content.splitlines())
    return {row["kind"]: Kind(row["kind"], cast(Severity, row["severity"]), row["what"]) for row in rows}


def uses() -> Mapping[str, tuple[tuple[str, ...], str]]:
    """The intended uses of a card: the modalities that each wants (none: any) and the kind of series it needs."""
    content = files("pipeline.imaging").joinpath("intended_uses.csv").read_text(encoding="utf-8")
    return {
        row["name"]: (tuple(filter(None, row["modalities"].split("|"))), row["needs"])
        for row in csv.DictReader(content.splitlines())
    }


def inspect(images: Sequence[Image], use: str = "any", *, allow: Iterable[str] = ()) -> list[Fault]:
    """Everything wrong with the images, without their pixels; `allow` holds kinds of `FLAGGED` that are let pass."""
    passed = set(allow)
    faults = [fault for image in images for fault in _of_image(image) if fault.kind not in passed]
    faults += _doubled(images) + _people(images)
    for series in by_series(images).values():
        faults += _of_series(series, use)
    return faults


def by_series(images: Iterable[Image]) -> dict[str, list[Image]]:
    """The images of each series, in the order of their files."""
    series: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        series[image.series].append(image)
    return dict(series)


def as_findings(faults: Iterable[Fault], name: Callable[[Path], str]) -> tuple[Finding, ...]:
    """The faults in words, one finding for all of one kind in one place; `name` tells how a file is called."""
    grouped: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in faults:
        place = name(fault.files[0]) if len(fault.files) == 1 else _common(fault.files, name)
        grouped[fault.kind, place if len(fault.files) > 1 else ""].append(fault)
    findings = []
    for (kind, place), group in grouped.items():
        known, first = kinds()[kind], name(group[0].files[0])
        seen = next((f": {fault.seen}" for fault in group if fault.seen), "")
        what = f"{known.what}{seen}"
        findings.append(Finding(kind, known.severity, place or first, what, len(group), first))
    order = ("refused", "suspect", "note")
    return tuple(sorted(findings, key=lambda finding: (order.index(finding.severity), finding.kind, finding.place)))


def expected_bytes(image: Image) -> int:
    """How long uncompressed pixels must be, padded to an even number."""
    samples = image.rows * image.columns * image.frames * image.samples
    if image.photometric == "YBR_FULL_422":      # two of three samples are shared by two pixels
        samples = samples * 2 // 3
    length = (samples * image.bits + 7) // 8
    return length + length % 2


def _common(paths: Sequence[Path], name: Callable[[Path], str]) -> str:
    return f"series of {len(paths)} file{'s' if len(paths) > 1 else ''} from {name(paths[0])}"


def _of_image(image: Image) -> list[Fault]:
    faults = []

    def add(kind: str, seen: str = "") -> None:
        faults.append(Fault(kind, (image.path,), seen))

    syntax = UID(image.syntax)
    if syntax.is_compressed:
        try:
            decodable = get_decoder(syntax).is_available
        except NotImplementedError:
            decodable = False
        if not decodable:
            add("not decodable", syntax.name)
    elif image.declared is None:
        add("pixel length", "no length is declared, though the pixels are not compressed")
    elif image.declared > image.left:
        add("corrupt", f"declares {image.declared} bytes of pixels, and {image.left} are left")
    elif image.declared != expected_bytes(image):
        add("pixel length", f"{image.declared} bytes where {expected_bytes(image)} are expected")
    if image.burned_in == "YES":
        add("burned-in text")
    elif image.burned_in != "NO" and image.suspects:
        add("text not excluded", image.suspects[0])
    if image.face == "YES":
        add("recognisable face")
    elif image.body_part in HEADS:
        add("head")
    return faults


def _doubled(images: Iterable[Image]) -> list[Fault]:
    first: dict[str, Path] = {}
    faults = []
    for image in images:
        if first.setdefault(image.instance, image.path) != image.path:
            faults.append(Fault("doubled UID", (image.path,)))
    return faults


def _people(images: Iterable[Image]) -> list[Fault]:
    """Patient numbers under which two people seem to stand: the number alone decides whose an image is."""
    seen: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        if not any(image.person == other.person for other in seen[image.patient]):
            seen[image.patient].append(image)
    faults = []
    for patient, different in seen.items():
        told = [label for position, label in ((1, "birth date"), (2, "sex"))
                if len({image.person[position] for image in different} - {""}) > 1]
        words = [set(image.person[0].split()) for image in different if image.person[0].split()]
        if len(words) > 1 and not set.intersection(*words):
            told.append("name")
        if told:
            paths = tuple(image.path for image in images if image.patient == patient)
            faults.append(Fault("one number for two people", paths, ", ".join(told)))
    return faults


def _of_series(images: list[Image], use: str) -> list[Fault]:
    paths = tuple(image.path for image in images)
    faults: list[Fault] = []

    def add(kind: str, seen: str = "") -> None:
        faults.append(Fault(kind, paths, seen))

    def differ(what: Callable[[Image], object]) -> int:
        return len({what(image) for image in images})

    if (people := differ(lambda image: image.patient)) > 1:
        add("several people", f"{people} patient numbers")
    if differ(lambda image: (image.modality, image.sop_class)) > 1:
        add("several kinds")
    if differ(lambda image: (image.rows, image.columns)) > 1:
        add("different size")
    if differ(lambda image: image.frame_of_reference) > 1:
        add("different frame of reference")
    frames = [plane for image in images for plane in image.planes]
    if len({(plane.spacing_mm, plane.thickness_mm) for plane in frames}) > 1:
        add("different spacing")
    modalities = uses()[use][0]
    if modalities and any(image.modality not in modalities for image in images):
        add("wrong modality", f"{' or '.join(modalities)} is wanted")
    scaled = images[0].modality in {"CT", "PT"} or images[0].kind == "fat_fraction"
    if scaled and any(plane.slope is None or plane.intercept is None for plane in frames):
        lacking = sum(plane.slope is None or plane.intercept is None for plane in frames)
        add("absent rescale", f"{lacking} of {len(frames)} frames")
    announced = max((image.announced or 0 for image in images), default=0)
    if announced > len(frames):
        add("fewer images", f"{len(frames)} of {announced}")
    if len(frames) > 1 and images[0].kind != "localizer":
        faults += _geometry(images, paths)
    return faults


def _geometry(images: list[Image], paths: tuple[Path, ...]) -> list[Fault]:
    frames = [plane for image in images for plane in image.planes]
    if any(plane.position_mm is None or plane.directions is None for plane in frames):
        cross = all(image.modality in {"MR", "CT", "PT"} for image in images)
        return [Fault("no positions", paths)] if cross else []
    heights = heights_mm(frames)
    if heights is None:
        first = np.array(frames[0].directions)
        other = sum(np.abs(np.array(plane.directions) - first).max() > PARALLEL for plane in frames)
        return [Fault("different orientation", paths, f"{other} of {len(frames)} frames")]
    if images[0].modality == "SEG":      # leaves out the frames in which nothing is marked
        return []
    faults = []
    places = distinct(heights)
    steps = np.diff(places)
    if steps.size > 1:
        usual = usual_step(steps)
        gaps = steps[steps > GAP * usual]
        if gaps.size:
            lost = int(sum(round(step / usual) - 1 for step in gaps))
            faults.append(Fault("missing slice", paths, f"{lost} in {gaps.size} gap{'s' if gaps.size > 1 else ''}"))
        if (np.abs(steps[steps <= GAP * usual] - usual) > UNEVEN * usual).any():
            faults.append(Fault("uneven slices", paths, f"{steps.min():.2f} to {steps.max():.2f} mm apart"))
    at_place = Counter(np.searchsorted(places, heights - SAME_MM).tolist())
    if len(set(at_place.values())) > 1:
        most = max(at_place.values())
        lost = sum(most - count for count in at_place.values())
        faults.append(Fault("missing slice", paths, f"{lost} where other places have {most} images"))
    if len(frames) == len(images):
        faults += _numbering(images, heights, paths)
    return faults


def usual_step(steps: np.ndarray) -> float:
    """The distance between neighbours: the one in the middle, or half of it if all are multiples of that.

    >>> usual_step(np.array([10.0, 5.0, 10.0])), usual_step(np.array([5.0, 4.0, 5.0]))
    (5.0, 5.0)
    """
    middle, multiples = float(np.sort(steps)[(steps.size - 1) // 2]), steps / steps.min()
    is_half = steps.min() > (0.5 - UNEVEN) * middle and (np.abs(multiples - np.round(multiples)) < UNEVEN).all()
    return float(steps.min()) if is_half else middle


def distinct(heights: np.ndarray) -> np.ndarray:
    """The different heights, rising; those closer than a hundredth of a millimetre are one.

    >>> distinct(np.array([3.0, 0.0, 3.001, 6.0])).tolist()
    [0.0, 3.0, 6.0]
    """
    ordered = np.sort(heights)
    return ordered[np.concatenate([[True], np.diff(ordered) > SAME_MM])]


def _numbering(images: list[Image], heights: np.ndarray, paths: tuple[Path, ...]) -> list[Fault]:
    given = [image.instance_number for image in images]
    if None in given or len(set(given)) < len(given):
        return [Fault("unsorted numbers", paths, "some are missing or stand twice")]
    steps = np.diff(heights[np.argsort(np.array(given, dtype=float))])
    one_way = (steps > -SAME_MM).all() or (steps < SAME_MM).all()
    several = len(distinct(heights)) < len(heights)      # echoes or phases: each place comes more than once
    return [] if one_way or several else [Fault("unsorted numbers", paths, "they jump between places")]
