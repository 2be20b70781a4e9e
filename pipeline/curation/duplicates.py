"""What stands twice: readings, values at one time, and people under two ids, who are counted and never listed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.curation.columns import DAY_S, NEVER, Array, Columns, equal_before
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.tables import limit

SHARERS = 5      # a reading that more people share says nothing of who they are


class Duplicates(NamedTuple):
    """What was counted."""

    repeated: int            # readings that are there and say what another says
    several: int             # readings of a number, with another value at the same time
    twins: int | None        # people suspected to stand under two ids; None where it cannot be told
    compared: int            # people whose sex and birth date are those of somebody else


def count(columns: Columns, repeated: Array) -> Duplicates:
    """All counts; `repeated` marks readings that say what another one says."""
    several = _several(columns, repeated)
    if not (columns.birth != NEVER).any() or not columns.dated.any():
        return Duplicates(int(repeated.sum()), int(several.sum()), None, 0)
    alike = _alike(columns)
    twins = _twins(columns, alike)
    return Duplicates(int(repeated.sum()), int(several.sum()), twins, int((alike >= 0).sum()))


def concerns(columns: Columns, repeated: Array) -> tuple[Duplicates, list[Concern]]:
    """What stands twice; repeated readings are told where each reading is judged."""
    counted = count(columns, repeated)
    found = []
    if counted.several:
        rows = _several(columns, repeated)
        for variable in np.unique(columns.variable[rows]):
            those = columns.rows(variable)
            those = those[rows[those]]
            what = "has several values of the same person at the same time of day"
            name, of, first = columns.names[variable], int(columns.count[variable]), columns.where(int(those[0]))
            found.append(concern("several values at one time", name, what, len(those), of, example=first))
    if counted.twins:
        what = f"have sex, birth date and at least {limit('twin_readings'):g} readings of somebody else"
        found.append(concern("one person under two ids", "people", what, counted.twins, columns.people))
    return counted, found


def _several(columns: Columns, repeated: Array) -> Array:
    """Numbers beside another one of the same variable, person and time; where only the day is known that is usual."""
    timed = columns.dated & (columns.seconds % DAY_S != 0) & ~np.isnan(columns.value) & ~repeated
    rows = np.flatnonzero(timed)
    order = np.lexsort((columns.seconds[rows], columns.variable[rows], columns.person[rows]))
    rows = rows[order]
    again = equal_before(columns.person[rows], columns.variable[rows], columns.seconds[rows])
    found = np.zeros(len(columns), dtype=bool)
    found[rows[again]] = True
    found[rows[:-1][again[1:]]] = True
    return found


def _alike(columns: Columns) -> Array:
    """For each person the number of the group of equal sex and birth date; -1 for those who have none like them."""
    keys = pd.DataFrame({"sex": columns.female_male, "birth": columns.birth})
    known = (columns.female_male >= 0) & (columns.birth != NEVER)
    group = keys.groupby(["sex", "birth"], sort=False).ngroup().to_numpy()
    sizes = np.bincount(group[known], minlength=int(group.max(initial=-1)) + 1)
    return np.where(known & (sizes[group] > 1), group, -1)


def _twins(columns: Columns, alike: Array) -> int:
    """People who share several readings, to the second and the last digit, with another of their group."""
    group = alike[columns.person]
    rows = np.flatnonzero((group >= 0) & columns.dated & ~columns.empty)
    value = np.where(np.isnan(columns.value[rows]), -np.inf, columns.value[rows])
    keys = [value, columns.text[rows], columns.seconds[rows], columns.variable[rows], group[rows]]
    order = np.lexsort((columns.person[rows], *keys))
    keys, person = [key[order] for key in keys], columns.person[rows][order]
    single = ~equal_before(*keys, person)        # of one person each reading counts once
    keys, person = [key[single] for key in keys], person[single]
    number = np.cumsum(~equal_before(*keys)) if len(person) else np.array([], dtype=np.int64)
    sizes = np.bincount(number)
    few = sizes[number] <= SHARERS if len(number) else np.array([], dtype=bool)
    number, person = number[few], person[few]
    pairs = []
    for step in range(1, SHARERS):
        same = number[step:] == number[:-step]
        pairs.append(person[:-step][same].astype(np.int64) * columns.people + person[step:][same])
    distinct, times = np.unique(np.concatenate(pairs), return_counts=True)
    twins = distinct[times >= limit("twin_readings")]
    return len(np.unique(np.concatenate([twins // columns.people, twins % columns.people])))
