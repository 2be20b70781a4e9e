"""A version of a data set -> readings of liver fat that a study takes as those of any other source.

The error of the measurement is not here: `pdff_percent` has a sensor of its own in `pipeline.fitting`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.delivery import Delivery
from pipeline.imaging.intake import Row, Watch, unwatched
from pipeline.imaging.pdff import ERODE_MM, Pdff, measure
from pipeline.imaging.quality import Fault, as_findings, kinds
from pipeline.imaging.versions import SERIES, read_card_of, verify
from pipeline.runs import RunError, hash_file
from pipeline.schema import TableError, validate

VARIABLE = "pdff_percent"
SEXES = {"M": "male", "F": "female"}
YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


class Reading(NamedTuple):
    """One fat-fraction series of one person and what came of it."""

    row: Row
    result: Pdff | None
    faults: tuple[Fault, ...]


def deliver(
    folder: Path, *, purpose: str = "research", unit: str = "", erode_mm: float = ERODE_MM, watch: Watch = unwatched
) -> Delivery:
    """Liver fat of everybody in a version; `at` is the moved date of the examination.

    Raises `RunError` if the card does not allow the purpose, and `TableError` if files are not as they were.
    """
    card = read_card_of(folder)
    if purpose not in card.purposes:
        allowed = ", ".join(card.purposes) or "none yet"
        raise RunError(f"{folder.parent.name}: its card does not allow {purpose}; it allows {allowed}")
    if problems := verify(folder, watch=watch):
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise TableError(f"{folder}: not as its manifest says: {problems[0]}{more}")
    rows = read_series(folder)
    readings = read_pdff(folder, rows, unit=unit, erode_mm=erode_mm, watch=watch)
    faults = [fault for reading in readings for fault in reading.faults]
    identity = {
        "file": f"{folder.parent.name} {folder.name}",
        "sha256": hash_file(folder / "manifest.json"),
        "licence": card.licence,
        "citation": card.citation,
        "rows": len(rows),
        "note": f"MRI-PDFF of the liver, edge of {erode_mm:g} mm left out; dates are moved",
    }
    return Delivery(
        validate(_people(rows), "delivered_people", folder.name),
        validate(_readings(readings), "delivered_readings", folder.name),
        pd.DataFrame({"system": [], "code": [], "display": [], "count": []}).astype(
            {"system": "str", "code": "str", "display": "str", "count": int}
        ),
        as_findings(faults, lambda path: path.relative_to(folder).as_posix()),
        identity,
    )


def read_series(folder: Path) -> list[Row]:
    """The series of a version."""
    try:
        with (folder / SERIES).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        whole = {"images", "frames"}
        return [Row._make(int(row[f]) if f in whole else row[f] for f in Row._fields) for row in rows]
    except (OSError, TypeError, ValueError, KeyError):
        raise TableError(f"{folder / SERIES}: cannot be read; verify tells more") from None


def read_pdff(
    folder: Path, rows: Sequence[Row], *, unit: str = "", erode_mm: float = ERODE_MM, watch: Watch = unwatched
) -> list[Reading]:
    """Every fat-fraction series with the mask of its study that fits."""
    studies: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        studies[row.person, row.study].append(row)
    readings = []
    for group in watch(list(studies.values()), "measuring"):
        fractions = [row for row in group if row.kind == "fat_fraction"]
        masks = [row for row in group if row.kind == "mask"]
        if not fractions:
            place = (folder / group[0].folder,)
            readings.append(Reading(group[0], None, (Fault("no fat fraction", place),)))
        readings += [_read(folder, row, masks, unit, erode_mm) for row in fractions]
    return readings


def _read(folder: Path, row: Row, masks: Sequence[Row], unit: str, erode_mm: float) -> Reading:
    """One series measured in the first mask that fits; why not, where none does."""
    faults: tuple[Fault, ...] = (Fault("no mask", (folder / row.folder,)),)
    fits = 0
    found: Pdff | None = None
    for mask in masks:
        result = measure(_files(folder, row), _files(folder, mask), unit=unit, erode_mm=erode_mm)
        if isinstance(result, Pdff):
            fits += 1
            found = found or result
        elif found is None:
            faults = result
    if found is None:
        return Reading(row, None, faults)
    told = list(found.faults)
    if fits > 1:
        told.append(Fault("several masks", (folder / row.folder,)))
    if not row.study_date:
        told.append(Fault("no date", (folder / row.folder,)))
    return Reading(row, found, tuple(told))


def _files(folder: Path, row: Row) -> list[Path]:
    return sorted((folder / row.folder).glob("*.dcm"))


def _people(rows: Sequence[Row]) -> pd.DataFrame:
    people = {row.person: row for row in sorted(rows, key=lambda row: row.study_date)}      # as last seen
    return pd.DataFrame(
        {
            "person_id": list(people),
            "sex": [SEXES.get(row.sex) for row in people.values()],
            "birth_date": np.full(len(people), np.datetime64("NaT"), dtype="datetime64[s]"),
            "age_years": [_years(row.age) for row in people.values()],
        }
    ).astype({"person_id": "str", "sex": "str", "age_years": float})


def _readings(readings: Sequence[Reading]) -> pd.DataFrame:
    taken = [(reading.row, reading.result) for reading in readings if reading.result is not None]
    return pd.DataFrame(
        {
            "person_id": [row.person for row, _ in taken],
            "at": np.array([_moment(row) for row, _ in taken], dtype="datetime64[s]"),
            "phase": ["" if row.study_date else "examination" for row, _ in taken],
            "variable": [VARIABLE] * len(taken),
            "value": [result.percent for _, result in taken],
            "text": [None] * len(taken),
            "flag": [_flag(result) for _, result in taken],
            "source": [row.folder for row, _ in taken],
        }
    ).astype(dict.fromkeys(("person_id", "phase", "variable", "text", "flag", "source"), "str") | {"value": float})


def _flag(result: Pdff) -> str:
    return ", ".join(sorted({fault.kind for fault in result.faults if kinds()[fault.kind].severity == "suspect"}))


def _moment(row: Row) -> np.datetime64:
    date, time = row.study_date, row.study_time.partition(".")[0].ljust(6, "0")
    if len(date) != 8:
        return np.datetime64("NaT")
    day = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return np.datetime64(f"{day}T{time[:2]}:{time[2:4]}:{min(int(time[4:6]), 59):02d}" if row.study_time else day, "s")


def _years(age: str) -> float:
    return int(age[:3]) * YEARS[age[3]] if age else np.nan
