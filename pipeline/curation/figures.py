"""Everything that the report of an intake says, as figures that may be shown: one dictionary for page and file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.curation import completeness, conformance, course, drift, duplicates, plausibility
from pipeline.curation.columns import Array, Columns
from pipeline.curation.concerns import Concern, Denominators, by_harm, dropped, from_reader, variable_of
from pipeline.curation.faults import judge
from pipeline.curation.score import describe as describe_score
from pipeline.curation.score import score
from pipeline.curation.shown import FILE, ONE, Places, people, unit
from pipeline.curation.tables import kinds, limit, limits, usual
from pipeline.delivery import Delivery
from pipeline.schema import variables

WORST = 10
QUESTIONS = [
    "rank", "kind", "dimension", "weight", "harm", "place", "what", "times", "of", "counted", "example", "ask",
]  # fmt: skip
LEAST = 0.0005     # harm that would be shown as 0.0 of 100
LONGEST = 300      # the list of all findings
BAD_DATES = ("date in the future", "date is a placeholder")
# Of one variable: what the first tells explains the second.
EXPLAINS = {
    "two groups of values": {"looks like another unit", "distribution shifted"},
    "level jumps": {"distribution shifted"},
    "digits preferred": {"distribution shifted"},
    "values changed": {"distribution shifted"},
}


class Curation(NamedTuple):
    """What is known of the quality of a delivery.

    Nothing in the figures is a person's id or value; a count of people below ten is the text "fewer than 10", and what
    would give it away by subtraction is "all but fewer than 10" or missing. The questions hold everything.
    """

    figures: dict[str, Any]
    questions: pd.DataFrame


def curate(delivery: Delivery, before: Delivery | None = None) -> Curation:
    """The quality of a delivery, compared with an earlier one where there is one."""
    columns = Columns(delivery)
    faults = judge(columns)
    again = faults.kind == faults.kinds.index("duplicate reading")
    shapes = plausibility.shapes(columns)
    well = columns.dated & ~np.isin(faults.kind, [faults.kinds.index(kind) for kind in BAD_DATES])
    periods, jumps = course.periods(columns, well), course.jumps(columns, well)
    counted, twice = duplicates.concerns(columns, again)
    changes = drift.compare(before, Columns(before), delivery, columns) if before is not None else None
    gone = dropped(delivery.findings)
    refused = Counter[str]()
    for one in gone:
        refused[one.variable] += one.finding.times
    found = [
        *from_reader(delivery.findings, _denominators(delivery, columns)),
        *faults.concerns(),
        *completeness.concerns(columns),
        *plausibility.concerns(columns, shapes),
        *course.concerns(columns, periods, jumps),
        *twice,
        *(drift.concerns(changes, columns, refused) if changes else ()),
    ]
    places = Places(columns.files)
    groups = _merged(_once(found), places)
    concerns = [shown for shown, _ in groups]
    harmful = [concern for concern in concerns if concern.harm >= LEAST]
    result = score(columns, faults, gone)
    figures = {
        "report": "intake",
        "version": 1,
        "delivery": _delivery(delivery, columns, well),
        "verdict": _verdict(result.shown, harmful),
        "score": describe_score(result, places),
        "worst": [_row(rank, concern) for rank, concern in enumerate(harmful[:WORST], 1)],
        "findings": [_row(rank, concern) for rank, concern in enumerate(concerns[:LONGEST], 1)],
        "findings_not_shown": len(concerns[LONGEST:]),
        "completeness": completeness.describe(columns),
        "plausibility": plausibility.describe(columns, shapes),
        "conformance": conformance.describe(delivery.identity, delivery.unmapped),
        "time_course": course.describe(columns, periods, jumps) | {"odd": _by_kind(concerns, "time course")},
        "duplicates": {
            "repeated": counted.repeated + _refused(delivery, "duplicate reading", "resource repeated"),
            "several": counted.several,
            "same_sex_and_birth": people(counted.compared),
            "under_two_ids": None if counted.twins is None else people(counted.twins),
        },
        "drift": drift.describe(changes) if changes else None,
        "limits": {name: {"value": one.value, "meaning": one.meaning} for name, one in limits().items()},
        "weights": [
            {"kind": kind.kind, "dimension": kind.dimension, "weight": kind.weight}
            for kind in kinds().values()
            if kind.weight is not None
        ],
        "usual": {
            name: {"low": one.low, "high": one.high, "unit": unit(variables()[name]), "source": one.source}
            for name, one in usual().items()
        },
    }
    return Curation(figures, _questions(groups))


def _questions(groups: Sequence[tuple[Concern, Sequence[Concern]]]) -> pd.DataFrame:
    """Every finding with its exact place and count, under the number that it has on the page."""
    rows = [
        {
            "rank": rank, "kind": one.kind, "dimension": one.dimension, "weight": one.weight,
            "harm": round(100 * shown.harm, 1), "place": one.place, "what": one.what, "times": one.times, "of": one.of,
            "counted": one.touches, "example": one.example, "ask": one.ask,
        }
        for rank, (shown, those) in enumerate(groups, 1)
        for one in those
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=QUESTIONS)


def _denominators(delivery: Delivery, columns: Columns) -> Denominators:
    """What findings are counted against: what was sent, also where it was not taken over."""
    by_variable = dict(zip(columns.names, columns.count.tolist(), strict=True))
    readings, persons = len(columns), columns.people
    for one in dropped(delivery.findings):
        if one.what == "person":
            persons += one.finding.times
            continue
        readings += one.finding.times
        if one.variable:
            by_variable[one.variable] = by_variable.get(one.variable, 0) + one.finding.times
    identity = delivery.identity
    return Denominators(by_variable, readings, persons, int(identity.get("rows", 0)), identity.get("counts", {}))


def _once(concerns: Sequence[Concern]) -> list[Concern]:
    """Without findings that another one of the same variable explains."""
    said = {(less, c.place) for c in concerns for less in EXPLAINS.get(c.kind, ())}
    return [c for c in concerns if (c.kind, c.place) not in said]


def _merged(concerns: Iterable[Concern], places: Places) -> list[tuple[Concern, list[Concern]]]:
    """Findings as they may be shown, the most harmful first, and those behind each.

    Names of files that are about one person are left out; what then is the same stands once.
    """
    found: dict[tuple[str, str, str, int], list[Concern]] = {}
    shown: dict[tuple[str, str, str, int], Concern] = {}
    for one in concerns:
        place, what = places.words(one.place, one.example), places.words(one.what, one.example)
        alone = "" if ONE in place else what        # files of one person each have their own words
        key = (one.kind, place, alone, one.of)
        found.setdefault(key, []).append(one)
        safe = one._replace(place=place, what=what, example=places.example(one.example), times=0)
        first = shown.setdefault(key, safe)
        shown[key] = first._replace(times=first.times + one.times)
    return sorted(((shown[key], those) for key, those in found.items()), key=lambda pair: by_harm(pair[0]))


def _row(rank: int, one: Concern) -> dict[str, Any]:
    """A finding as it may be shown: counts of records as they are, counts of people not where they are small."""
    times = people(one.times) if one.touches == "people" else one.times
    of = people(one.of) if one.touches == "readings" else one.of      # few readings are of few people
    exact = isinstance(times, int) and isinstance(of, int)
    whole = one.of >= max(one.times, 1) and one.touches != "delivery"
    known = variables().get(variable_of(one.place)) if one.touches == "readings" else None
    return {
        "rank": rank,
        "kind": one.kind,
        "dimension": one.dimension,
        "grade": one.grade,
        "weight": one.weight,
        "place": one.place,
        "variable": known.description if known else "",
        "what": one.what,
        "times": times,
        "of": of,
        "counted": one.touches,
        "percent": round(100 * one.times / one.of, 1) if exact and whole else None,
        "harm": round(100 * one.harm, 1) if exact else None,
        "example": one.example,
        "ask": one.ask,
    }


def _verdict(points: int, harmful: list[Concern]) -> dict[str, Any]:
    """What the figures speak for; the decision stays with whoever reads them."""
    questions = [concern for concern in harmful if concern.harm >= limit("ask_harm")]
    whole = [c for c in harmful if c.touches == "delivery" and c.weight >= 1]
    held = [variable_of(c.place) for c in harmful if c.harm >= limit("hold_harm")]
    decision = "wait" if whole or points < limit("hold_score") else "ask" if questions else "accept"
    names = dict.fromkeys(variables()[name].description for name in held if name)
    return {"decision": decision, "questions": len(questions), "hold_back": list(names)}


def _delivery(delivery: Delivery, columns: Columns, dated_well: Array) -> dict[str, Any]:
    """What was handed over, without the name of a file that is about one person."""
    identity, name = delivery.identity, str(delivery.identity.get("file", ""))
    alone = columns.people <= 1 and FILE.fullmatch(name)
    dated = columns.seconds[dated_well]
    many = len(dated) and columns.people >= limit("few")
    first, last = np.quantile(dated, course.EDGES, method="nearest") if many else (None, None)
    return {
        "name": ONE if alone else name,
        "note": identity.get("note", ""),
        "licence": identity.get("licence", ""),
        "citation": identity.get("citation", ""),
        "sha256": identity.get("sha256", ""),
        "rows": int(identity.get("rows", 0)),
        "delivered": identity.get("delivered"),
        "people": people(columns.people),
        "readings": len(columns),
        "without_value": int(columns.empty.sum()),
        "variables": len(columns.names),
        "from": None if first is None else str(np.datetime64(int(first), "s"))[:10],
        "to": None if last is None else str(np.datetime64(int(last), "s"))[:10],
    }


def _by_kind(concerns: Iterable[Concern], dimension: str) -> dict[str, int]:
    """How often each kind of a dimension was found in readings."""
    found: dict[str, int] = {}
    for one in concerns:
        if one.dimension == dimension and one.touches == "readings" and "date" in one.kind.split():
            found[one.kind] = found.get(one.kind, 0) + one.times
    return found


def _refused(delivery: Delivery, *kinds: str) -> int:
    return sum(finding.times for finding in delivery.findings if finding.kind in kinds)
