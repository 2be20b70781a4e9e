"""Which runs and models used whom, so that they can be found when a person withdraws or is erased.

A use is a mark under the person's own key, another in every run, with the variables used sealed beside it. While the
person is in the vault, the vault can make the mark again and so find the person's runs.

When a person is erased, mark and variables go, and each of the runs counts one more who was erased since. That is all
that stays: the number says that somebody who was erased had been in the run, which whoever answers for the model has to
know; it belongs to nobody, is not told apart from another erased person's, and the key from which the mark came
is gone, so neither the vault nor anybody who knows the identifier can find out whose it was. What no software can
prevent: where one person alone was erased, and somebody remembers who, the number is about that person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date
from typing import Any, NamedTuple

from pipeline.runs import RunError
from pipeline.vault.consent import covered, decide, read_rules
from pipeline.vault.disclosure import called, check_snapshot, granted
from pipeline.vault.people import Person, everybody
from pipeline.vault.sealing import Unsealable, number
from pipeline.vault.session import Act, Session


class Run(NamedTuple):
    """A run or model that learned from people of the vault."""

    run: str
    purpose: str
    at: str                   # the day whose consent counted
    recorded: str
    consent_hmac: str         # of the snapshot
    people: int               # it used, in all
    erased: int               # of them, since
    replaces: str | None      # the run that it was made to replace


class Use(NamedTuple):
    """One person's part in a run."""

    run: Run
    variables: tuple[str, ...]


class Affected(NamedTuple):
    """A run that used somebody whose data it could not have today."""

    run: Run
    erased: int
    withdrawn: int            # who said no since
    ended: int                # whose consent ran out by itself

    @property
    def must_be_rebuilt(self) -> bool:
        """Whether somebody said no; a consent that ran out does not reach back."""
        return self.erased + self.withdrawn > 0


def record_use(
    session: Session, act: Act, run: str, people: Iterable[str], snapshot: Mapping[str, Any], replaces: str | None
) -> Run:
    """Write down who was used: people as the delivery called them, and the delivery's snapshot."""
    check_snapshot(session, snapshot)
    runs = read_runs(session)
    if run in (held.run for held in runs.values()):
        raise RunError(f"run {run!r} is in the ledger already; every run has a name of its own")
    if replaces is not None and replaces not in (held.run for held in runs.values()):
        raise RunError(f"run {replaces!r}, which {run!r} replaces, is not in the ledger")
    place = max(runs, default=0) + 1
    left, purpose = set(people), snapshot["purpose"]
    asked, days = covered(snapshot["variables"]), [date.fromisoformat(snapshot[day]) for day in ("at", "given_on")]
    used = len(left)
    for person in everybody(session):
        if called(person, purpose) not in left:
            continue
        left.remove(called(person, purpose))
        given = granted(session, person, purpose, asked, days, snapshot["rules"])
        if not given:
            raise RunError(f"run {run!r}: somebody of its people was not in the delivery of this snapshot")
        sealed = person.keys.box.seal_facts(sorted(given), *_use_place(session, person, place))
        session.store.run("INSERT INTO uses VALUES (?, ?, ?)", place, use_mark(person, place), sealed)
        act.about.append(person.keys)
    if left and len(left) > _erased_since(session, snapshot["entry"]):
        raise RunError(f"run {run!r}: {len(left)} of its people are not in the vault, nor were they erased since")
    moment = session.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = Run(run, purpose, snapshot["at"], moment, snapshot["consent_hmac"], used, len(left), replaces)
    session.store.run("INSERT INTO runs VALUES (?, ?)", place, _seal(session, place, entry))
    act.note(run=run, purpose=purpose, people=used)
    return entry


def uses_of(session: Session, person: Person, runs: Mapping[int, Run]) -> list[Use]:
    """Those of the runs that used the person, oldest first."""
    found = []
    for place, run in runs.items():
        row = session.store.one("SELECT sealed FROM uses WHERE run = ? AND mark = ?", place, use_mark(person, place))
        if row:
            found.append(Use(run, _open_use(session, person, place, row[0])))
    return found


def affected(session: Session) -> list[Affected]:
    """The runs, but for those that were replaced, that used somebody whose data they could not have today."""
    runs = read_runs(session)
    replaced = {run.replaces for run in runs.values()}
    counts = {place: [run.erased, 0, 0] for place, run in runs.items() if run.run not in replaced}
    for person in everybody(session):
        rules = None
        for place in counts:
            mark = use_mark(person, place)
            row = session.store.one("SELECT sealed FROM uses WHERE run = ? AND mark = ?", place, mark)
            if not row:
                continue
            rules = read_rules(session, person) if rules is None else rules
            verdict = decide(rules, runs[place].purpose, session.today)
            used = set(_open_use(session, person, place, row[0]))
            counts[place][1] += bool(used & verdict.refused)
            counts[place][2] += not used & verdict.refused and not used <= verdict.allowed
    return [Affected(runs[place], *found) for place, found in counts.items() if any(found)]


def forget_uses(session: Session, person: Person) -> list[Run]:
    """Take the person's marks out of every run, and count one more who was erased; the runs, as they are then."""
    changed = []
    for place, run in read_runs(session).items():
        gone = session.store.run("DELETE FROM uses WHERE run = ? AND mark = ?", place, use_mark(person, place)).rowcount
        if gone:
            changed.append(run._replace(erased=run.erased + 1))
            sealed = _seal(session, place, changed[-1])
            session.store.run("UPDATE runs SET sealed = ? WHERE number = ?", sealed, place)
    return changed


def read_runs(session: Session) -> dict[int, Run]:
    """All runs by their number."""
    counts = dict(session.store.run("SELECT run, count(*) FROM uses GROUP BY run").fetchall())
    runs = {}
    for place, sealed in session.store.run("SELECT number, sealed FROM runs ORDER BY number").fetchall():
        try:
            run = Run(**session.root.ledger.open_facts(sealed, b"run", session.vault, number(place)))
        except Unsealable as fault:
            raise Unsealable(f"run {place} of the ledger does not open: {fault}") from None
        if counts.get(place, 0) != run.people - run.erased:
            raise Unsealable(f"uses of run {run.run!r} were removed or added by another hand")
        runs[place] = run
    return runs


def use_mark(person: Person, place: int) -> bytes:
    """What stands for the person in the run of this number."""
    return person.keys.mark("use", number(place))


def _use_place(session: Session, person: Person, place: int) -> tuple[bytes, ...]:
    return b"use", session.vault, person.pseudonym, number(place)


def _open_use(session: Session, person: Person, place: int, sealed: bytes) -> tuple[str, ...]:
    return tuple(person.keys.box.open_facts(sealed, *_use_place(session, person, place)))


def _seal(session: Session, place: int, run: Run) -> bytes:
    return session.root.ledger.seal_facts(run._asdict(), b"run", session.vault, number(place))


def _erased_since(session: Session, entry: int) -> int:
    return sum(known.act == "erase" for known in session.log.entries() if known.number > entry)
