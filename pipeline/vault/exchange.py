"""Everything that a vault holds of one person, as a FHIR R4B Bundle: the copy that the person may ask for.

A Patient, an Observation a reading, and a Consent a rule. Variables carry their LOINC code where they have one, and
always their name in this library, so that none is lost on the way back; numbers carry their UCUM unit.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.runs import RunError
from pipeline.schema import Variable, variables
from pipeline.vault.consent import Rule
from pipeline.vault.fhir_consent import LOINC, PERSON, VARIABLE, write_consent
from pipeline.vault.people import Card, Person
from pipeline.vault.readings import Reading
from pipeline.vault.sealing import number

UCUM = "http://unitsofmeasure.org"
PHASE, SOURCE, LEVEL = (f"urn:tvilling:{what}" for what in ("phase", "source", "level"))
FHIR_ID = r"[A-Za-z0-9\-.]{1,64}"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def write_bundle(
    person: Person, readings: Iterable[tuple[bytes, Reading]], rules: Sequence[Rule], now: datetime
) -> dict[str, Any]:
    """The person, with readings and their marks, as a Bundle of type collection, checked against FHIR R4B."""
    patient = _patient(person)
    resources = [patient]
    for mark, reading in (*_age(person.card), *readings):
        resources.append(_observation(reading, patient["id"], _uuid(person, mark)))
    for place, rule in enumerate(rules):
        name = _uuid(person, b"rule", number(place))
        resources.append(write_consent(rule, person.card.person_id, patient["id"], name))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": now.astimezone(UTC).isoformat(timespec="seconds"),
        "entry": [{"fullUrl": f"urn:uuid:{_uuid(person, r['id'].encode())}", "resource": r} for r in resources],
    }
    _check(bundle)
    return bundle


def _patient(person: Person) -> dict[str, Any]:
    card = person.card
    name = card.person_id if re.fullmatch(FHIR_ID, card.person_id) else _uuid(person, b"patient")
    patient = {"resourceType": "Patient", "id": name, "identifier": [{"system": PERSON, "value": card.person_id}]}
    known = {"gender": card.sex, "birthDate": card.birth_date}
    return patient | {element: value for element, value in known.items() if value is not None}


def _age(card: Card) -> list[tuple[bytes, Reading]]:
    """The age as a reading, where it stands on the card for want of a birth date."""
    if card.birth_date is not None or card.age_years is None or card.aged_on is None:
        return []
    at = int(datetime.fromisoformat(card.aged_on).replace(tzinfo=UTC).timestamp())
    return [(b"age", Reading(at, "", "age_years", card.age_years, None, "", "card"))]


def _uuid(person: Person, *of: bytes) -> str:
    """A name of a resource: the same in every copy, and nobody else's."""
    return str(uuid.UUID(bytes=person.keys.mark("resource", *of), version=4))


def _observation(reading: Reading, patient: str, name: str) -> dict[str, Any]:
    variable = variables()[reading.variable]
    loinc = [{"system": LOINC, "code": variable.loinc}] if variable.loinc else []
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [*loinc, {"system": VARIABLE, "code": variable.name}], "text": variable.description},
        "subject": {"reference": f"Patient/{patient}"},
    }
    extensions = [(PHASE, reading.phase), (SOURCE, reading.source)]
    if any(text for _, text in extensions):
        observation["extension"] = [{"url": url, "valueString": text} for url, text in extensions if text]
    if reading.at is not None:
        observation["effectiveDateTime"] = datetime.fromtimestamp(reading.at, UTC).isoformat()
    if reading.flag:
        observation["note"] = [{"text": reading.flag}]
    return observation | _value(variable, reading)


def _value(variable: Variable, reading: Reading) -> dict[str, Any]:
    if reading.value is not None:
        return {"valueQuantity": {"value": reading.value, "unit": variable.unit, "system": UCUM, "code": variable.unit}}
    if reading.text is not None:
        return {"valueCodeableConcept": {"coding": [{"system": LEVEL, "code": reading.text}], "text": reading.text}}
    return {"dataAbsentReason": {"coding": [{"system": ABSENT, "code": "unknown"}]}}


def _check(bundle: dict[str, Any]) -> None:
    try:
        from fhir.resources.R4B.bundle import Bundle
    except ImportError:
        raise RunError('FHIR needs the package fhir.resources: pip install "tvilling[clinical]"') from None
    Bundle.model_validate(bundle)
