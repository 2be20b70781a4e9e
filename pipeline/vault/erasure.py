"""Erasing a person, and changing the key of a vault.

Erasing deletes the person's key, card, readings, rules and marks in one transaction, overwrites where they stood, and
writes the file anew: afterwards neither plain value nor sealed one nor key is in any file of the vault. Marks that stay
in the access log came from the key that is gone; without it they are random bytes.

A copy of the vault's folder that was made before, such as a backup, still holds the person, and the master key of today
still opens it. Changing the master key ends that: the copy then opens only with the old key.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.vault.ledger import Run, forget_uses
from pipeline.vault.people import everybody, find, remove, wrap
from pipeline.vault.session import Act, Session, master_box


class Erased(NamedTuple):
    """What was deleted."""

    readings: int
    rules: int
    runs: tuple[Run, ...]      # that had used the person


def erase(session: Session, act: Act, person_id: str) -> Erased:
    """Delete a person and everything that the vault holds of the person."""
    person = find(session, person_id)
    runs = forget_uses(session, person)
    for table in ("readings", "rules"):
        session.store.run(f"DELETE FROM {table} WHERE person = ?", person.pseudonym)
    remove(session, person)
    session.store.run("UPDATE vault SET unswept = 1")      # the file is written anew after the transaction
    act.note(people=1, readings=person.card.readings, rules=person.card.rules, runs=len(runs))
    return Erased(person.card.readings, person.card.rules, tuple(runs))


def rekey(session: Session, act: Act) -> int:
    """Seal the root key and the key of every person under a new master key; how many persons."""
    new = session.change_key()
    box, people = master_box(new, session.vault), 0
    for person in everybody(session):
        sealed = wrap(session, box, person)
        session.store.run("UPDATE people SET key = ? WHERE person = ?", sealed, person.pseudonym)
        people += 1
    session.seal_root(new)
    act.note(people=people)
    return people
