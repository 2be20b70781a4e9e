"""All faults of one source file, gathered to be told at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.schema import TableError

SHOWN_ROWS = 4      # of one kind of fault
SHOWN_LINES = 20    # of one file


class Place(NamedTuple):
    """A column of the file: its heading, what it is mapped to, and its cells as written."""

    heading: str
    name: str
    cells: pd.Series

    def words(self) -> str:
        """The column as messages name it."""
        return f"column {self.heading}" + ("" if self.heading == self.name else f" ({self.name})")


class Faults:
    """Collects faults while a file is checked; `raise_any` tells them in one `TableError`."""

    def __init__(self, file: str, rows: pd.Index) -> None:
        self._file = file
        self._rows = rows.to_numpy()    # spreadsheet row numbers, headings are row 1
        self._lines: list[str] = []

    def line(self, message: str) -> None:
        """A fault of the file as a whole."""
        self._lines.append(f"{self._file}: {message}")

    def add(self, where: np.ndarray | pd.Series, place: Place, what: str, hint: str = "") -> None:
        """A fault of the cells of a column at `where`; nowhere is no fault. The hint is given once."""
        found = np.flatnonzero(np.asarray(where, dtype=bool))
        for n, i in enumerate(found[:SHOWN_ROWS]):
            ending = f"; {hint}" if hint and n == 0 else ""
            self.line(f"row {self._rows[i]}, {place.words()}: {place.cells.iloc[i]!r} {what}{ending}")
        if len(found) > SHOWN_ROWS:
            self.line(f"{place.words()}: and {len(found) - SHOWN_ROWS} more such rows, {len(found)} in all")

    def raise_any(self) -> None:
        """Raise what was gathered, if anything was."""
        if self._lines:
            more = len(self._lines) - SHOWN_LINES
            tail = [f"{self._file}: and {more} more line(s) of faults"] if more > 0 else []
            raise TableError("\n".join(self._lines[:SHOWN_LINES] + tail))
