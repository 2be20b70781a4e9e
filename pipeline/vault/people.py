"""The persons of a vault: each under a pseudonym, with a key of its own and a sealed card.

A card counts the person's readings and rules, which only grow, and is sealed anew with each. The log keeps one hash
over all cards (the exclusive or of a keyed hash of each): so neither can a card be exchanged for an older one, with
the rules since then deleted, nor can a person be taken out or put back.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from pipeline.pseudonym import CROCKFORD
from pipeline.runs import RunError
from pipeline.vault.keys import KEY_BYTES
from pipeline.vault.sealing import Box, PersonKeys, Unsealable
from pipeline.vault.session import Session


@dataclass
class Card:
    """What is known of a person as such, and how many rows of the vault are the person's."""

    person_id: str
    sex: str | None = None
    birth_date: str | None = None      # ISO
    age_years: float | None = None     # on the day `aged_on`, where no birth date is known
    aged_on: str | None = None
    readings: int = 0
    rules: int = 0
    variables: list[str] = field(default_factory=list)      # that the readings are of
    trace: str = "0"                   # hexadecimal: of number, variable and content mark of every reading together


class Person(NamedTuple):
    """One person of an open vault."""

    pseudonym: bytes
    keys: PersonKeys
    card: Card

    def code(self, purpose: str) -> str:
        """What a delivery for `purpose` calls the person: another for each purpose, nobody's without the person's key.

        80 bits: among a million people, two share a code with a chance of 4 in 10^13.
        """
        text = b32encode(self.keys.mark("code", purpose.encode())[:10]).decode().translate(CROCKFORD)
        return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def known(session: Session, person_id: str) -> Person | None:
    """The person of this identifier, if the vault holds one."""
    row = session.store.one("SELECT * FROM people WHERE person = ?", session.root.pseudonym(person_id))
    return row and _open(session, *row)


def find(session: Session, person_id: str) -> Person:
    """The person of this identifier; raises `RunError`, which does not repeat it, if there is none."""
    person = known(session, person_id)
    if person is None:
        raise RunError("the vault holds nobody with this identifier")
    return person


def everybody(session: Session) -> Iterator[Person]:
    """All persons, in the order of their pseudonyms."""
    for row in session.progress(session.store.run("SELECT * FROM people ORDER BY person").fetchall()):
        yield _open(session, *row)


def add(session: Session, card: Card) -> Person:
    """A new person, with a new key."""
    pseudonym = session.root.pseudonym(card.person_id)
    person = Person(pseudonym, PersonKeys(secrets.token_bytes(KEY_BYTES)), card)
    key, sealed = wrap(session, session.wrap, person), _seal(session, person)
    session.store.run("INSERT INTO people VALUES (?, ?, ?)", pseudonym, key, sealed)
    session.cards ^= session.root.print_card(pseudonym, sealed)
    return person


def keep(session: Session, person: Person) -> None:
    """Write the card anew."""
    _forget_card(session, person)
    sealed = _seal(session, person)
    session.store.run("UPDATE people SET card = ? WHERE person = ?", sealed, person.pseudonym)
    session.cards ^= session.root.print_card(person.pseudonym, sealed)


def remove(session: Session, person: Person) -> None:
    """Delete key and card."""
    _forget_card(session, person)
    session.store.run("DELETE FROM people WHERE person = ?", person.pseudonym)


def require_rows(what: str, person: Person, found: int, noted: int) -> None:
    """Raise `Unsealable` unless the store holds as many rows of a person as the card notes."""
    if found != noted:
        raise Unsealable(
            f"{what} of a person ({person.pseudonym.hex()[:8]}...) were removed or added by another hand: "
            f"{found} rows for {noted}"
        )


def wrap(session: Session, box: Box, person: Person) -> bytes:
    """The person's key, sealed under the master key and bound to the person."""
    return box.seal(person.keys.key, b"key", session.vault, person.pseudonym)


def _forget_card(session: Session, person: Person) -> None:
    (sealed,) = session.store.one("SELECT card FROM people WHERE person = ?", person.pseudonym)
    session.cards ^= session.root.print_card(person.pseudonym, sealed)


def _seal(session: Session, person: Person) -> bytes:
    return person.keys.box.seal_facts(asdict(person.card), b"card", session.vault, person.pseudonym)


def _open(session: Session, pseudonym: bytes, key: bytes, card: bytes) -> Person:
    try:
        keys = PersonKeys(session.wrap.open(key, b"key", session.vault, pseudonym))
        facts = keys.box.open_facts(card, b"card", session.vault, pseudonym)
    except Unsealable as fault:
        raise Unsealable(f"key or card of a person ({pseudonym.hex()[:8]}...) does not open: {fault}") from None
    return Person(pseudonym, keys, Card(**facts))
