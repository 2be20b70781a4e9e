"""Readings of persons: into the vault, and out of it variable by variable.

Each reading is sealed by itself under its person's key and bound to person, variable and row. Which variable it is of
is told by a mark under the same key, so that what a person did not allow is not even opened.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.schema import TableError, validate, variables
from pipeline.vault.people import Card, Person, add, keep, known, require_rows
from pipeline.vault.sealing import Unsealable, number
from pipeline.vault.session import Act, Session

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.delivery import Delivery


class Reading(NamedTuple):
    """One reading, as in the table `delivered_readings`."""

    at: int | None      # seconds since 1970, UTC
    phase: str
    variable: str
    value: float | None
    text: str | None
    flag: str
    source: str


class Loaded(NamedTuple):
    """What came in."""

    people: int         # who were new
    readings: int       # that were new
    held: int           # readings that the vault held already, equal in everything


def load(session: Session, act: Act, delivery: Delivery) -> Loaded:
    """Take over people and readings of a delivery; what the vault holds already is left out."""
    people = validate(delivery.people, "delivered_people", "people")
    readings = validate(delivery.readings, "delivered_readings", "readings")
    _check(people, readings)
    by_person = _by_person(readings)
    new = written = 0
    for row, facts in enumerate(session.progress(_plain(people))):
        person_id, sex, birth, age = facts
        person = known(session, person_id)
        if person is None:
            person, new = add(session, Card(person_id)), new + 1
        _fill(session, person.card, row, sex, birth, age)
        written += _write(session, act, person, by_person.pop(person_id, []))
        keep(session, person)
        act.about.append(person.keys)
    act.note(people=len(people), new_people=new, readings=written)
    return Loaded(new, written, len(readings) - written)


def read_person(
    session: Session, person: Person, wanted: Collection[str] | None = None
) -> Iterator[tuple[bytes, Reading]]:
    """The person's readings of the wanted variables (all, if None) in order of arrival, each with its mark."""
    names = person.card.variables if wanted is None else set(wanted).intersection(person.card.variables)
    marks = {person.keys.mark("variable", name.encode()) for name in names}
    rows = session.store.run(
        "SELECT number, variable, content, sealed FROM readings WHERE person = ? ORDER BY number", person.pseudonym
    ).fetchall()
    require_rows("readings", person, len(rows), person.card.readings)
    trace = 0
    for row in rows:
        trace ^= _trace(person, *row[:3])
    if trace != int(person.card.trace, 16):
        raise Unsealable(f"readings of a person ({person.pseudonym.hex()[:8]}...) were exchanged by another hand")
    for place, variable, content, sealed in rows:
        if variable not in marks:
            continue
        try:
            plain = person.keys.box.open(sealed, *_place(session, person, variable, content, place))
        except Unsealable as fault:
            raise Unsealable(f"reading {place} does not open: {fault}") from None
        yield content, Reading(*json.loads(plain))


def _write(session: Session, act: Act, person: Person, readings: list[Reading]) -> int:
    if not readings:
        return 0
    held = {row[0] for row in session.store.run("SELECT content FROM readings WHERE person = ?", person.pseudonym)}
    marks = {name: person.keys.mark("variable", name.encode()) for name in {reading.variable for reading in readings}}
    rows, trace = [], int(person.card.trace, 16)
    for reading in readings:
        content = person.keys.mark("content", json.dumps(reading).encode())
        if content in held:
            continue
        held.add(content)
        variable, place = marks[reading.variable], act.give("last_reading")
        sealed = person.keys.box.seal_facts(reading, *_place(session, person, variable, content, place))
        rows.append((place, person.pseudonym, variable, content, sealed))
        trace ^= _trace(person, place, variable, content)
    session.store.many("INSERT INTO readings VALUES (?, ?, ?, ?, ?)", rows)
    person.card.readings, person.card.trace = person.card.readings + len(rows), f"{trace:x}"
    person.card.variables = sorted({*person.card.variables, *marks})
    return len(rows)


