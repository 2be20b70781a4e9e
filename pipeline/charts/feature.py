"""What is found in a chart: one feature, with the exact span that says it."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Kind = Literal["quantity", "condition", "symptom", "medication", "habit", "diagnosis"]


class Concept(NamedTuple):
    """One row of `concepts.csv`: something that charts are searched for."""

    kind: str
    name: str
    unit: str               # UCUM, of a quantity where none is written
    also: tuple[str, ...]   # other units that charts write
    low: float | None       # plausible range in that unit
    high: float | None
    snomed: str             # SNOMED CT, "" where not sure
    icd10: str              # "" where none, or not one alone
    listed: bool            # in the list that the labelled charts use
    meaning: str


class Feature(NamedTuple):
    """A value or a mention; `text` is the chart's text from `start` to `end`."""

    kind: str
    concept: str
    section: str
    start: int
    end: int
    text: str
    value: float | str | None = None     # of quantities, habits and diagnoses
    unit: str = ""                       # UCUM
    comparator: str = ""                 # "<" or ">" where written
    phase: str = ""                      # arrival, before arrival, after treatment, history
    assertion: str = ""                  # present, negated, possible, hypothetical
    experiencer: str = ""                # patient, family, other
    temporality: str = ""                # current, history
    when: str = ""                       # "sedan 2 dagar", as the sentence says it
    snomed: str = ""
    icd10: str = ""


@cache
def concepts() -> dict[str, Concept]:
    """What charts are searched for, by name."""
    text = files("pipeline.charts").joinpath("concepts.csv").read_text(encoding="utf-8")
    number = lambda s: float(s) if s else None  # noqa: E731
    return {
        row["concept"]: Concept(
            row["kind"],
            row["concept"],
            row["unit"],
            tuple(row["also"].split()),
            number(row["low"]),
            number(row["high"]),
            row["snomed"],
            row["icd10"],
            row["listed"] == "yes",
            row["meaning"],
        )
        for row in csv.DictReader(text.splitlines())
    }
