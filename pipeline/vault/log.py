"""Who did what with the vault, in a chain that shows every later change.

Each entry is sealed and carries a keyed hash (HMAC) over itself and the hash of the entry before it. The hash of the
newest entry, the head, stands in a file outside the vault's folder, beside the key: so an entry that is changed,
taken out, put in or moved is found, and so is a log, or a whole folder, that was cut back to an older state.

An entry tells no values and no names of persons. Whom it is about it says by marks, which only the person's own key
can make again: as long as the person is in the vault, the entries about the person can be found; after erasure nobody
can tell whose marks they were. Every entry also tells how many rows the vault has after it, and a hash of all cards of
persons, so that rows that vanish, or come back from an older copy, are found before anything is given out.

The holder of the key could write another chain. Against that helps a head that was noted elsewhere, such as on paper:
no other chain leads to it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.runs import RunError
from pipeline.vault.keys import write_private
from pipeline.vault.sealing import MARK_BYTES, PersonKeys, RootKeys, Unsealable, join, number
from pipeline.vault.store import Store


class Entry(NamedTuple):
    """One entry of the log."""

    number: int
    at: str                      # UTC
    by: str
    act: str
    facts: Mapping[str, Any]     # purpose, variables, people, ...: what was done, without values or names
    totals: Mapping[str, int]    # rows of the vault after it, and the last numbers given to readings and rules
    cards: str                   # hexadecimal: all cards of persons together
    about: frozenset[bytes]      # marks of the persons

    def is_about(self, person: PersonKeys) -> bool:
        """Whether the entry is about this person."""
        return person.mark("log", number(self.number)) in self.about


class State(NamedTuple):
    """What an entry tells of the vault after it, beside its counts."""

    numbers: Mapping[str, int]   # the last given to a reading and a rule
    cards: str


class Head(NamedTuple):
    """The newest entry, and the one that was about to be written when the head was."""

    number: int
    chain: str                   # hexadecimal
    coming: str | None = None

    def words(self) -> str:
        """The head to be noted elsewhere."""
        return f"{self.number}:{self.chain}"


class Log:
    """The log of an open vault."""

    def __init__(self, store: Store, vault: bytes, keys: RootKeys, path: Path, now: Callable[[], datetime]) -> None:
        self._store, self._vault, self._keys, self._path, self._now = store, vault, keys, path, now

    def tip(self) -> Entry:
        """The newest entry, if it is the one that the head names; call within a transaction.

        Raises `RunError` if the log, or the vault with it, is not as this program left it.
        """
        rows = self._store.run("SELECT * FROM log ORDER BY number DESC LIMIT 2").fetchall()
        if not rows:
            raise RunError("the access log is empty: the vault was changed by another hand; put back a copy")
        last, before = rows[0], rows[1][3] if len(rows) > 1 else self._start()
        if not hmac.compare_digest(self._link(before, *last[:3]), last[3]):
            raise RunError(f"entry {last[0]} of the access log was changed by another hand; check tells more")
        head = self.head()
        if (last[0], last[3].hex()) not in ((head.number, head.chain), (head.number + 1, head.coming)):
            raise RunError(
                f"the access log ends with entry {last[0]}, not as {self._path} says ({head.number} entries): the "
                "vault was cut back to an older state, or the head was; check tells more"
            )
        entry = self._open(*last[:3])
        if (counts := self._store.counts()) != {name: entry.totals[name] for name in counts}:
            lost = [f"{count} {name} for {entry.totals[name]}" for name, count in counts.items()
                    if count != entry.totals[name]]  # fmt: skip
            raise RunError(f"rows were removed or added by another hand: the vault holds {', '.join(lost)}")
        return entry

    def append(
        self, place: int, by: str, act: str, facts: Mapping[str, Any], about: Iterable[PersonKeys], state: State
    ) -> None:
        """Write the next entry, and name it in the head as coming; call within a transaction, last."""
        entry = {
            "at": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "by": by,
            "act": act,
            "facts": dict(facts),
            "totals": self._store.counts() | dict(state.numbers),
            "cards": state.cards,
        }
        before = self._chain(place - 1) or self._start()
        sealed = self._keys.log.seal_facts(entry, self._vault, number(place))
        marks = b"".join(sorted({person.mark("log", number(place)) for person in about}))
        chain = self._link(before, place, sealed, marks)
        self._store.run("INSERT INTO log VALUES (?, ?, ?, ?)", place, sealed, marks, chain)
        self._write_head(Head(place - 1, before.hex(), chain.hex()))

    def confirm(self) -> Head:
        """Name the newest entry in the head; call after the transaction."""
        with self._store.transaction():      # alone, so that heads are written in the order of entries
            place, chain = self._store.one("SELECT number, chain FROM log ORDER BY number DESC LIMIT 1")
            head = Head(place, chain.hex())
            self._write_head(head)
        return head

    def entries(self, faults: list[str] | None = None) -> Iterator[Entry]:
        """All entries, oldest first. What does not fit the chain is told in `faults`, or raised if there is no list."""
        before, expected = self._start(), 1
        for place, sealed, about, chain in self._store.run("SELECT * FROM log ORDER BY number"):
            if place != expected:
                _tell(faults, f"access log: {_span(expected, place - 1)} missing" if place > expected
                      else f"access log: entry {place} was put in before the first")  # fmt: skip
            elif not hmac.compare_digest(self._link(before, place, sealed, about), chain):
                _tell(faults, f"access log: entry {place} is not what was written there, or the one before it is not")
            before, expected = chain, place + 1
            try:
                yield self._open(place, sealed, about)
            except Unsealable:
                _tell(faults, f"access log: entry {place} cannot be read: it was changed, or belongs elsewhere")

    def check_chain(self) -> list[str]:
        """What is wrong with the entries as they follow each other; call within a transaction."""
        faults: list[str] = []
        for _ in self.entries(faults):
            pass
        return faults

    def check(self, noted: str | None = None) -> list[str]:
        """What is wrong with the log, in sentences that say where; call within a transaction.

        `noted` is a head that was kept elsewhere: the log must still lead to it.
        """
        faults = self.check_chain()
        last = self._store.one("SELECT coalesce(max(number), 0) FROM log")[0]
        if noted is not None:
            faults += self._check_noted(noted, last)
        try:
            head = self.head()
        except RunError as fault:
            return [*faults, str(fault)]
        if last < head.number:
            gone = _span(last + 1, head.number)
            faults.append(f"access log: {gone} missing at the end, as the head names entry {head.number}")
        elif self._chain(head.number).hex() != head.chain:
            faults.append(f"access log: entry {head.number} is not the one that the head names")
        elif last > head.number + 1 or (last == head.number + 1 and self._chain(last).hex() != head.coming):
            faults.append(f"access log: {_span(head.number + 1, last)} unknown to the head: put in by another hand")
        return faults

    def head(self) -> Head:
        """The head as it stands in its file."""
        if not self._path.exists():
            raise RunError(
                f"{self._path}: the head of the access log is missing, so nobody can tell whether the log was cut; put "
                "it back from a copy, or take the log as it is with check --accept"
            )
        try:
            facts = json.loads(self._path.read_text(encoding="utf-8"))
            if facts.pop("vault") != self._vault.hex():
                raise RunError(f"{self._path} is the head of another vault")
            return Head(**facts)
        except (ValueError, TypeError, KeyError):
            raise RunError(f"{self._path} is no head of an access log; put it back from a copy") from None

    def read_head(self) -> str | None:
        """The head, or None where it is lost or spoilt."""
        try:
            return self.head().words()
        except RunError:
            return None

    def _check_noted(self, noted: str, last: int) -> list[str]:
        if not re.fullmatch(r"\d{1,15}:[0-9a-f]{64}", noted):
            raise RunError("a noted head looks like 12:0123abcd..., a number and 64 hexadecimal digits")
        place, chain = noted.split(":")
        if int(place) > last:
            return [f"access log: it ends with entry {last}, before the noted head {place}"]
        if self._chain(int(place)).hex() != chain:
            return [f"access log: entry {place} is not the one that was noted: the log was written anew since"]
        return []

    def _open(self, place: int, sealed: bytes, about: bytes) -> Entry:
        facts = self._keys.log.open_facts(sealed, self._vault, number(place))
        marks = frozenset(about[i : i + MARK_BYTES] for i in range(0, len(about), MARK_BYTES))
        return Entry(place, **facts, about=marks)

    def _start(self) -> bytes:
        return hmac.digest(self._keys.chain, self._vault, "sha256")

    def _link(self, before: bytes, place: int, sealed: bytes, about: bytes) -> bytes:
        return hmac.digest(self._keys.chain, join(before, number(place), sealed, about), "sha256")

    def _chain(self, place: int) -> bytes:
        row = self._store.one("SELECT chain FROM log WHERE number = ?", place)
        return row[0] if row else b""

    def _write_head(self, head: Head) -> None:
        write_private(self._path, json.dumps({"vault": self._vault.hex(), **head._asdict()}) + "\n")


def _span(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _tell(faults: list[str] | None, what: str) -> None:
    if faults is None:
        raise RunError(what)
    faults.append(what)
