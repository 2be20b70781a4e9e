"""People given as rows of variables, by hand or by another program, in the units of the variables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.cohorts.faults import SHOWN_ROWS, Faults, Place
from pipeline.cohorts.source import Part, long_table
from pipeline.config_faults import suggest
from pipeline.schema import TableError, Variable

PERSON, DAY = "person_id", "time_d"
WHO = ("age_years", "sex")        # as of time zero


def read_people(table: pd.DataFrame, known: Mapping[str, Variable]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People and observations, from a column a variable; `age_years` and `sex` must be told.

    A row is a person, or with a column `person_id` one of that person's visits; `time_d` are days from time zero, 0
    where not told. Rows of one person and day are readings of one visit. What is empty was not measured. Raises
    `TableError` that names row (the first is 1), column and what is allowed.
    """
    if strangers := [name for name in map(str, table.columns) if name not in known and name not in (PERSON, DAY)]:
        raise TableError(f"input: no variable {strangers[0]}{suggest(strangers[0], known)}")
    if table.empty:
        raise TableError("input: no row")
    rows = pd.RangeIndex(1, len(table) + 1)
    table = table.set_axis(rows)
    faults = Faults("input", rows)
    absent = pd.Series(np.nan, index=rows, dtype=object)
    days = table.get(DAY, absent)
    day = np.nan_to_num(_values(days, Variable(DAY, "number", "d", None, None, (), ""), faults))
    place = Place(DAY, DAY, days.astype(object))
    faults.add(day > 0, place, "is after time zero, and only what was known by then counts")
    told = {name: _values(table[name], known[name], faults) for name in map(str, table.columns) if name in known}
    ids = table.get(PERSON, absent)
    ids = ids.astype(object).where(ids.notna(), rows.astype(str).to_series(index=rows)).astype(str)
    people = {}
    for name in WHO:
        told_of = pd.Series(told.pop(name, absent), index=rows).groupby(ids, sort=False)
        given = table.get(name, absent).groupby(ids, sort=False).count()
        for person in given.index[given == 0][:SHOWN_ROWS]:
            faults.line(f"row {ids.index[ids == person][0]}: {name} must be told, as of time zero")
        for person in given.index[told_of.nunique() > 1][:SHOWN_ROWS]:
            faults.line(f"row {ids.index[ids == person][0]}: {name} is not the same in all rows of person {person}")
        people[name] = told_of.first()
    faults.raise_any()
    every = pd.DataFrame(people).rename_axis(PERSON).reset_index()
    every.insert(1, "group_id", every[PERSON])
    every = every.astype({PERSON: "str", "group_id": "str", "age_years": float, "sex": "str"})
    parts = [Part(known[n], v, np.full(len(rows), "", dtype=object)) for n, v in told.items()]
    return every, long_table(ids, day, parts)


def _values(column: pd.Series, variable: Variable, faults: Faults) -> np.ndarray:
    """The column as numbers or texts; what is not allowed is a fault."""
    cells = column.to_numpy(dtype=object)
    place = Place(variable.name, variable.name, pd.Series(cells))
    given = pd.notna(cells) & (cells != "")
    if variable.kind == "category":
        if variable.levels:
            strange = np.array([cell not in variable.levels for cell in cells], dtype=bool)
            faults.add(given & strange, place, f"is not {variable.allowed()}")
        return np.where(given, cells, np.nan)
    value = pd.to_numeric(np.where(given, cells, np.nan), errors="coerce").astype(float)
    low = -np.inf if variable.low is None else variable.low
    high = np.inf if variable.high is None else variable.high
    faults.add(given & ~np.isfinite(value), place, "is no number")
    faults.add(np.isfinite(value) & ~((low <= value) & (value <= high)), place, f"is outside {variable.allowed()}")
    return value
