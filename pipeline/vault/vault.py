"""The vault as its users see it: each method is one act, all of it with its entry in the access log, or nothing."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pipeline.runs import RunError
from pipeline.vault import disclosure, erasure, ledger, readings
from pipeline.vault.checking import check
from pipeline.vault.consent import ALL, Rule, purposes, read_rules, write_rules
from pipeline.vault.erasure import Erased
from pipeline.vault.exchange import write_bundle
from pipeline.vault.fhir_consent import read_consents
from pipeline.vault.ledger import Affected, Run, Use
from pipeline.vault.log import Entry
from pipeline.vault.people import Person, find, known
from pipeline.vault.readings import Loaded, read_person
from pipeline.vault.session import Act, Session, make_session, open_session, refuse_inside, utc_now

if TYPE_CHECKING:
    from pipeline.delivery import Delivery


class Vault:
    """An open vault; close it, or use it in a `with`. One process or thread each."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.folder, self.key_path = session.store.path.parent, session.key_path

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and the keys."""
        self._session.store.close()

    def refuse_inside(self, path: Path) -> None:
        """Raises `RunError` if `path`, where something plain shall go, lies in the vault's folder."""
        refuse_inside(self.folder, path, "what is plain does not belong there")

    def load(self, delivery: Delivery) -> Loaded:
        """Take over people and readings; what is held already is left out. Nobody is readable without consent."""
        with self._session.act("load") as act:
            return readings.load(self._session, act, delivery)

    def consent(self, person_id: str, rules: Iterable[Rule]) -> int:
        """Add rules to a person's history; how many were new."""
        return self.consents({person_id: rules})

    def consents(self, rules_of: Mapping[str, Iterable[Rule]]) -> int:
        """Add rules to the histories of many, all or none; how many were new."""
        with self._session.act("consent") as act:
            return sum(self._add(act, find(self._session, who), list(rules)) for who, rules in rules_of.items())

    def consent_fhir(self, document: Mapping[str, Any], source: str, *, identify_by: str = "id") -> int:
        """Take over a FHIR Consent, or those of a Bundle, all or none; how many rules were new.

        `identify_by` tells whether the vault calls people by the "id" of their Patient or by an "identifier" in it.
        """
        with self._session.act("consent") as act:
            received = read_consents(document, source, self._session.now(), identify_by=identify_by)
            new = 0
            for identifiers, rule, place in received:
                meant = {p.pseudonym: p for i in identifiers if (p := known(self._session, i)) is not None}
                if len(meant) != 1:
                    what = "nobody in the vault" if not meant else "more than one person in the vault"
                    raise RunError(f"{place}: patient refers to {what}; load the person first, or mend the reference")
                (person,) = meant.values()
                new += self._add(act, person, [rule])
            return new

    def withdraw(
        self, person_id: str, of_purposes: Sequence[str] | None = None, variables: Sequence[str] = (ALL,)
    ) -> list[Affected]:
        """Refuse from now on (all purposes, if None); the runs of the vault that must be rebuilt."""
        with self._session.act("withdraw") as act:
            of = tuple(purposes() if of_purposes is None else of_purposes)
            rule = Rule(of, tuple(variables), False, self._session.today, None)
            self._add(act, find(self._session, person_id), [rule])
            return [found for found in ledger.affected(self._session) if found.must_be_rebuilt]

    def read(self, purpose: str, variables: Sequence[str] | None = None, at: date | None = None) -> Delivery:
        """Of each person what that person allows for the purpose on the day `at` and today, as a delivery.

        Persons are called by their identifier or by a code, as `purposes.csv` says of the purpose. `variables` are
        names or groups (everything, if None). `identity["consent"]` is the consent snapshot: who was asked about what
        on which day, counts, and keyed hashes of what was allowed and given; no identifiers.
        """
        with self._session.act("read") as act:
            return disclosure.disclose(self._session, act, purpose, variables, at)

    def history(self, person_id: str) -> list[Rule]:
        """Every rule of a person, in the order of arrival."""
        with self._session.act("look at consent") as act:
            person = find(self._session, person_id)
            act.about.append(person.keys)
            return read_rules(self._session, person)

    def export(self, person_id: str) -> dict[str, Any]:
        """Everything that the vault holds of one person, as a FHIR R4B Bundle."""
        with self._session.act("export") as act:
            person = find(self._session, person_id)
            act.about.append(person.keys)
            rules, found = read_rules(self._session, person), list(read_person(self._session, person))
            act.note(people=1, readings=len(found), rules=len(rules))
            return write_bundle(person, found, rules, self._session.now())

    def erase(self, person_id: str) -> Erased:
        """Delete a person, so that neither values nor key are in any file of the vault afterwards."""
        with self._session.act("erase") as act:
            return erasure.erase(self._session, act, person_id)

    def record_use(
        self, run: str, people: Iterable[str], snapshot: Mapping[str, Any], replaces: str | None = None
    ) -> Run:
        """Write down that a run or model used these people, as the delivery of the snapshot called them."""
        with self._session.act("use") as act:
            return ledger.record_use(self._session, act, run, people, snapshot, replaces)

    def uses(self, person_id: str) -> list[Use]:
        """The runs and models that used a person."""
        with self._session.act("look at uses") as act:
            person = find(self._session, person_id)
            act.about.append(person.keys)
            return ledger.uses_of(self._session, person, ledger.read_runs(self._session))

    def runs(self) -> list[Run]:
        """The runs and models of the ledger, oldest first."""
        with self._session.look():
            return list(ledger.read_runs(self._session).values())

    def affected(self) -> list[Affected]:
        """The runs, but for replaced ones, that used somebody whose data they could not have today."""
        with self._session.look():
            return ledger.affected(self._session)

    def log(self, person_id: str | None = None) -> list[Entry]:
        """The access log, or what of it is about one person, oldest first."""
        with self._session.look():
            entries = list(self._session.log.entries())
            if person_id is None:
                return entries
            person = find(self._session, person_id)
            return [entry for entry in entries if entry.is_about(person.keys)]

    def head(self) -> str:
        """The head of the access log, to be noted elsewhere."""
        with self._session.look():
            return self._session.log.head().words()

    def check(self, noted: str | None = None) -> list[str]:
        """What is wrong with the vault, in sentences that say where; empty if nothing is.

        `noted` is a head that was kept elsewhere.
        """
        return check(self._session, noted)

    def accept(self) -> str:
        """Take the log as it is, where its head is lost or names another state; the new head.

        For a vault that was put back from a copy: raises `RunError` if the chain itself is broken.
        """
        return self._session.accept()

    def rekey(self) -> int:
        """Give the vault a new master key, so that older copies of it do not open with the key of today."""
        with self._session.act("rekey") as act:
            return erasure.rekey(self._session, act)

    def _add(self, act: Act, person: Person, rules: list[Rule]) -> int:
        act.about.append(person.keys)
        new = write_rules(self._session, act, person, rules)
        told = {*act.facts.get("purposes", ()), *(purpose for rule in rules for purpose in rule.purposes)}
        people = len({keys.key for keys in act.about})
        act.note(people=people, rules=act.facts.get("rules", 0) + new, purposes=sorted(told))
        return new


def make_vault(
    folder: Path, key: Path | None = None, *, by: str | None = None, now: Callable[[], datetime] = utc_now
) -> Vault:
    """A new vault in `folder`, with a new key (in the user's settings, unless told otherwise)."""
    make_session(folder, key, by or getpass.getuser(), now)
    return open_vault(folder, key, by=by, now=now)


def open_vault(
    folder: Path,
    key: Path | None = None,
    *,
    by: str | None = None,
    now: Callable[[], datetime] = utc_now,
    progress: Callable[[Any], Iterable[Any]] = iter,
) -> Vault:
    """The vault in `folder`; raises `RunError` if the key is not its own, or it is not as it was left.

    `by` is who works with it, for the log (the user of this machine, if None); `progress` wraps long loops over people.
    """
    return Vault(open_session(folder, key, by or getpass.getuser(), now, progress))
