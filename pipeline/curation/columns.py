"""The tables of a delivery as plain numbers, worked out once, so that every look at a million readings is a vector."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pipeline.curation.tables import flags, kinds
from pipeline.delivery import Delivery
from pipeline.schema import Variable, variables
from pipeline.units import is_implausible

DAY_S = 86_400
YEAR_S = 365.25 * DAY_S
NEVER = np.iinfo(np.int64).min      # is NaT as datetime64
Array = np.ndarray


class Columns:
    """People and readings of a delivery; a reading is a row of every array, in the order of the delivery."""

    def __init__(self, delivery: Delivery) -> None:
        people, readings = delivery.people, delivery.readings
        self.identity = delivery.identity
        self.source = readings["source"]
        persons, ids = pd.factorize(pd.concat([people["person_id"], readings["person_id"]], ignore_index=True))
        self.ids = pd.Index(ids)
        self.listed = len(people)                        # people with a row of their own come first
        self.person = persons[len(people) :].astype(np.int32)
        self.people = len(self.ids)
        self.variable, self.names = _coded(readings["variable"])
        self.seconds = seconds(readings["at"])
        self.dated = self.seconds != NEVER
        value = readings["value"].to_numpy(dtype=float, na_value=np.nan)
        self.value = np.where(np.isfinite(value), value, np.nan)
        self.text, self.texts = _coded(readings["text"])
        self.phase, self.phases = _coded(readings["phase"])
        self.flag, self.flags = _coded(readings["flag"])
        self.empty = np.isnan(self.value) & (self.text < 0)
        self.female_male = _padded(pd.factorize(people["sex"])[0].astype(np.int32), self.people, -1)
        self.birth = _padded(seconds(people["birth_date"]), self.people, NEVER)
        self.age = _padded(people["age_years"].to_numpy(dtype=float), self.people, np.nan)

    def __len__(self) -> int:
        return len(self.value)

    def known(self, name: str) -> Variable | None:
        """The library's variable of that name."""
        return variables().get(name)

    @cached_property
    def numeric(self) -> tuple[int, ...]:
        """Numbers of the variables that are measured, not answered."""
        return tuple(i for i, n in enumerate(self.names) if (v := self.known(n)) is not None and v.kind == "number")

    @cached_property
    def order(self) -> Array:
        """Rows sorted by variable, so that those of one variable are a slice."""
        return np.argsort(self.variable, kind="stable")

    @cached_property
    def starts(self) -> Array:
        """Where each variable's slice of `order` starts; one more at the end."""
        return np.searchsorted(self.variable[self.order], np.arange(len(self.names) + 1))

    def rows(self, variable: int) -> Array:
        """Rows of one variable."""
        return self.order[self.starts[variable] : self.starts[variable + 1]]

    @cached_property
    def outside(self) -> Array:
        """Rows with a number that cannot be."""
        found = np.zeros(len(self), dtype=bool)
        for variable in self.numeric:
            rows = self.rows(variable)
            found[rows] = is_implausible(self.value[rows], variables()[self.names[variable]])
        return found

    def measured(self, variable: int) -> Array:
        """Rows of one variable that hold a number that can be."""
        rows = self.rows(variable)
        return rows[~(np.isnan(self.value[rows]) | self.outside[rows])]

    @cached_property
    def count(self) -> Array:
        """Readings of each variable."""
        return np.diff(self.starts)

    @cached_property
    def persons(self) -> Array:
        """People with a reading that holds something, for each variable."""
        return self.people_per(self.variable, len(self.names), ~self.empty)

    def people_per(self, group: Array, groups: int, which: Array) -> Array:
        """How many different people stand in each group of rows."""
        pairs = np.unique(group[which].astype(np.int64) * max(self.people, 1) + self.person[which])
        return np.bincount(pairs // max(self.people, 1), minlength=groups)

    @cached_property
    def told(self) -> dict[str, list[int]]:
        """For each kind of finding the numbers of the distinct flags that tell of it."""
        found: dict[str, list[int]] = {}
        for number, flag in enumerate(self.flags):
            for kind in _kinds_of(flag):
                found.setdefault(kind, []).append(number)
        return found

    def flagged(self, kind: str) -> Array:
        """Rows whose flag tells of a kind of finding."""
        hit = np.zeros(len(self.flags) + 1, dtype=bool)
        hit[self.told.get(kind, [])] = True
        return hit[self.flag]

    @cached_property
    def strangers(self) -> Array:
        """People of whom nothing is known but that readings name them."""
        unknown = self.flagged("patient unknown")
        named = np.arange(self.people) >= self.listed
        named[self.person[unknown]] = True
        named[self.person[~unknown]] = np.arange(self.people)[self.person[~unknown]] >= self.listed
        return named

    @cached_property
    def is_adult(self) -> Array:
        """Whether the person of a reading was an adult then, or may have been."""
        birth = self.birth[self.person]
        years = np.where((birth != NEVER) & self.dated, (self.seconds - birth) / YEAR_S, self.age[self.person])
        return ~(years < 18)

    def where(self, row: int) -> str:
        """Where in the delivery a reading stands."""
        return str(self.source.iat[row])

    @cached_property
    def files(self) -> dict[str, int]:
        """Files, or tables, that readings come from, and of how many people each is."""
        if not len(self):
            return {}
        import pyarrow.compute as pc

        whole = pc.replace_substring_regex(_arrow(self.source), r",.*", "")
        files, names = pd.factorize(np.asarray(whole.to_numpy(zero_copy_only=False), dtype=object))
        counts = self.people_per(files, len(names), files >= 0)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def seconds(column: Any) -> Array:
    """Dates as seconds since 1970, NEVER where missing."""
    return column.to_numpy().astype("datetime64[s]").astype(np.int64)


def equal_before(*keys: Array) -> Array:
    """For rows sorted by `keys`: whether a row has the same as the row before it."""
    same = np.ones(len(keys[0]), dtype=bool)
    same[:1] = False
    for key in keys:
        same[1:] &= key[1:] == key[:-1]
    return same


def _coded(column: pd.Series) -> tuple[Array, list[str]]:
    codes, names = pd.factorize(column)
    return codes.astype(np.int32), [str(name) for name in names]


def _padded(values: Array, count: int, filler: float) -> Array:
    """Values of the people that are listed, and a filler for those who are only known from readings."""
    return np.concatenate([values, np.full(count - len(values), filler, dtype=values.dtype)])


def _arrow(column: pd.Series) -> Any:
    import pyarrow as pa

    return pa.array(column, type=pa.large_string(), from_pandas=True)


def _kinds_of(flag: str) -> tuple[str, ...]:
    """Kinds of finding that a flag tells of, whichever way its reader joins several."""
    found: list[str] = []
    for part in flag.split("; "):
        known = next((kind for start, kind in flags() if part.startswith(start)), "")
        found += [known] if known else [name for name in re.split(", ", part) if name in kinds()]
    return tuple(dict.fromkeys(found))
