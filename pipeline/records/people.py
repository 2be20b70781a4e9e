"""Who the patients of a delivery are: one row a person, and every name by which records refer to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.records.kinds import Findings
from pipeline.records.times import DAY_S, NEVER, moment, stamps

OLDEST_YEARS = 120


class Known(NamedTuple):
    """What one resource says of a patient."""

    sex: str          # female, male or ""
    birth: int        # seconds, or NEVER


def subject(reference: str) -> str:
    """One spelling of a reference to a resource, whatever server and version it names."""
    if reference.startswith("urn:"):
        return reference
    parts = reference.split("/_history/")[0].split("/")
    return "/".join(parts[-2:])


class People:
    """Gathers patients; `identify_by` tells whether a person is their logical id or their first identifier."""

    def __init__(self, findings: Findings, *, identify_by: str = "id") -> None:
        self.findings, self.by_identifier = findings, identify_by == "identifier"
        self.names: dict[str, str] = {}                 # reference -> person_id
        self.known: dict[str, Known] = {}
        self._owner: dict[tuple[str, str], str] = {}    # identifier -> person_id
        self._unclear: set[str] = set()                 # whose sex contradicts itself
        self._deaths: set[tuple[str, str]] = set()

    def add(self, patient: dict[str, Any], url: str, example: str) -> str | None:
        """Take over a Patient; its person_id, or None if it has none."""
        logical = patient.get("id") or url.removeprefix("urn:uuid:").removeprefix("urn:oid:").split("/")[-1]
        identifiers = [(i.get("system", ""), i["value"]) for i in patient.get("identifier", []) if i.get("value")]
        if self.by_identifier:
            if not identifiers:
                self.findings.add("patient absent", "Patient.identifier", "has no identifier to go by", example)
                return None
            person = identifiers[0][1]
        elif not logical:
            self.findings.add("patient absent", "Patient.id", "has no id and no fullUrl", example)
            return None
        else:
            person = logical
        for name in (f"Patient/{patient.get('id') or logical}", subject(url) if url else ""):
            if name:
                self.names[name] = person
        for one in identifiers:
            self.names.setdefault(f"identifier {one[0]}|{one[1]}", person)
            if self._owner.setdefault(one, person) != person:
                what = "two patients have the same identifier; one person may stand under two ids"
                where = f"Patient.identifier {one[0]}".rstrip()
                self.findings.add("patients share an identifier", where, what, example)
        self._merge(person, patient, example)
        return person

    def dies(self, person: str, time: str) -> bool:
        """Note a death; whether this was not told before."""
        known = len(self._deaths)
        self._deaths.add((person, time))
        return len(self._deaths) > known

    def _merge(self, person: str, patient: dict[str, Any], example: str) -> None:
        gender = patient.get("gender", "")
        sex = gender if gender in {"female", "male"} else ""
        if gender and not sex:
            what = "is other or unknown; the library knows female and male, and leaves it missing"
            self.findings.add("sex neither female nor male", "Patient.gender", what, example)
        text = patient.get("birthDate", "")
        if 0 < len(text) < 10:
            what = "is known to the year or month; it stands at the start of that time"
            self.findings.add("birth date partial", "Patient.birthDate", what, example)
        self.merge(person, Known(sex, moment(text).seconds), example)

    def merge(self, person: str, said: Known, example: str) -> None:
        """Add what a record says of a person; what contradicts an earlier one goes missing."""
        before = self.known.get(person)
        if before is None:
            self.known[person] = said
            return
        sex, birth = said.sex or before.sex, before.birth if said.birth == NEVER else said.birth
        if said.sex and before.sex and said.sex != before.sex:
            self._unclear.add(person)
            what = "is female in one record and male in another of the same person; left missing"
            self.findings.add("sex contradictory", "Patient.gender", what, example)
        if NEVER not in (said.birth, before.birth) and said.birth != before.birth:
            what = "differs between records of the same person; the first is kept"
            self.findings.add("birth date contradictory", "Patient.birthDate", what, example)
            birth = before.birth
        self.known[person] = Known("" if person in self._unclear else sex, birth)

    def resolve(self, subjects: list[str]) -> tuple[np.ndarray, list[str], np.ndarray]:
        """For each reference its person's number; the persons by number; and which references led to nobody known.

        A reference to nobody becomes a person of whom nothing is known.
        """
        numbers = {person: number for number, person in enumerate(self.known)}
        lost = np.zeros(len(subjects), dtype=bool)
        found = np.zeros(len(subjects), dtype=np.int64)
        for index, reference in enumerate(subjects):
            person = self.names.get(reference)
            if person is None or person not in self.known:
                lost[index] = True
                person = reference.removeprefix("Patient/").removeprefix("urn:uuid:").split("|")[-1]
            found[index] = numbers.setdefault(person, len(numbers))
        return found, list(numbers), lost

    def births(self, persons: list[str], delivered: int) -> np.ndarray:
        """Seconds of each person's birth; what cannot be a birth is found and left missing."""
        births = np.array([self.known.get(p, Known("", NEVER)).birth for p in persons], dtype=np.int64)
        future = births > delivered + DAY_S
        old = (births != NEVER) & (births < delivered - OLDEST_YEARS * 365.25 * DAY_S)
        for wrong, words in ((future, "lies after the delivery"), (old, f"is more than {OLDEST_YEARS} years ago")):
            what = f"{words}; left missing"
            self.findings.add("birth date impossible", "Patient.birthDate", what, times=int(wrong.sum()))
        return np.where(future | old, NEVER, births)

    def table(self, persons: list[str], births: np.ndarray, ages: np.ndarray | None = None) -> pd.DataFrame:
        """A row a person."""
        sexes = [self.known.get(p, Known("", NEVER)).sex or None for p in persons]
        return pd.DataFrame(
            {
                "person_id": pd.Series(persons, dtype="str"),
                "sex": pd.Series(sexes, dtype="str"),
                "birth_date": stamps(births),
                "age_years": np.full(len(persons), np.nan) if ages is None else ages,
            }
        )
