"""Any CSV file, as mapped by the study: a row a person, or a row a visit if `time_d` is mapped.

All faults of a file are gathered and reported together, each with the row number that a spreadsheet shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.cohorts.csv_text import read_text
from pipeline.cohorts.faults import Faults, Place
from pipeline.cohorts.source import Defect, Part, Source, checked_range, long_table
from pipeline.runs import hash_file
from pipeline.schema import TableError, Variable
from pipeline.sections import Column, CsvCohort, CsvFile
from pipeline.units import convert, is_implausible, likely_units

TIME = Variable("time_d", "number", "d", None, None, (), "Days from time zero; 0 is the index visit")
REQUIRED = ("age_years", "sex")
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
DECIMAL_COMMA = r"[+-]?\d+,\d+"
LOOKS_MISSING = {"-", "--", ".", "?", "n/a", "na", "nan", "none", "null", "missing", "unknown", "not known"}
FEW = 5    # readings below which a column says nothing about its unit


class Read(NamedTuple):
    """A file in canonical variables: whose row each is, of which day, and what stands in it."""

    person_id: pd.Series
    time_d: np.ndarray
    group_id: pd.Series
    parts: dict[str, Part]                       # by variable, a reading a row
    conversions: dict[str, dict[str, int]]
    defects: list[Defect]
    rows: int


def load(cohort: CsvCohort, known: Mapping[str, Variable]) -> Source:
    """The file in canonical variables; raises `TableError` that lists every fault of the file."""
    read = read_csv(cohort, known, required=REQUIRED)
    people = _people(read.person_id, read.time_d, read.parts, read.group_id)
    identity = {
        "file": cohort.path.name,
        "sha256": hash_file(cohort.path),
        "licence": "that of the file's owner",
        "citation": "file of the user",
        "rows": read.rows,
        "note": "a row a visit" if "time_d" in cohort.columns else "a row a person",
    }
    observed = [part for name, part in read.parts.items() if name not in REQUIRED]
    observations = long_table(read.person_id, read.time_d, observed)
    return Source(people, observations, tuple(read.parts), identity, read.conversions, read.defects)


def read_csv(cohort: CsvFile, known: Mapping[str, Variable], required: Sequence[str] = ()) -> Read:
    """The rows of the file, of which all must have what is `required`; raises `TableError` with every fault."""
    frame, blank = read_text(cohort)
    faults = Faults(cohort.path.name, frame.index)
    _check_headings(cohort, frame, faults, required)
    faults.raise_any()    # without its columns nothing else can be said of a file
    person_id, time_d = _rows(frame, cohort, faults)

    parts: dict[str, Part] = {}
    conversions: dict[str, dict[str, int]] = {}
    defects = [Defect("blank row", "whole file", blank, None, "skipped")]
    for name, column in cohort.columns.items():
        if name == "time_d":
            continue
        variable, place = known[name], Place(column.column, name, frame[column.column])
        if name in required:
            faults.add(place.cells.isin(column.missing), place, "is missing; every row needs it")
        if variable.kind == "category":
            texts = _levels(place, column, variable, faults)
            parts[name] = Part(variable, texts, np.full(len(texts), "", dtype=object))
            continue
        values, units = _numbers(frame, place, column, variable, faults)
        _check_scale(values, place, column, variable, faults)
        parts[name] = checked_range(variable, values)
        outside = int((parts[name].flags != "").sum())
        what = f"outside {variable.allowed()}"
        defects.append(Defect(what, column.column, outside, None, "set missing, flagged"))
        if units:
            conversions[name] = units
    _check_pressures(cohort, parts, faults)
    if "time_d" in cohort.columns and "sex" in cohort.columns:
        heading = cohort.columns["sex"].column
        _check_same_sex(Place(heading, "sex", frame[heading]), person_id, faults)
    faults.raise_any()
    group_id = frame[cohort.group_id] if cohort.group_id else person_id
    return Read(person_id, time_d, group_id, parts, conversions, defects, len(frame))


def _check_headings(cohort: CsvFile, frame: pd.DataFrame, faults: Faults, required: Sequence[str]) -> None:
    headings = [str(h) for h in frame.columns]
    used = {"[cohort] person_id": cohort.person_id}
    if cohort.group_id:
        used["[cohort] group_id"] = cohort.group_id
    for name, column in cohort.columns.items():
        used[f"[cohort.columns] {name}, column"] = column.column
        if column.unit_column:
            used[f"[cohort.columns] {name}, unit_column"] = column.unit_column
    if len(headings) == 1 and any(mark in headings[0] for mark in ";\t|,"):
        faults.line(f"has one heading only, {headings[0]!r}; set separator under [cohort]")
        return
    for place, heading in used.items():
        if heading not in headings:
            near = get_close_matches(heading, headings, n=2, cutoff=0.5)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            faults.line(f"no column {heading}, wanted by {place}{hint}")
        elif headings.count(heading) > 1:
            faults.line(f"column {heading} (wanted by {place}) stands {headings.count(heading)} times")
    if not set(used.values()) <= set(headings):
        faults.line(f"its columns are {', '.join(headings)}")
    for name in required:
        if name not in cohort.columns:
            faults.line(f"{name} is not mapped; every person needs it: add it under [cohort.columns]")


def _rows(frame: pd.DataFrame, cohort: CsvFile, faults: Faults) -> tuple[pd.Series, np.ndarray]:
    """Whose row each is, and of which day."""
    person_id = frame[cohort.person_id]
    place = Place(cohort.person_id, "person_id", person_id)
    faults.add(person_id == "", place, "is no identifier; every row needs one")
    if cohort.group_id:
        groups = frame[cohort.group_id]
        group_place = Place(cohort.group_id, "group_id", groups)
        faults.add(groups == "", group_place, "is no group; every row needs one")
    if "time_d" not in cohort.columns:
        repeated = person_id.duplicated(keep=False) & (person_id != "")
        hint = "for a row a visit, map the days from time zero as [cohort.columns.time_d]"
        faults.add(repeated, place, "stands in several rows", hint)
        return person_id, np.zeros(len(frame))
    column = cohort.columns["time_d"]
    place = Place(column.column, "time_d", frame[column.column])
    time_d, _ = _numbers(frame, place, column, TIME, faults)
    absent = place.cells.isin(column.missing)
    faults.add(absent, place, "is no time; every visit needs its days from time zero")
    return person_id, time_d


def _coded(place: Place, column: Column) -> tuple[pd.Series, np.ndarray]:
    """The cells after `codes`, and which of them are missing."""
    texts = place.cells.astype(object)
    return texts.map(lambda text: column.codes.get(text, text)), texts.isin(column.missing).to_numpy()


def _levels(place: Place, column: Column, variable: Variable, faults: Faults) -> np.ndarray:
    texts, missing = _coded(place, column)
    if variable.levels:
        wrong = ~texts.isin(variable.levels) & ~missing
        given = sorted(set(place.cells[wrong]))
        example = f'codes = {{ "{given[0]}" = "{variable.levels[0]}" }}' if given else ""
        hint = f"codes not known: {', '.join(given)}; map each, such as {example}"
        faults.add(wrong, place, f"is not {variable.allowed()}", hint)
    return texts.mask(missing, None).to_numpy()


def _numbers(
    frame: pd.DataFrame, place: Place, column: Column, variable: Variable, faults: Faults
) -> tuple[np.ndarray, dict[str, int]]:
    """The cells as numbers in the variable's unit; and how many came from which other unit."""
    texts, missing = _coded(place, column)
    is_number = texts.astype("str").str.fullmatch(NUMBER).to_numpy(dtype=bool) & ~missing
    wrong = ~is_number & ~missing
    faults.add(wrong, place, "is not a number", _hint_number(place.cells[wrong], variable))
    written = np.array([float(text) if ok else np.nan for text, ok in zip(texts, is_number, strict=True)])
    if column.unit_column is None:
        unit = column.unit or variable.unit
        try:
            return _converted(written, {unit: is_number}, variable)
        except TableError as fault:
            faults.line(f"{place.words()}: {fault}; set unit under [cohort.columns]")
            return np.full(len(written), np.nan), {}
    units = frame[column.unit_column]
    where = {unit: (units == unit).to_numpy() & is_number for unit in dict.fromkeys(units)}
    unit_place = Place(column.unit_column, f"unit of {place.name}", units)
    for unit in list(where):
        try:
            _converted(written, {unit: where[unit]}, variable)
        except TableError as fault:
            faults.add(where.pop(unit), unit_place, str(fault).removeprefix(f"unit {unit!r} "))
    return _converted(written, where, variable)


