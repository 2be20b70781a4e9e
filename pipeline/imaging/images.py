"""What is known of each image before its pixels are read: whose it is, of which series, where it lies."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydicom.uid import UID_dictionary

from pipeline.imaging.files import Header, Refusal, quiet, read_header
from pipeline.imaging.identity import fold
from pipeline.imaging.planes import Plane, planes

MOST_FRAMES = 100_000      # more are a broken number: a whole-slide image has fewer


class Image(NamedTuple):
    """One file of images, without its pixels. What tells of a person stays in memory and is never written."""

    path: Path
    number: int                    # of the file in its folder, from 1: what it is called where its name may tell
    bytes: int
    patient: str                   # patient number and who issued it
    person: tuple[str, str, str]   # name, birth date, sex
    study: str
    series: str
    instance: str
    sop_class: str
    syntax: str
    modality: str
    kind: str                      # of `series_kinds.csv`, or ""
    rows: int
    columns: int
    frames: int
    bits: int                      # of a sample as stored
    samples: int
    photometric: str
    instance_number: int | None
    announced: int | None          # images in the acquisition, as the file says
    frame_of_reference: str
    declared: int | None           # length of the pixels; None where they are compressed
    left: int                      # bytes of the file that could be pixels
    burned_in: str                 # YES, NO or ""
    face: str
    body_part: str
    suspects: tuple[str, ...]      # why text may be burned in: rows of `burned_in.csv`
    planes: tuple[Plane, ...]


@quiet()
def read_image(path: Path, number: int) -> Image | Refusal:
    """What the header of a file says, or why the file is not taken."""
    header = read_header(path)
    if isinstance(header, Refusal):
        return header
    try:
        return _image(path, number, header)
    except Exception as fault:      # a number that is no number, a name in no alphabet: pydicom raises a dozen kinds
        return Refusal("corrupt", f"an element of the header cannot be read ({type(fault).__name__})")


def _image(path: Path, number: int, header: Header) -> Image | Refusal:
    dataset = header.dataset
    if text(dataset, "SOPClassUID") not in UID_dictionary:
        return Refusal("unknown object")
    if not header.pixels:
        return Refusal("no pixels")
    names = [text(dataset, name) for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    if not all(names):
        return Refusal("no identity")
    frames = whole(dataset, "NumberOfFrames") or 1
    if not 1 <= frames <= MOST_FRAMES:
        return Refusal("corrupt", "a number of frames that cannot be")
    return Image(
        path=path,
        number=number,
        bytes=header.bytes,
        patient=patient_key(dataset),
        person=(fold(text(dataset, "PatientName")), text(dataset, "PatientBirthDate"), text(dataset, "PatientSex")),
        study=names[1],
        series=names[2],
        instance=names[3],
        sop_class=text(dataset, "SOPClassUID"),
        syntax=str(dataset.file_meta.TransferSyntaxUID),
        modality=text(dataset, "Modality"),
        kind=series_kind(dataset),
        rows=whole(dataset, "Rows") or 0,
        columns=whole(dataset, "Columns") or 0,
        frames=frames,
        bits=whole(dataset, "BitsAllocated") or 0,
        samples=whole(dataset, "SamplesPerPixel") or 1,
        photometric=text(dataset, "PhotometricInterpretation"),
        instance_number=whole(dataset, "InstanceNumber"),
        announced=whole(dataset, "ImagesInAcquisition"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        declared=header.declared,
        left=header.left,
        burned_in=text(dataset, "BurnedInAnnotation").upper(),
        face=text(dataset, "RecognizableVisualFeatures").upper(),
        body_part=text(dataset, "BodyPartExamined").upper(),
        suspects=tuple(row["why"] for row in _table("burned_in.csv") if _matches(dataset, row, f"^{row['value']}$")),
        planes=tuple(planes(dataset, frames)),
    )


def patient_key(dataset: Any) -> str:
    """The patient number as it is compared: without spaces, and without the dashes of a number of digits."""
    number = re.sub(r"\s", "", text(dataset, "PatientID")).upper()
    if re.fullmatch(r"[\d-]+", number):
        number = number.replace("-", "")
    return f"{number}\0{text(dataset, 'IssuerOfPatientID').upper()}"


def series_kind(dataset: Any) -> str:
    """What a series shows, as far as its description and type tell: the description itself does not survive."""
    for row in _table("series_kinds.csv"):
        if _matches(dataset, row, row["pattern"]):
            return row["kind"]
    return ""


def text(dataset: Any, keyword: str) -> str:
    """The value of an element as text; several values stand with backslashes between them."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    return "\\".join(map(str, value)) if hasattr(value, "append") else str(value).strip()


def whole(dataset: Any, keyword: str) -> int | None:
    """The value of an element as a whole number; None where it is none."""
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return None


def _matches(dataset: Any, row: dict[str, str], key: str) -> bool:
    pattern = re.compile(key, re.IGNORECASE)
    return any(pattern.search(part.strip()) for part in text(dataset, row["element"]).split("\\"))


@cache
def _table(name: str) -> list[dict[str, str]]:
    content = files("pipeline.imaging").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(content.splitlines()))
