"""Who and what is there: people with age, sex and readings, and how many people have each variable."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.curation.columns import NEVER, Array, Columns
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.shown import people, percent, unit
from pipeline.curation.tables import limit
from pipeline.schema import variables


def known_age(columns: Columns) -> Array:
    """People whose age can be told."""
    return (columns.birth != NEVER) | ~np.isnan(columns.age)


def with_readings(columns: Columns) -> Array:
    """People with a reading that holds something."""
    found = np.zeros(columns.people, dtype=bool)
    found[columns.person[~columns.empty]] = True
    return found


def describe(columns: Columns) -> dict[str, Any]:
    """The figures of completeness."""
    total = columns.people
    groups = {
        "age known": int(known_age(columns).sum()),
        "sex known": int((columns.female_male >= 0).sum()),
        "with a reading": int(with_readings(columns).sum()),
        "known only from readings": int(columns.strangers.sum()),
    }
    names = [name for name in variables() if name in columns.names]
    names += [name for name in columns.names if name not in variables()]
    return {
        "people": [_line(label, count, total) for label, count in groups.items()],
        "variables": [_variable(columns, columns.names.index(name)) for name in names],
        "absent": sorted(set(variables()) - set(columns.names)),
    }


def concerns(columns: Columns) -> list[Concern]:
    """What is missing of people, and empty deliveries."""
    if not columns.people:
        return [concern("no people", "the delivery", "holds nobody", 1, 1)]
    found = []
    if columns.empty.all():
        found.append(concern("no readings", "the delivery", "holds no reading with a value or an answer", 1, 1))
    told = columns.strangers & (np.arange(columns.people) < columns.listed)      # by the reader, of these people
    missing = (
        ("age not known", "birth date and age", "are both missing", ~(told | known_age(columns))),
        ("sex not known", "sex", "is missing", ~told & (columns.female_male < 0)),
        ("person without readings", "people", "have no reading with a value or an answer", ~with_readings(columns)),
    )
    for kind, place, what, who in missing:
        if who.any() and not (kind == "person without readings" and who.all()):
            found.append(concern(kind, place, what, int(who.sum()), columns.people))
    january = _born_first_of_january(columns.birth)
    born = int((columns.birth != NEVER).sum())
    if january >= max(limit("few"), limit("january_share") * born):
        what = "lie on 1 January more often than chance would have it"
        found.append(concern("births on 1 January", "birth date", what, january, born))
    return found


def _born_first_of_january(birth: Array) -> int:
    days = birth[birth != NEVER].astype("datetime64[s]").astype("datetime64[D]")
    return int((days == days.astype("datetime64[Y]").astype("datetime64[D]")).sum())


def _line(label: str, count: int, total: int) -> dict[str, Any]:
    shown = people(count, total)
    return {"label": label, "people": shown, "percent": percent(shown, total)}


def _variable(columns: Columns, variable: int) -> dict[str, Any]:
    name, total = columns.names[variable], columns.people
    known = columns.known(name)
    measured = int(columns.persons[variable])
    rows = columns.rows(variable)
    readings, few = len(rows), int(limit("few"))
    shown = people(measured, total)
    return {
        "variable": name,
        "description": known.description if known else "not a variable of the library",
        "unit": unit(known),
        "people": shown,
        "percent": percent(shown, total),
        "readings": readings if readings >= few else f"fewer than {few}",
        "set_missing": int(columns.empty[rows].sum()) if readings >= few else None,
    }