def _converted(
    written: np.ndarray, where: Mapping[str, np.ndarray], variable: Variable
) -> tuple[np.ndarray, dict[str, int]]:
    values, converted = np.full(len(written), np.nan), {}
    for unit, rows in where.items():
        if unit == "" and rows.any():
            raise TableError(f"is no unit; every {variable.name} needs one, such as {variable.unit}")
        values[rows] = convert(written[rows], unit or variable.unit, variable)
        if unit != variable.unit and rows.any():
            converted[unit] = int(rows.sum())
    return values, converted


def _hint_number(cells: pd.Series, variable: Variable) -> str:
    marks = sorted(text for text in set(cells) if text.lower() in LOOKS_MISSING)
    hint = f"allowed {variable.allowed()}"
    if marks:
        listed = ", ".join(f'"{text}"' for text in ("", "NA", *marks))
        hint += f"; if {marks[0]!r} means not known, set missing = [{listed}]"
    if cells.str.fullmatch(DECIMAL_COMMA).any():
        hint += "; write decimals with a point"
    return hint


def _check_scale(
    values: np.ndarray, place: Place, column: Column, variable: Variable, faults: Faults
) -> None:
    """Faults beyond one odd reading: an age that cannot be, a unit that cannot be as mapped."""
    outside = is_implausible(values, variable)
    allowed = f"allowed {variable.allowed()}"
    if variable.name == "age_years":
        faults.add(outside, place, "cannot be an age", allowed)
        return
    unit = column.unit or variable.unit
    in_metres = values < 3
    if variable.name == "height_cm" and unit == "cm" and column.unit_column is None and in_metres.any():
        faults.add(in_metres, place, "is too small for cm", f'{allowed}; if these are metres, set unit = "m"')
        return
    measured = ~np.isnan(values)
    if measured.sum() < FEW or outside.sum() <= measured.sum() / 2:
        return
    likely: tuple[str, ...] = ()
    if column.unit_column is None:
        texts, missing = _coded(place, column)
        written = pd.to_numeric(texts.mask(missing), errors="coerce").to_numpy(dtype=float)
        likely = likely_units(written[~np.isnan(written)], unit, variable)
    hint = f'if the unit is {" or ".join(likely)}, set unit = "{likely[0]}"' if likely else "check the unit"
    what = f"{unit} is implausible" if column.unit_column is None else "is implausible"
    faults.add(outside, place, f"{what}, as is more than half of the column", f"{allowed}; {hint}")


