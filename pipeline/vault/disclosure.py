"""What the vault hands out for a purpose: of each person what that person allows for it, and of nobody else anything.

Handing out happens today, whatever day is asked about: what was allowed on the day but is not today (a withdrawal
since, or a consent that ran out) is not given.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pipeline.runs import RunError
from pipeline.vault.consent import ALL, BIRTH_DATE, check_purpose, covered, decide, purposes, read_rules
from pipeline.vault.people import Card, Person, everybody
from pipeline.vault.readings import Reading, read_person
from pipeline.vault.sealing import join
from pipeline.vault.session import Act, Session

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.delivery import Delivery

DAYS_PER_YEAR = 365.25
OLDEST_YEARS = 120


def disclose(session: Session, act: Act, purpose: str, wanted: Sequence[str] | None, at: date | None) -> Delivery:
    """A delivery for the purpose, with its consent snapshot under `identity["consent"]`."""
    check_purpose(purpose)
    asked = [ALL] if wanted is None else list(wanted)
    names = covered(asked)
    day = at or session.today
    if day > session.today:
        raise RunError(f"{day} lies in the future; what is allowed then is not known before")
    rows: list[tuple[str, Person, frozenset[str], list[Reading]]] = []
    grants, contents = [], []
    for person in everybody(session):
        given = granted(session, person, purpose, names, (day, session.today))
        if not given:
            continue
        found = list(read_person(session, person, given))
        rows.append((called(person, purpose), person, given, [reading for _, reading in found]))
        grants.append(join(rows[-1][0].encode(), *(name.encode() for name in sorted(given))))
        contents += [content for content, _ in found]
        act.about.append(person.keys)
    rows.sort(key=lambda row: row[0])
    snapshot = {
        "vault": session.vault.hex(),
        "entry": act.entry,
        "purpose": purpose,
        "at": day.isoformat(),
        "given_on": session.today.isoformat(),
        "variables": asked,
        "rules": act.numbers["last_rule"],
        "people": len(rows),
        "readings": len(contents),
        "people_by_variable": dict(sorted(Counter(name for row in rows for name in row[2]).items())),
        "consent_hmac": _keyed(session, sorted(grants)),
        "content_hmac": _keyed(session, sorted(contents)),
    }
    snapshot["hmac"] = _sign(session, snapshot)
    act.note(purpose=purpose, variables=asked, at=day.isoformat(), people=len(rows), readings=len(contents))
    return _delivery(session, purpose, rows, day, snapshot)


def granted(
    session: Session,
    person: Person,
    purpose: str,
    names: Collection[str],
    days: Collection[date],
    until: int | None = None,
) -> frozenset[str]:
    """Which of the variables the person allows for the purpose on all of the days; by rules up to number `until`."""
    rules = read_rules(session, person, until)
    allowed = frozenset(names)
    for day in days:
        allowed &= decide(rules, purpose, day).allowed
    return allowed


def called(person: Person, purpose: str) -> str:
    """What a delivery for the purpose calls the person."""
    return person.card.person_id if purposes()[purpose].identity == "id" else person.code(purpose)


def check_snapshot(session: Session, snapshot: Mapping[str, Any]) -> None:
    """Raises `RunError` if this vault never gave this snapshot."""
    facts = {key: value for key, value in snapshot.items() if key != "hmac"}
    try:
        is_ours = hmac.compare_digest(str(snapshot.get("hmac", "")).encode(), _sign(session, facts).encode())
    except TypeError:      # something in it that JSON cannot hold
        is_ours = False
    if not is_ours:
        raise RunError("this consent snapshot is not one that this vault gave; take it from the delivery, unchanged")


def _delivery(
    session: Session, purpose: str, rows: list[tuple[str, Person, frozenset[str], list[Reading]]], day: date,
    snapshot: Mapping[str, Any],
) -> Delivery:  # fmt: skip
    import pandas as pd

    from pipeline.delivery import Delivery

    keeps_source = purposes()[purpose].identity == "id"      # else it could name the person: a file, a record number
    people = pd.DataFrame(
        [(code, *_person(person.card, given, day)) for code, person, given, _ in rows],
        columns=["person_id", "sex", "birth_date", "age_years"],
    )
    flat = [(code, *r[:6], r.source if keeps_source else "vault") for code, _, _, readings in rows for r in readings]
    readings = pd.DataFrame(
        flat, columns=["person_id", "at", "phase", "variable", "value", "text", "flag", "source"]
    )
    readings["at"] = pd.to_datetime(readings["at"].astype("Int64"), unit="s").astype("datetime64[s]")
    readings["value"] = readings["value"].astype(float)
    unmapped = pd.DataFrame({"system": [], "code": [], "display": [], "count": []})
    identity = {
        "file": f"vault {session.vault.hex()}",
        "sha256": snapshot["content_hmac"],
        "licence": f"consent of each person, for {purpose} alone",
        "citation": "vault of the user",
        "rows": len(flat),
        "note": f"as allowed on {day} and on {snapshot['given_on']}",
        "consent": dict(snapshot),
    }
    return Delivery(_typed(people), _typed(readings), unmapped, (), identity)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {"person_id", "sex", "phase", "variable", "text", "flag", "source"} & set(frame.columns)
    frame = frame.astype(dict.fromkeys(texts, "str"))
    if "birth_date" in frame.columns:
        frame = frame.astype({"birth_date": "datetime64[s]", "age_years": float})
    return frame


def _person(card: Card, given: frozenset[str], day: date) -> tuple[str | None, str | None, float | None]:
    """Sex, birth date and age, as far as allowed: an age is given only where no birth date is."""
    birth_date = card.birth_date if BIRTH_DATE in given else None
    age = _age(card, day) if "age_years" in given and birth_date is None else None
    return card.sex if "sex" in given else None, birth_date, age


def _age(card: Card, day: date) -> float | None:
    if card.birth_date is not None:
        born = date.fromisoformat(card.birth_date)
        age = float(day.year - born.year - ((day.month, day.day) < (born.month, born.day)))
    elif card.age_years is not None and card.aged_on is not None:
        age = card.age_years + (day - date.fromisoformat(card.aged_on)).days / DAYS_PER_YEAR
    else:
        return None
    return age if 0 <= age <= OLDEST_YEARS else None


def _keyed(session: Session, parts: list[bytes]) -> str:
    return hmac.digest(session.root.snapshots, join(*parts), "sha256").hex()


def _sign(session: Session, facts: Mapping[str, Any]) -> str:
    return _keyed(session, [json.dumps(facts, sort_keys=True).encode()])
