"""What a person allows: for which purposes, of which variables, from when until when.

The rules of a person are a history that only grows. For one purpose, variable and day counts the rule that was
decided last among those that apply on that day; where none applies the answer is no. A withdrawal is a rule too: it
says no from today on, and the rules before it stay readable.

"Last" is by when the person decided, not by when the rule came into the vault: an old consent that is delivered a
second time does not undo a withdrawal.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from pipeline.runs import RunError
from pipeline.schema import variables
from pipeline.vault.people import Person, keep, require_rows
from pipeline.vault.sealing import Unsealable, number
from pipeline.vault.session import Act, Session

ALL = "all"
BIRTH_DATE = "birth_date"      # tells more than an age: a person may give the one without the other
NOW = datetime.max.replace(tzinfo=UTC)      # of a decision: when it comes into the vault, and after all before it


class Purpose(NamedTuple):
    """One purpose that a person can allow or refuse."""

    name: str
    words: Mapping[str, str]     # by language
    identity: str                # of the persons in a delivery for it: "id", or "code" in place of it
    fhir: str                    # code of HL7's v3-ActReason


class Group(NamedTuple):
    """Variables that a person can allow or refuse together."""

    name: str
    words: Mapping[str, str]
    variables: frozenset[str]


class Rule(NamedTuple):
    """One thing that a person decided."""

    purposes: tuple[str, ...]
    variables: tuple[str, ...]   # names, groups, or "all"
    granted: bool
    start: date
    end: date | None             # the last day, or no end
    decided: datetime = NOW      # with its zone

    def applies(self, purpose: str, day: date) -> bool:
        """Whether the rule says anything about the purpose on that day."""
        return purpose in self.purposes and self.start <= day and (self.end is None or day <= self.end)


class Verdict(NamedTuple):
    """What a person's rules say of one purpose on one day; what is in neither set was never decided."""

    allowed: frozenset[str]
    refused: frozenset[str]


@cache
def purposes() -> Mapping[str, Purpose]:
    """All purposes by name, in the order of `purposes.csv`."""
    rows = read_table("purposes.csv")
    return MappingProxyType({r["name"]: Purpose(r["name"], _words(r), r["identity"], r["fhir"]) for r in rows})


@cache
def groups() -> Mapping[str, Group]:
    """All groups of variables by name, in the order of `groups.csv`."""
    rows = read_table("groups.csv")
    return MappingProxyType({r["name"]: Group(r["name"], _words(r), frozenset(r["variables"].split())) for r in rows})


def covered(names: Iterable[str]) -> frozenset[str]:
    """The variables that names, groups or "all" stand for; raises `RunError` at a name that stands for none."""
    found: set[str] = set()
    for name in names:
        if name == ALL:
            found |= {*variables(), BIRTH_DATE}
        elif name in groups():
            found |= groups()[name].variables
        elif name in variables() or name == BIRTH_DATE:
            found.add(name)
        else:
            raise RunError(
                f"{name!r} is no variable and no group; groups are {', '.join(groups())}, everything is {ALL}, and "
                f"variables stand in pipeline/variables.csv (and {BIRTH_DATE})"
            )
    return frozenset(found)


def check_purpose(name: str) -> str:
    """The name itself, if it is a purpose."""
    if name not in purposes():
        raise RunError(f"{name!r} is no purpose; purposes are {', '.join(purposes())}")
    return name


def decide(rules: Sequence[Rule], purpose: str, day: date) -> Verdict:
    """What the rules, given in the order in which they came into the vault, say of the purpose on that day."""
    allowed: set[str] = set()
    refused: set[str] = set()
    for rule in sorted(rules, key=lambda rule: rule.decided):      # stable: decided at once, the later arrival counts
        if rule.applies(purpose, day):
            says, other = (allowed, refused) if rule.granted else (refused, allowed)
            says |= covered(rule.variables)
            other -= says
    return Verdict(frozenset(allowed), frozenset(refused))


def write_rules(session: Session, act: Act, person: Person, rules: Iterable[Rule]) -> int:
    """Add rules to a person's history, but for those it holds already; how many were new."""
    history = read_rules(session, person)
    new = 0
    for rule in rules:
        if rule.decided == NOW:      # later than all decided before, also where a clock was put back
            latest = max((known.decided for known in history), default=session.now())
            rule = rule._replace(decided=max(session.now(), latest + timedelta(microseconds=1)))
        elif rule.decided > session.now():
            raise RunError(f"a consent decided at {rule.decided:%Y-%m-%d %H:%M %Z} lies in the future")
        _check(rule)
        if rule in history:
            continue
        place = act.give("last_rule")
        facts = [rule.purposes, rule.variables, rule.granted, rule.start.isoformat(),
                 rule.end and rule.end.isoformat(), rule.decided.astimezone(UTC).isoformat()]  # fmt: skip
        sealed = person.keys.box.seal_facts(facts, b"rule", session.vault, person.pseudonym, number(place))
        session.store.run("INSERT INTO rules VALUES (?, ?, ?)", place, person.pseudonym, sealed)
        history.append(rule)
        new += 1
    person.card.rules += new
    keep(session, person)
    return new


def read_rules(session: Session, person: Person, until: int | None = None) -> list[Rule]:
    """The history of a person, in the order of arrival; `until` leaves out rules with a higher number."""
    rows = session.store.run(
        "SELECT number, sealed FROM rules WHERE person = ? ORDER BY number", person.pseudonym
    ).fetchall()
    require_rows("consent rules", person, len(rows), person.card.rules)
    return [_rule(session, person, *row) for row in rows if until is None or row[0] <= until]


def _rule(session: Session, person: Person, place: int, sealed: bytes) -> Rule:
    try:
        facts = person.keys.box.open_facts(sealed, b"rule", session.vault, person.pseudonym, number(place))
    except Unsealable as fault:
        raise Unsealable(f"consent rule {place} does not open: {fault}") from None
    of, about, granted, start, end, decided = facts
    last = date.fromisoformat(end) if end else None
    return Rule(tuple(of), tuple(about), granted, date.fromisoformat(start), last, datetime.fromisoformat(decided))


def _check(rule: Rule) -> None:
    if not rule.purposes or not rule.variables:
        raise RunError("a consent names at least one purpose, and variables, groups or all")
    for purpose in rule.purposes:
        check_purpose(purpose)
    covered(rule.variables)
    if rule.end is not None and rule.end < rule.start:
        raise RunError(f"a consent from {rule.start} cannot end on {rule.end}, before it begins")


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a table of this package."""
    text = files("pipeline.vault").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _words(row: Mapping[str, str]) -> Mapping[str, str]:
    return {"en": row["english"], "sv": row["swedish"]}
