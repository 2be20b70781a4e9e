"""Invented resources of FHIR R4 for tests, and how they are delivered."""

import copy
import json
from pathlib import Path

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
DELIVERED = "2024-06-30"


def coded(system, code, display=None):
    coding = {"system": system, "code": code}
    return {"coding": [coding | ({"display": display} if display else {})]}


def amount(value, unit, **more):
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **more}


def patient(person="p1", **more):
    return {"resourceType": "Patient", "id": person, "gender": "female", "birthDate": "1960-05-01", **more}


def observation(code="8480-6", value=None, person="p1", number=1, **more):
    resource = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": coded(LOINC, code) if isinstance(code, str) else code,
        "subject": {"reference": f"Patient/{person}"},
        "effectiveDateTime": "2024-01-15T08:30:00Z",
    }
    if value is not None:
        resource["valueQuantity"] = value
    return {key: value for key, value in {**resource, **more}.items() if value is not None}


def panel(upper, lower, **more):
    parts = (("8480-6", upper), ("8462-4", lower))
    components = [{"code": coded(LOINC, code), "valueQuantity": amount(v, "mm[Hg]")} for code, v in parts]
    return observation("85354-9", component=components, **more)


def condition(system=ICD10, code="E11.9", person="p1", verification="confirmed", **more):
    return {
        "resourceType": "Condition",
        "id": "c1",
        "verificationStatus": coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", verification),
        "code": coded(system, code),
        "subject": {"reference": f"Patient/{person}"},
        "onsetDateTime": "2015-03-02",
        **more,
    }


def prescription(system=ATC, code="C09AA05", person="p1", **more):
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": coded(system, code),
        "subject": {"reference": f"Patient/{person}"},
        "authoredOn": "2023-02-01",
        **more,
    }


def bundle(*resources, **more):
    entries = [{"fullUrl": f"https://example.org/{r['resourceType']}/{r['id']}", "resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **more}


def ndjson(path: Path, *resources) -> Path:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources), encoding="utf-8")
    return path


def kinds(delivery, *, notes=False):
    """How often each kind of finding was made."""
    found = {}
    for finding in delivery.findings:
        if notes or finding.severity != "note":
            found[finding.kind] = found.get(finding.kind, 0) + finding.times
    return found


def settled(delivery):
    """Whether everything that was read came to one end each."""
    counts = delivery.identity["counts"].values()
    return all(count["read"] == sum(n for end, n in count.items() if end != "read") for count in counts)


def mutated(resource, rng):
    """The resource with one thing changed somewhere in it."""
    resource = copy.deepcopy(resource)
    spots = []

    def walk(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            if key != "resourceType":
                spots.append((node, key))
                if isinstance(node[key], dict | list):
                    walk(node[key])

    walk(resource)
    node, key = rng.choice(spots)
    change = rng.randrange(5)
    if change == 0 and isinstance(node, dict):
        del node[key]
    elif change == 1 and isinstance(node, dict):
        node[rng.choice(["foo", "value", "valueString", "status", "effectiveInstant", "code"])] = node.pop(key)
    elif change == 2:
        node[key] = rng.choice(["", " ", "2024-13-45", "2024-02-30T10:00:00Z", 5, 1.5, True, [], {}, None, [[]], "x"])
    elif change == 3:
        node[key] = [node[key]]
    else:
        node[key] = {"value": node[key]}
    return resource
