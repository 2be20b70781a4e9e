"""What was found in a source and what became of it, for people to read; never anything about one person."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pandas as pd

from pipeline.cohorts.baseline import baseline
from pipeline.cohorts.source import IMPLAUSIBLE, Source
from pipeline.schema import Variable


def describe(
    source: Source,
    people: pd.DataFrame,
    observations: pd.DataFrame,
    outcomes: pd.DataFrame,
    flow: list[dict[str, Any]],
    outcome: str,
    known: Mapping[str, Variable],
) -> dict[str, Any]:
    """The quality report as plain values that JSON can hold.

    Per variable the figures are of the people of the study; defects and conversions are of the whole source.
    """
    table = baseline(people, observations, known)
    flags = observations["flag"]
    is_implausible = flags.str.startswith(IMPLAUSIBLE)
    is_reading = observations["value"].notna() | observations["text"].notna()
    count = {
        "readings": observations["variable"][is_reading].value_counts(),
        "implausible": observations["variable"][is_implausible].value_counts(),
        "flagged": observations["variable"][(flags != "") & ~is_implausible].value_counts(),
    }
    variables = []
    for name in table.columns:
        measured = int(table[name].notna().sum())
        variables.append(
            {
                "name": name,
                "description": known[name].description,
                "unit": "" if known[name].unit == "1" else known[name].unit,
                "allowed": known[name].allowed(),
                "measured": measured,
                "missing_percent": round(100 * (1 - measured / len(table)), 1),
                "readings": int(count["readings"].get(name, measured)),
                "implausible": int(count["implausible"].get(name, 0)),
                "flagged": int(count["flagged"].get(name, 0)),
                "converted": source.conversions.get(name, {}),
            }
        )
    return {
        "source": source.identity,
        "flow": flow,
        "people": len(people),
        "outcome": {"label": outcome, "events": int(outcomes["event"].sum())},
        "variables": variables,
        "defects": [defect._asdict() for defect in source.defects if defect.found],
    }


def to_html(quality: Mapping[str, Any]) -> str:
    """The quality report as one self-contained page."""
    from jinja2 import Environment, StrictUndefined

    text = files("pipeline.cohorts").joinpath("quality.html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["grouped"] = lambda number: f"{number:,}".replace(",", "\u202f")
    return environment.from_string(text).render(quality)
