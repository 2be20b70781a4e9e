"""Coded statements about people as they stand in records, before units and dates are checked: columns of plain numbers.

A statement is held as a row of numbers that point into pools of what repeats (codes, units, files, dates), so that a
million of them take little memory.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from pipeline.records.codes import Target

Kept = TypeVar("Kept", bound=Hashable)


def joined(*flags: str) -> str:
    """Several flags as one text, each once."""
    given = [flag for flag in flags if flag]
    if len(given) < 2:
        return given[0] if given else ""
    return "; ".join(dict.fromkeys(part for flag in given for part in flag.split("; ")))


def spot(file: str, line: int, entry: int = 0, part: int = 0, *, word: str = "line") -> str:
    """A place in a delivery, in words."""
    numbers = ((word, line), ("entry", entry), ("component", part))
    return ", ".join((file, *(f"{what} {number}" for what, number in numbers if number)))


class Pool(Generic[Kept]):
    """Distinct things in the order met, each with its number."""

    def __init__(self, *first: Kept) -> None:
        self.numbers: dict[Kept, int] = {thing: number for number, thing in enumerate(first)}

    def __call__(self, thing: Kept) -> int:
        """The number of a thing, a new one if it was not met."""
        return self.numbers.setdefault(thing, len(self.numbers))

    def __len__(self) -> int:
        return len(self.numbers)

    def all(self) -> list[Kept]:
        """The things by number."""
        return list(self.numbers)


class Unit(NamedTuple):
    """A unit as written: its code in UCUM, and its words."""

    code: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        """What counts: the code, else the words."""
        return self.code or self.words


class Meaning(NamedTuple):
    """What a statement is about: a target of the table, by which code, in what kind of resource."""

    target: Target
    label: str         # of the code, such as "loinc 2345-7"
    source: str        # kind of resource or table, such as "Observation.component"


LONGEST = 200      # characters of a code's words that are kept
COLUMNS = {
    "subject": "q", "time": "q", "updated": "q", "meaning": "q", "unit": "q", "value": "d", "text": "q", "flag": "q",
    "file": "q", "line": "q", "entry": "q", "part": "q", "serial": "q", "resource": "q",
}  # fmt: skip


class Items:
    """The statements of one delivery."""

    def __init__(self) -> None:
        self.subjects: Pool[str] = Pool()
        self.times: Pool[Any] = Pool("")                # texts of FHIR, or seconds
        self.meanings: Pool[Meaning] = Pool()
        self.units: Pool[Unit] = Pool(Unit())
        self.texts: Pool[str] = Pool("")
        self.flags: Pool[str] = Pool("")
        self.files: Pool[tuple[str, str]] = Pool()      # and what numbers its rows
        self._columns = {name: array(kind) for name, kind in COLUMNS.items()}
        self._append = tuple(column.append for column in self._columns.values())

    def add(self, *row: float) -> None:
        """One statement, in the order of `COLUMNS`."""
        for append, number in zip(self._append, row, strict=True):
            append(number)      # type: ignore[arg-type]

    def extend(self, **columns: Iterable[float]) -> None:
        """Many statements at once."""
        for name, column in columns.items():
            self._columns[name].extend(column)      # type: ignore[arg-type]

    def columns(self) -> dict[str, np.ndarray]:
        """The statements as arrays."""
        return {n: np.array(c, dtype=float if c.typecode == "d" else np.int64) for n, c in self._columns.items()}


class Ledger:
    """What became of everything that was read, so that nothing goes missing unseen.

    For each kind: `read` is the sum of taken, repeated, unmapped, ignored, absent, refused, panel (of which the
    components count) and unused.
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def count(self, source: str, what: str, times: int = 1) -> None:
        """`times` more of a kind came to the end `what`."""
        kind = self.counts.setdefault(source, Counter())
        kind["read"] += times
        kind[what] += times


class Unmapped:
    """Codes that were understood and have no variable."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[Any]] = {}

    def add(self, system: str, code: str, display: str, example: str, times: int = 1) -> None:
        """One more statement under a code; without a code its words stand for it."""
        display = display[:LONGEST]
        row = self.rows.setdefault((system[:LONGEST], code[:LONGEST] or display), [display, 0, example])
        row[0] = row[0] or display
        row[1] += times
