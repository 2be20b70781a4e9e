"""The tables of this package: kinds of findings with their weight and question, flags, usual values, limits."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from pipeline.delivery import Severity

DIMENSIONS = ("conformance", "completeness", "plausibility", "time course", "duplicates", "drift")


class Kind(NamedTuple):
    """What a kind of finding is about and how grave one case of it is."""

    kind: str
    dimension: str          # one of DIMENSIONS
    touches: str            # what its cases are counted against: readings, people, rows, months, codes, delivery
    weight: float | None    # 1 is all of a reading or person lost; None: by the severity that its reader gave
    drops: str              # a case is a "reading" or "person" that is not in the delivery's tables
    ask: str                # of the sender, in a sentence


class Usual(NamedTuple):
    """Between which values nearly all adults lie, so that a value outside may be in another unit."""

    low: float
    high: float
    source: str


class Limit(NamedTuple):
    """A number that decides, and what it decides."""

    value: float
    meaning: str


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds of `kinds.csv` by name."""
    table = {
        row["kind"]: Kind(
            row["kind"], row["dimension"], row["touches"], float(row["weight"]) if row["weight"] else None,
            row["drops"], row["ask"],
        )
        for row in _rows("kinds")
    }  # fmt: skip
    return MappingProxyType(table)


def kind_of(name: str) -> Kind:
    """The kind of that name; one that the table lacks is taken by its severity, as a matter of conformance."""
    return kinds().get(name) or Kind(name, "conformance", "readings", None, "", "Ask the sender about it.")


def weigh(name: str, severity: Severity) -> float:
    """How much of what it touches one case of a finding costs, 0 to 1."""
    own = kind_of(name).weight
    return limit(f"{severity}_weight") if own is None else own


@cache
def flags() -> tuple[tuple[str, str], ...]:
    """How flags of readings start, and the kind of finding that each belongs to."""
    return tuple((row["start"], row["kind"]) for row in _rows("flags"))


@cache
def usual() -> Mapping[str, Usual]:
    """Usual values of adults by variable, for variables that are also written in other units."""
    rows = _rows("usual")
    return {row["variable"]: Usual(float(row["low"]), float(row["high"]), row["source"]) for row in rows}


@cache
def limits() -> Mapping[str, Limit]:
    """All limits of `limits.csv` by name."""
    return {row["name"]: Limit(float(row["value"]), row["meaning"]) for row in _rows("limits")}


def limit(name: str) -> float:
    """One limit."""
    return limits()[name].value


def _rows(name: str) -> list[dict[str, str]]:
    text = files("pipeline.curation").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
