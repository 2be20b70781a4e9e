"""What a cohort hands over: canonical tables, where they came from, and the defects met on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.schema import Variable
from pipeline.units import is_implausible

# A source without follow-up. One row a person and kind of event: the day of the first, or, where `happened` is 0,
# how long the person was followed without one. Every kind that a source has stands there for everybody.
NO_EVENTS = pd.DataFrame({"person_id": [], "event": [], "time_d": [], "happened": []}).astype(
    {"person_id": "str", "event": "str", "time_d": float, "happened": int}
)
IMPLAUSIBLE = "implausible"    # starts the flag of a reading set missing because it lies outside the range


class Defect(NamedTuple):
    """Something wrong or odd in a source, how often, and what was done about it."""

    what: str
    column: str
    found: int
    adults: int | None    # of them aged 20 or more; None where that does not apply
    done: str


class Source(NamedTuple):
    """A loaded cohort, before the study selects from it."""

    people: pd.DataFrame
    observations: pd.DataFrame
    offered: tuple[str, ...]                     # variables that the source has a column for
    identity: dict[str, Any]                     # file, sha256, licence, citation, rows
    conversions: dict[str, dict[str, int]]       # variable -> unit in the file -> readings
    defects: list[Defect]
    events: pd.DataFrame = NO_EVENTS             # person_id, event, time_d, happened: see `NO_EVENTS`
    left_out: Mapping[str, int] = {}             # what they lack -> people of the source who are not among `people`
    consent: Mapping[str, Any] | None = None     # snapshot of what people allowed, where they were asked


class Part(NamedTuple):
    """Readings of one variable, one for each row of the source; missing where there is none."""

    variable: Variable
    values: np.ndarray    # floats, or texts and None of a category
    flags: np.ndarray     # "" or why to look twice


def checked_range(variable: Variable, values: np.ndarray, flags: np.ndarray | None = None) -> Part:
    """Readings with the implausible ones set missing, their flag saying so."""
    flags = np.full(len(values), "", dtype=object) if flags is None else flags
    if variable.kind == "number":
        outside = is_implausible(values, variable)
        values = np.where(outside, np.nan, values)
        flags = np.where(outside, f"{IMPLAUSIBLE}: outside {variable.allowed()}, set missing", flags)
    return Part(variable, values, flags)


def as_levels(variable: Variable, values: pd.Series) -> Part:
    """Readings of a category; None where there is none."""
    read = values.astype(object).where(values.notna(), None).to_numpy()
    return Part(variable, read, np.full(len(read), "", dtype=object))


def long_table(person_id: pd.Series, time_d: np.ndarray, parts: Sequence[Part]) -> pd.DataFrame:
    """The observations table: one row a reading, in the order of the source's rows.

    A reading set missing keeps its row for its flag; what was never read has none.
    """
    nothing = np.array([], dtype=object)    # so that a source without readings still gives a table
    rows, names, values, texts, flags = [np.array([], dtype=int)], [nothing], [nothing], [nothing], [nothing]
    for part in parts:
        is_number = part.variable.kind == "number"
        has_row = np.flatnonzero(~pd.isna(part.values) | (part.flags != ""))
        readings = part.values[has_row]
        rows.append(has_row)
        names.append(np.full(len(has_row), part.variable.name, dtype=object))
        values.append(readings.astype(float) if is_number else np.full(len(has_row), np.nan))
        texts.append(np.full(len(has_row), None, dtype=object) if is_number else readings)
        flags.append(part.flags[has_row])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    row = row[order]
    return pd.DataFrame(
        {
            "person_id": person_id.to_numpy()[row],
            "time_d": np.asarray(time_d, dtype=float)[row],
            "variable": np.concatenate(names)[order],
            "value": np.concatenate(values)[order],
            "text": np.concatenate(texts)[order],
            "flag": np.concatenate(flags)[order],
        }
    ).astype({"person_id": "str", "variable": "str", "value": float, "text": "str", "flag": "str"})
