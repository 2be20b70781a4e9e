"""A CSV file as text, by spreadsheet row: nothing guessed, no cell shifted, no identifier made a number."""

from __future__ import annotations

import csv

import pandas as pd

from pipeline.schema import TableError
from pipeline.sections import CsvFile


def read_text(cohort: CsvFile) -> tuple[pd.DataFrame, int]:
    """The file as text without its blank rows, indexed by spreadsheet row; and how many rows were blank.

    Headings are row 1. Raises `TableError` for a file that is empty, in another encoding, or whose rows
    differ in width.
    """
    name = cohort.path.name
    is_utf8 = cohort.encoding.lower().replace("_", "-") in {"utf-8", "utf8"}
    try:
        with cohort.path.open(encoding="utf-8-sig" if is_utf8 else cohort.encoding, newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=cohort.separator)]
    except (UnicodeDecodeError, LookupError):
        raise TableError(
            f"{name}: is not text in encoding {cohort.encoding}; "
            'set encoding under [cohort], such as "cp1252" for files from Excel'
        ) from None
    except (csv.Error, TypeError) as fault:
        raise TableError(f"{name}: cannot be read as CSV: {fault}; check separator under [cohort]") from None
    headings = rows[0] if rows else []
    filled = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(row)]
    if not any(headings):
        raise TableError(f"{name}: is empty; the first row must hold the headings")
    if not filled:
        raise TableError(f"{name}: has headings but no rows")
    ragged = [(number, len(row)) for number, row in filled if len(row) != len(headings)]
    if ragged:
        number, width = ragged[0]
        raise TableError(
            f"{name}: row {number} has {width} cells where the headings have {len(headings)} "
            f"({len(ragged)} such row(s)); quote a cell that holds the separator {cohort.separator!r}"
        )
    frame = pd.DataFrame([row for _, row in filled], index=[number for number, _ in filled], dtype="str")
    frame.columns = pd.Index(headings)
    return frame, len(rows) - 1 - len(filled)