def _place(session: Session, person: Person, variable: bytes, content: bytes, place: int) -> tuple[bytes, ...]:
    return b"reading", session.vault, person.pseudonym, variable, content, number(place)


def _trace(person: Person, place: int, variable: bytes, content: bytes) -> int:
    return int.from_bytes(person.keys.mark("trace", number(place), variable, content), "big")


def _fill(session: Session, card: Card, row: int, sex: str | None, birth: str | None, age: float | None) -> None:
    """Add what the card lacks; what it holds is not changed by a delivery."""
    for column, given in (("sex", sex), ("birth_date", birth)):
        held = getattr(card, column)
        if given is not None and held is not None and given != held:
            raise TableError(
                f"people: row {row}: {column} differs from what the vault holds of this person; mend the source, or "
                "erase the person and load anew"
            )
        setattr(card, column, held if given is None else given)
    if age is not None:
        card.age_years, card.aged_on = age, session.today.isoformat()


def _plain(people: pd.DataFrame) -> list[tuple[str, str | None, str | None, float | None]]:
    births = [None if stamp is None else stamp.date().isoformat() for stamp in _objects(people["birth_date"])]
    ages, sexes = _objects(people["age_years"]), _objects(people["sex"])
    return list(zip(people["person_id"], sexes, births, ages, strict=True))


def _by_person(readings: pd.DataFrame) -> dict[str, list[Reading]]:
    seconds = [None if stamp is None else int(stamp.timestamp()) for stamp in _objects(readings["at"])]
    columns = [_objects(readings[name]) for name in ("phase", "variable", "value", "text", "flag", "source")]
    found: dict[str, list[Reading]] = {}
    for person_id, *facts in zip(readings["person_id"], seconds, *columns, strict=True):
        found.setdefault(person_id, []).append(Reading(*facts))
    return found


def _objects(column: pd.Series) -> list[Any]:
    """The values as Python's own, None where missing."""
    return column.astype(object).where(column.notna(), None).tolist()


def _check(people: pd.DataFrame, readings: pd.DataFrame) -> None:
    """Raises `TableError` at readings that no variable of the library can have."""
    import numpy as np

    known_variables = variables()
    kinds = readings["variable"].map({name: variable.kind for name, variable in known_variables.items()})
    is_number, has_text = kinds == "number", readings["text"].notna()
    levels = {name: set(variable.levels) for name, variable in known_variables.items() if variable.levels}
    checked = readings[has_text & readings["variable"].isin(list(levels))]
    odd = [text not in levels[name] for name, text in zip(checked["variable"], checked["text"], strict=True)]
    value = readings["value"].to_numpy(dtype=float)
    faults = [
        (kinds.isna(), "is no variable of the library (pipeline/variables.csv)"),
        (is_number & has_text, "is a number and has a text"),
        ((kinds == "category") & ~np.isnan(value), "is a category and has a value"),
        (np.isinf(value), "is not finite"),
        (readings.index.isin(checked.index[odd]), "is none of its levels"),
        (~readings["person_id"].isin(people["person_id"]), "is of a person who is not in the table of people"),
    ]
    said = []
    for where, what in faults:
        rows = np.flatnonzero(where)
        if len(rows):
            name = readings["variable"].iloc[rows[0]]
            said.append(f"readings: {len(rows)} row(s), first in row {rows[0]}: {name} {what}")
    if said:
        raise TableError("\n".join(said))


def check_readings(session: Session, person: Person) -> None:
    """Open every reading; raises `Unsealable` at the first that is not as it was written."""
    for content, reading in read_person(session, person):
        if person.keys.mark("content", json.dumps(reading).encode()) != content:
            raise Unsealable(f"a reading of a person ({person.pseudonym.hex()[:8]}...) stands under another's mark")
