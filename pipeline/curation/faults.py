"""What is wrong with each reading by itself: the gravest of what its flag tells and of what is checked here.

A fault of a reading is found without regard to how many others have it; the score rests on these alone, and so falls
with every reading that becomes worse.
"""

from __future__ import annotations

import numpy as np

from pipeline.curation.columns import DAY_S, YEAR_S, Array, Columns, equal_before
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.other_units import misread
from pipeline.curation.tables import kinds, limit, usual, weigh
from pipeline.schema import variables

# Days that systems write where they know none.
PLACEHOLDERS = ("1900-01-01", "1901-01-01", "1970-01-01", "2099-12-31", "2999-12-31", "9999-12-31")
NEAR = 0.1       # of a body mass index, from which it does not fit weight and height


class Faults:
    """For each reading what is lost of it (0 to 1) and the kind of its gravest fault (-1: none)."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.kinds = list(kinds())
        self.loss = np.zeros(len(columns))
        self.kind = np.full(len(columns), -1, dtype=np.int16)
        self.own: list[tuple[str, Array]] = []      # found here, not by the reader

    def mark(self, kind: str, rows: Array, loss: float | None = None) -> None:
        """Rows (a mask) with a fault; it counts where it is graver than what the row has."""
        cost = weigh(kind, "suspect") if loss is None else loss
        graver = rows & ((cost > self.loss) | (self.kind < 0))
        self.kind[graver] = self.kinds.index(kind)
        self.loss[graver] = cost

    def find(self, kind: str, rows: Array) -> None:
        """Rows with a fault that their reader has not told."""
        new = rows & ~self.columns.flagged(kind)
        if new.any():
            self.mark(kind, new)
            self.own.append((kind, new))

    def concerns(self) -> list[Concern]:
        """What was found here, by kind and variable."""
        columns, found = self.columns, []
        for kind, rows in self.own:
            for variable in np.unique(columns.variable[rows]):
                those = columns.rows(variable)
                those = those[rows[those]]
                what, of = WORDS[kind], int(columns.count[variable])
                name = columns.names[variable]
                found.append(concern(kind, name, what, len(those), of, example=columns.where(int(those[0]))))
        return found


WORDS = {
    "value missing": "has neither a value nor an answer",
    "value implausible": "lies outside what is possible, and was taken over",
    "looks like another unit": "lies outside what is usual for adults, but not if it were in another unit",
    "pressures exchanged": "systolic is not above diastolic at the same time",
    "weight and height against body mass index": "differs by more than a tenth from weight and height of the same time",
    "date in the future": "is dated after the delivery",
    "date is a placeholder": "is dated to a day that stands for an unknown one, or lies before living memory",
    "duplicate reading": "is the same value of the same person at the same time again",
}


def judge(columns: Columns) -> Faults:
    """Every reading of a delivery."""
    faults = Faults(columns)
    lost = columns.empty
    for kind in columns.told:
        faults.mark(kind, columns.flagged(kind))
    for kind in columns.told:
        faults.mark(kind, lost & columns.flagged(kind), 1.0)
    faults.find("value missing", lost & (faults.loss < 1))
    faults.find("value implausible", columns.outside)
    faults.find("looks like another unit", _misread(columns))
    faults.find("pressures exchanged", _exchanged(columns))
    faults.find("weight and height against body mass index", _index_apart(columns))
    faults.find("date in the future", _late(columns))
    faults.find("date is a placeholder", _placeholder(columns))
    faults.find("duplicate reading", _again(columns))
    return faults


def _misread(columns: Columns) -> Array:
    found = np.zeros(len(columns), dtype=bool)
    for variable in columns.numeric:
        name = columns.names[variable]
        if name in usual():
            rows = columns.measured(variable)
            rows = rows[columns.is_adult[rows]]
            found[rows] = misread(columns.value[rows], variables()[name], usual()[name])
    return found


def _together(columns: Columns, *names: str) -> Array:
    """Rows of readings that one person has at one time, one value of each variable: an array (times, variables)."""
    none = np.empty((0, len(names)), dtype=np.int64)
    if not set(names) <= set(columns.names):
        return none
    in_order = np.array([columns.phases[code] != "" for code in range(len(columns.phases))])
    kept = []
    for name in names:
        rows = columns.measured(columns.names.index(name))
        rows = rows[columns.dated[rows] | in_order[columns.phase[rows]]]
        rows = rows[np.lexsort((columns.value[rows], *_when(columns, rows)))]
        rows = rows[~equal_before(*_when(columns, rows), columns.value[rows])]      # said twice is said once
        again = equal_before(*_when(columns, rows))
        kept.append(rows[~(again | np.append(again[1:], False)[: len(rows)])])      # which of several values counts?
    rows, which = np.concatenate(kept), np.repeat(np.arange(len(names)), [len(part) for part in kept])
    rows = rows[np.lexsort((which, *_when(columns, rows)))]
    number = np.cumsum(~equal_before(*_when(columns, rows)))
    whole = np.bincount(number)[number] == len(names) if len(rows) else np.zeros(0, dtype=bool)
    return rows[whole].reshape(-1, len(names))


def _when(columns: Columns, rows: Array) -> tuple[Array, Array, Array]:
    return columns.phase[rows], columns.seconds[rows], columns.person[rows]


def _exchanged(columns: Columns) -> Array:
    found = np.zeros(len(columns), dtype=bool)
    upper, lower = _together(columns, "sbp_mmhg", "dbp_mmhg").T
    wrong = columns.value[upper] <= columns.value[lower]
    found[upper[wrong]] = found[lower[wrong]] = True
    return found


def _index_apart(columns: Columns) -> Array:
    found = np.zeros(len(columns), dtype=bool)
    index, weight, height = _together(columns, "bmi_kg_m2", "weight_kg", "height_cm").T
    expected = columns.value[weight] / (columns.value[height] / 100) ** 2
    found[index[np.abs(columns.value[index] / expected - 1) > NEAR]] = True
    return found


def _late(columns: Columns) -> Array:
    """Dated after the day of the delivery; moved dates of images have none."""
    day = columns.identity.get("delivered")
    if not day:
        return np.zeros(len(columns), dtype=bool)
    return columns.dated & (columns.seconds > _start(str(day)) + 2 * DAY_S)      # the day itself, and time zones


def _placeholder(columns: Columns) -> Array:
    if not columns.dated.any():
        return np.zeros(len(columns), dtype=bool)
    newest = np.quantile(columns.seconds[columns.dated], 0.99)      # a few dates of the future move nothing
    oldest = max(newest - limit("placeholder_years") * YEAR_S, _start("1900-01-01"))
    found = columns.dated & (columns.seconds < oldest)
    for day in PLACEHOLDERS:
        found |= (columns.seconds >= _start(day)) & (columns.seconds < _start(day) + DAY_S)
    return found


def _start(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def _again(columns: Columns) -> Array:
    """The second and later of the same value of one person at one time; without dates saying twice is no fault."""
    rows = np.flatnonzero(columns.dated & ~columns.empty)
    value = np.where(np.isnan(columns.value[rows]), -np.inf, columns.value[rows])
    keys = (value, columns.text[rows], columns.seconds[rows], columns.variable[rows], columns.person[rows])
    order = np.lexsort(keys)
    found = np.zeros(len(columns), dtype=bool)
    found[rows[order]] = equal_before(*(key[order] for key in keys))
    return found
