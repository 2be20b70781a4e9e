"""One number for a delivery, 0 to 100, that falls with every reading and person that becomes worse.

Every reading that was sent is worth the same share of the points for readings. One that was refused, or came without a
value, loses all of its share; a doubtful one loses what the weight of its gravest fault says. Every person is worth the
same share of the points for people: a third each for age, sex and a reading of use. Reading by reading the score can
only fall; readings that repeat another cost half, so that they dilute the loss only where more than half of everything
is lost. What only a look at the whole can
suspect (digits, groups, jumps, drift) costs no points: no rule for that would be sure to fall as a delivery worsens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pipeline.curation.columns import Array, Columns
from pipeline.curation.completeness import known_age
from pipeline.curation.concerns import Dropped
from pipeline.curation.faults import Faults
from pipeline.curation.shown import Places, people
from pipeline.curation.tables import DIMENSIONS, kind_of, limit

CAUSES = 4       # shown of each part


class Loss(NamedTuple):
    """Points that one kind of fault cost at one place."""

    dimension: str
    kind: str
    place: str
    example: str
    cases: int
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
    faulty = faults.loss > 0
    place = columns.variable[faulty].astype(np.int64) * len(faults.kinds) + faults.kind[faulty]
    cases, costs = np.bincount(place), np.bincount(place, weights=faults.loss[faulty])
    for key in np.flatnonzero(cases).tolist():
        kind, name = faults.kinds[key % len(faults.kinds)], columns.names[key // len(faults.kinds)]
        points = worth * float(costs[key])
        losses.append(Loss(kind_of(kind).dimension, kind, name, "", int(cases[key]), points, False))
    return losses + [_dropped(one, worth, False) for one in gone if one.what == "reading"]


def _dropped(one: Dropped, worth: float, is_people: bool) -> Loss:
    finding, where = one.finding, one.variable or one.finding.place
    dimension, points = kind_of(finding.kind).dimension, worth * one.weight * finding.times
    return Loss(dimension, finding.kind, where, finding.example, finding.times, points, is_people)


def _of_people(columns: Columns, faults: Faults, gone: list[Dropped]) -> list[Loss]:
    refused = sum(one.finding.times for one in gone if one.what == "person")
    total = columns.people + refused
    if not total:
        return []
    third = limit("people_points") / total / 3
    useful = np.zeros(columns.people, dtype=bool)
    useful[columns.person[faults.loss < 1]] = True
    known: tuple[tuple[str, str, Array], ...] = (
        ("age not known", "age", known_age(columns)),
        ("sex not known", "sex", columns.female_male >= 0),
        ("person without readings", "readings", useful & ~columns.strangers),
    )
    losses = []
    for kind, place, has in known:
        if lacking := int((~has).sum()):
            losses.append(Loss("completeness", kind, place, "", lacking, third * lacking, True))
    return losses + [_dropped(one, 3 * third, True) for one in gone if one.what == "person"]


def describe(result: Score, places: Places) -> dict[str, Any]:
    """The parts of the score as they may be shown: points that would tell a small count of people are a bound."""
    parts = []
    for label, is_people in (("Readings", False), ("People", True)):
        own = [loss for loss in result.losses if loss.is_people == is_people]
        for dimension in DIMENSIONS:
            mine = [loss for loss in own if loss.dimension == dimension]
            if mine:
                parts.append({"part": label, "dimension": dimension, **_lost(mine, result.people, places)})
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


def _lost(losses: list[Loss], total: int, places: Places) -> dict[str, Any]:
    """Points lost, exact or, where that would tell a small count of people, what such a count loses at most."""
    gathered: dict[tuple[str, str], list[Loss]] = {}
    for loss in losses:
        gathered.setdefault((loss.kind, places.words(loss.place, loss.example)), []).append(loss)
    bound = limit("few") * limit("people_points") / max(total, 1)
    causes: list[dict[str, Any]] = []
    for (kind, place), same in gathered.items():
        count = sum(loss.cases for loss in same)
        cases = people(count, total) if same[0].is_people else count
        points = bound if isinstance(cases, str) else sum(loss.points for loss in same)
        causes.append({"kind": kind, "place": place, "cases": cases, "points": points})
    small = any(isinstance(cause["cases"], str) for cause in causes)
    lost = sum(cause["points"] for cause in causes)
    causes = sorted(causes, key=lambda cause: -cause["points"])
    return {
        "lost": round(min(lost, limit("people_points")) if small else lost, 2),
        "at_most": small,
        "causes": [cause | {"points": round(cause["points"], 2)} for cause in causes[:CAUSES]],
        "others": len(causes[CAUSES:]),
    }