def _check_pressures(cohort: CsvFile, parts: Mapping[str, Part], faults: Faults) -> None:
    if not {"sbp_mmhg", "dbp_mmhg"} <= parts.keys():
        return
    upper, lower = parts["sbp_mmhg"].values, parts["dbp_mmhg"].values
    pairs = pd.Series([f"{u:g}/{v:g}" for u, v in zip(upper, lower, strict=True)])
    headings = f"{cohort.columns['sbp_mmhg'].column}, {cohort.columns['dbp_mmhg'].column}"
    place = Place(headings, "sbp_mmhg, dbp_mmhg", pairs)
    faults.add(upper <= lower, place, "mmHg: systolic must be above diastolic", "are the columns exchanged?")


def _check_same_sex(place: Place, person_id: pd.Series, faults: Faults) -> None:
    differs = place.cells.groupby(person_id).transform("nunique") > 1
    faults.add(differs, place, "is not the same in all rows of the person", "mend the file")


def _people(
    person_id: pd.Series, time_d: np.ndarray, parts: Mapping[str, Part], group_id: pd.Series
) -> pd.DataFrame:
    """A row a person, as at the last visit up to time zero, or the first after it for whom there is none."""
    frame = pd.DataFrame(
        {
            "person_id": person_id.to_numpy(),
            "group_id": group_id.to_numpy(),
            "age_years": parts["age_years"].values.astype(float),
            "sex": parts["sex"].values,
        }
    ).astype({"person_id": "str", "group_id": "str", "sex": "str"})
    after = time_d > 0
    order = np.lexsort((np.abs(time_d), after))
    chosen = frame.iloc[order].drop_duplicates("person_id").set_index("person_id")
    return chosen.loc[frame["person_id"].drop_duplicates()].reset_index()
