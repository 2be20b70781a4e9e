"""Variables and tables that every stage speaks in.

A variable is one row of `variables.csv`: its name carries its unit. A table is a Parquet file whose columns
are checked once, where a stage reads or writes it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


class Variable(NamedTuple):
    """One quantity or answer that can be known of a person."""

    name: str
    kind: Literal["number", "category"]
    unit: str                    # UCUM; "1" for a pure number or a category
    low: float | None            # plausible range, inclusive; None is unbounded
    high: float | None
    levels: tuple[str, ...]      # of a category
    description: str
    loinc: str = ""
    note: str = ""

    def allowed(self) -> str:
        """What a value may be, in words for an error message or a data dictionary."""
        if self.kind == "category":
            return "one of " + ", ".join(self.levels) if self.levels else "any text"
        low = "-inf" if self.low is None else f"{self.low:g}"
        high = "inf" if self.high is None else f"{self.high:g}"
        return f"{low} to {high} {self.unit if self.unit != '1' else ''}".rstrip()


class TableError(ValueError):
    """A table or source file breaks its contract; the message names column, row, value and what is allowed."""


@cache
def variables() -> Mapping[str, Variable]:
    """All variables of the library by name, in the order of `variables.csv`."""
    text = files("pipeline").joinpath("variables.csv").read_text(encoding="utf-8")
    number = lambda s: float(s) if s else None  # noqa: E731
    table = {
        row["name"]: Variable(
            row["name"],
            "category" if row["kind"] == "category" else "number",
            row["unit"],
            number(row["min"]),
            number(row["max"]),
            tuple(row["levels"].split("|")) if row["levels"] else (),
            row["description"],
            row["loinc"],
            row["note"],
        )
        for row in csv.DictReader(text.splitlines())
    }
    return MappingProxyType(table)


@cache
def _tables() -> dict[str, pa.DataFrameSchema]:
    import pandera.pandas as pa

    person = pa.Column(str, nullable=False)
    probability = pa.Check.in_range(0, 1)
    number = pa.Column(float, nullable=True)
    return {
        "delivered_people": pa.DataFrameSchema(
            {
                "person_id": pa.Column(str, nullable=False, unique=True),
                "sex": pa.Column(str, pa.Check.isin(["female", "male"]), nullable=True),
                "birth_date": pa.Column("datetime64[s]", nullable=True),
                "age_years": pa.Column(float, pa.Check.in_range(0, 120), nullable=True),
            },
            strict=True,
        ),
        "delivered_readings": pa.DataFrameSchema(
            {
                "person_id": person,
                "at": pa.Column("datetime64[s]", nullable=True),   # UTC; missing where the source has no dates
                "phase": pa.Column(str, nullable=False),           # "" where there are dates
                "variable": person,
                "value": number,
                "text": pa.Column(str, nullable=True),
                "flag": pa.Column(str, nullable=False),
                "source": pa.Column(str, nullable=False),
            },
            strict=True,
        ),
        "people": pa.DataFrameSchema(
            {
                "person_id": pa.Column(str, nullable=False, unique=True),
                "group_id": person,                       # kept together in cross-validation
                "age_years": pa.Column(float, pa.Check.in_range(0, 120)),
                "sex": pa.Column(str, pa.Check.isin(["female", "male"])),
            },
        ),
        "observations": pa.DataFrameSchema(
            {
                "person_id": person,
                "time_d": pa.Column(float, nullable=False),        # days from time zero; 0 is the index visit
                "variable": person,
                "value": pa.Column(float, nullable=True),          # of a number, in the variable's unit
                "text": pa.Column(str, nullable=True),             # of a category
                "flag": pa.Column(str, nullable=False),            # "" or why to look twice
            },
            strict=True,
        ),
        "outcomes": pa.DataFrameSchema(
            {
                "person_id": pa.Column(str, nullable=False, unique=True),
                "outcome": person,
                "event": pa.Column(int, pa.Check.isin([0, 1])),    # by the horizon; 0 also where it is not known
                "time_d": pa.Column(float, nullable=True),         # missing when measured at the visit itself
                "status": pa.Column(str, pa.Check.isin(["event", "competing", "censored"])),    # what ended time_d
                "weight": pa.Column(float, pa.Check.ge(0)),        # 0 where the event is not known, else 1 or more
            },
            strict=True,
        ),
        "fits": pa.DataFrameSchema(
            {
                "person_id": person,
                "twin": person,
                "parameter": person,
                "unit": person,
                "mode": pa.Column(float, nullable=True),           # missing when the fit failed
                "sd": pa.Column(float, pa.Check.ge(0), nullable=True),
                "prior_sd": pa.Column(float, pa.Check.ge(0), nullable=True),
                "contraction": pa.Column(float, pa.Check.le(1), nullable=True),    # share of prior variance gone
                "basis": pa.Column(str, pa.Check.isin(["measured", "estimated", "assumed", "none"])),
                "unlikely": pa.Column(bool),                       # readings contradict each other or everybody
                "status": person,                                  # "ok" or the reason in words
            },
            strict=True,
        ),
        "features": pa.DataFrameSchema({"person_id": pa.Column(str, nullable=False, unique=True)}),
        "predictions": pa.DataFrameSchema(
            {
                "person_id": person,
                "model": person,
                "feature_set": person,
                "repeat": pa.Column(int, pa.Check.ge(0)),
                "fold": pa.Column(int, pa.Check.ge(0)),
                "event": pa.Column(int, pa.Check.isin([0, 1])),
                "weight": pa.Column(float, pa.Check.ge(0)),                 # of the person, as in outcomes
                "risk": pa.Column(float, probability),
                "risk_low": pa.Column(float, probability, nullable=True),   # 95 % over the person's twin draws
                "risk_high": pa.Column(float, probability, nullable=True),
            },
            strict=True,
        ),
        "uncertainty": pa.DataFrameSchema(
            {
                "person_id": pa.Column(str, nullable=False, unique=True),
                "risk": pa.Column(float, probability, nullable=True),       # mean over refits and draws
                "low": pa.Column(float, probability, nullable=True),        # 95 % over both; missing where twins failed
                "high": pa.Column(float, probability, nullable=True),
                "person_sd": pa.Column(float, pa.Check.ge(0), nullable=True),
                "model_sd": pa.Column(float, pa.Check.ge(0), nullable=True),
            },
            strict=True,
        ),
        "attributions": pa.DataFrameSchema(
            {
                "person_id": person,
                "group": person,                                # of columns; "twin_..." for a twin
                "label": person,                                # key of its words
                "contribution": number,                         # to the log odds; missing where twins failed
                "low": number,                                  # 95 % over refits and draws
                "high": number,
                "rank": pa.Column(float, pa.Check.ge(1), nullable=True),       # missing where it does not survive
                "base": number,                                 # with all contributions of the person it adds up to
                "log_odds": number,
            },
            unique=["person_id", "group"],
            strict=True,
        ),
        "global": pa.DataFrameSchema(
            {
                "group": pa.Column(str, nullable=False, unique=True),
                "label": person,
                "kind": pa.Column(str, pa.Check.isin(["routine", "twin"])),
                "mean_absolute": pa.Column(float, pa.Check.ge(0)),
                "low": pa.Column(float, pa.Check.ge(0)),
                "high": pa.Column(float, pa.Check.ge(0)),
                "rank": pa.Column(float, pa.Check.ge(1), nullable=True),
            },
            strict=True,
        ),
        "chains": pa.DataFrameSchema(
            {
                "person_id": person,
                "scenario": person,
                "mediator": person,                             # an observable of the twins
                "before": number,
                "after": number,
                "change": number,
                "low": number,                                  # 95 % of the change, over draws
                "high": number,
                "risk_change": number,                          # absolute; by `basis`, missing where no trial tells
                "risk_low": number,
                "risk_high": number,
                "model_change": number,                         # what the risk model says, whatever the basis
                "model_low": number,
                "model_high": number,
                "disagrees": pa.Column(bool),                   # the model's risk goes the other way
                "basis": pa.Column(str, pa.Check.isin(["trials", "model"])),
            },
            unique=["person_id", "scenario", "mediator"],
            strict=True,
        ),
        "slopes": pa.DataFrameSchema(
            {
                "person_id": person,
                "input": person,                                # of a scenario, of which there is a little more
                "per": pa.Column(str),                          # its unit
                "mediator": person,
                "slope": number,                                # change of the mediator after a year per unit
                "low": number,                                  # 95 % over draws
                "high": number,
            },
            unique=["person_id", "input", "mediator"],
            strict=True,
        ),
        "counterfactuals": pa.DataFrameSchema(
            {
                "person_id": person,
                "goal": pa.Column(str, pa.Check.isin(["threshold", "band", "lowest"])),
                "target": pa.Column(float, probability, nullable=True),        # the risk to come below
                "scenario": pa.Column(str, nullable=True),      # missing where none of those tried suffices
                "risk_before": pa.Column(float, probability, nullable=True),
                "risk_after": pa.Column(float, probability, nullable=True),
                "low": pa.Column(float, probability, nullable=True),
                "high": pa.Column(float, probability, nullable=True),
                "chance": pa.Column(float, probability, nullable=True),        # of coming below the target
                "smallest": pa.Column(bool),                    # moves the risk least of those that suffice
                "basis": pa.Column(str, pa.Check.isin(["trials", "model"])),
            },
            strict=True,
        ),
    }


def validate(frame: pd.DataFrame, table: str, source: str) -> pd.DataFrame:
    """The frame itself, if it keeps the contract of `table`.

    Raises `TableError` naming the source, column, first row, its value and what is allowed; all faults of a
    table are listed, not only the first.
    """
    import pandera.errors

    try:
        return _tables()[table].validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as fault:
        cases = fault.failure_cases
        lines = []
        for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=False):
            first = group.iloc[0]
            if str(check).startswith("column_in_"):
                lines.append(f"{source}: column {first['failure_case']} is missing or not known to table {table}")
                continue
            value = first["failure_case"]
            value = value.item() if hasattr(value, "item") else value      # 702.0, not np.float64(702.0)
            place = "" if first["index"] is None else f", first in row {first['index']}: {value!r}"
            lines.append(f"{source}: column {column} breaks {check} in {len(group)} row(s){place}")
        raise TableError("\n".join(lines)) from None
