"""One number for a delivery, 0 to 100, that falls with every reading and person that becomes worse.

Every reading that was sent is worth the same share of the points for readings. One that was refused, or came without a
value, loses all of its share; a doubtful one loses what the weight of its gravest fault says. Every person is worth the
same share of the points for people: a third each for age, sex and a reading of use. What only a look at the whole can
suspect (digits, groups, jumps, drift) costs no points: no rule for that would be sure to fall as a delivery worsens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pipeline.curation.columns import Array, Columns
from pipeline.curation.completeness import known_age
from pipeline.curation.concerns import Dropped, variable_of
from pipeline.curation.faults import Faults
from pipeline.curation.shown import Count, people
from pipeline.curation.tables import DIMENSIONS, kind_of, limit

CAUSES = 4       # shown of each part


class Loss(NamedTuple):
    """Points that one kind of fault cost at one place."""

    dimension: str
    kind: str
    place: str
    cases: Count
    points: float
    is_people: bool


class Score(NamedTuple):
    """The score, and where the points went."""

    exact: float
    readings: int            # that were sent, as far as it is known
    people: int
    losses: tuple[Loss, ...]

    @property
    def shown(self) -> int:
        """Whole points, rounded down: 100 only where nothing was lost."""
        return max(math.floor(self.exact + 1e-9), 0)


def score(columns: Columns, faults: Faults, refused: Iterable[Dropped]) -> Score:
    """The score of a delivery, from its readings and what its reader refused."""
    gone = list(refused)
    losses = _of_readings(columns, faults, gone) + _of_people(columns, faults, gone)
    sent = len(columns) + sum(one.finding.times for one in gone if one.what == "reading")
    persons = columns.people + sum(one.finding.times for one in gone if one.what == "person")
    whole = (limit("readings_points") if sent else 0.0) + (limit("people_points") if persons else 0.0)
    lost = sum(loss.points for loss in losses)
    return Score(max(whole - lost, 0.0), sent, persons, tuple(sorted(losses, key=lambda loss: -loss.points)))


def _of_readings(columns: Columns, faults: Faults, gone: list[Dropped]) -> list[Loss]:
    sent = len(columns) + sum(one.finding.times for one in gone if one.what == "reading")
    if not sent:
        return []
    worth, losses = limit("readings_points") / sent, []
    faulty = np.flatnonzero(faults.loss > 0)
    place = columns.variable[faulty].astype(np.int64) * len(faults.kinds) + faults.kind[faulty]
    for key in np.unique(place):
        rows = faulty[place == key]
        kind, name = faults.kinds[int(key) % len(faults.kinds)], columns.names[int(key) // len(faults.kinds)]
        points = worth * float(faults.loss[rows].sum())
        losses.append(Loss(kind_of(kind).dimension, kind, name, len(rows), points, False))
    for one in gone:
        if one.what == "reading":
            finding = one.finding
            where = variable_of(finding.place) or finding.place
            cost = worth * finding.times
            losses.append(Loss(kind_of(finding.kind).dimension, finding.kind, where, finding.times, cost, False))
    return losses


def _of_people(columns: Columns, faults: Faults, gone: list[Dropped]) -> list[Loss]:
    refused = sum(one.finding.times for one in gone if one.what == "person")
    total = columns.people + refused
    if not total:
        return []
    third = limit("people_points") / total / 3
    listed = np.arange(columns.people) < columns.listed
    useful = np.zeros(columns.people, dtype=bool)
    useful[columns.person[faults.loss < 1]] = True
    known: tuple[tuple[str, str, Array], ...] = (
        ("age not known", "age", known_age(columns)),
        ("sex not known", "sex", columns.female_male >= 0),
        ("person without readings", "readings", useful & listed & ~_strangers(columns)),
    )
    losses = []
    for kind, place, has in known:
        lacking = int((~has).sum())
        if lacking:
            shown = people(lacking, columns.people)
            losses.append(Loss("completeness", kind, place, shown, third * lacking, True))
    for one in gone:
        if one.what == "person":
            finding, shown = one.finding, people(one.finding.times)
            cost = 3 * third * finding.times
            losses.append(Loss(kind_of(finding.kind).dimension, finding.kind, finding.place, shown, cost, True))
    return losses


def _strangers(columns: Columns) -> Array:
    """People who are only known from readings that name them."""
    unknown = columns.flagged("patient unknown")
    named = np.zeros(columns.people, dtype=bool)
    named[columns.person[unknown]] = True
    named[columns.person[~unknown]] = False
    return named


def describe(result: Score) -> dict[str, Any]:
    """The parts of the score; points that would tell a small count of people are given as a bound."""
    parts = []
    for label, is_people in (("Readings", False), ("People", True)):
        own = [loss for loss in result.losses if loss.is_people == is_people]
        for dimension in DIMENSIONS:
            mine = [loss for loss in own if loss.dimension == dimension]
            if mine:
                parts.append({"part": label, "dimension": dimension, **_lost(mine, result.people)})
        most = limit("people_points" if is_people else "readings_points")
        if not (result.people if is_people else result.readings):
            nothing = {"lost": most, "at_most": False, "causes": [], "others": 0}
            parts.append({"part": label, "dimension": "completeness", **nothing})
    return {
        "score": result.shown,
        "of": 100,
        "readings": result.readings,
        "people": people(result.people),
        "parts": parts,
    }


def _lost(losses: list[Loss], total: int) -> dict[str, Any]:
    """Points lost, exact or, where that would tell a small count of people, what such a count loses at most."""
    bound = limit("few") * limit("people_points") / max(total, 1)
    points = [bound if isinstance(loss.cases, str) else loss.points for loss in losses]
    causes = [
        {"kind": loss.kind, "place": loss.place, "cases": loss.cases, "points": round(each, 2)}
        for loss, each in zip(losses, points, strict=True)
    ]
    small = any(isinstance(loss.cases, str) for loss in losses)
    lost = min(sum(points), limit("people_points")) if small else sum(points)
    return {"lost": round(lost, 2), "at_most": small, "causes": causes[:CAUSES], "others": len(causes[CAUSES:])}
