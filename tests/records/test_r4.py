"""Resources are refused whenever the models of fhir.resources refuse them, whatever was seen before."""

import copy
import json
import random

import pytest
from pydantic import ValidationError

from pipeline.records import r4
from tests.records.resources import amount, coded, condition, mutated, observation, panel, patient, prescription

QUANTITY = "Observation.valueQuantity"
SMOKING = coded("http://loinc.org", "72166-2")
GOOD = [
    patient(name=[{"family": "A", "given": ["B", "C"]}], deceasedBoolean=False),
    observation(value=amount(120, "mm[Hg]"), meta={"lastUpdated": "2024-01-15T09:00:00+01:00"}),
    observation(value=amount(1, "mg/L", comparator="<"), effectiveDateTime=None, effectivePeriod={"start": "2024"}),
    panel(120, 80, category=[coded("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")]),
    observation(SMOKING, valueCodeableConcept=coded("http://snomed.info/sct", "8517006")),
    observation(valueInteger=3, dataAbsentReason=None, extension=[{"url": "http://example.org/x", "valueString": "y"}]),
    observation(status=None, _status={"extension": [{"url": "http://example.org/x", "valueString": "y"}]}),
    condition(),
    prescription(contained=[{"resourceType": "Medication", "id": "d", "code": coded("http://x.org", "C09")}]),
]  # fmt: skip


def accepted_by_models(resource):
    try:
        r4.model(resource["resourceType"]).model_validate(copy.deepcopy(resource))
    except (ValidationError, KeyError, ImportError, AttributeError, TypeError):
        return False
    return True


def accepted(resource):
    try:
        r4.check(resource)
    except r4.Invalid:
        return False
    return True


def test_good_resources_pass_the_first_time_and_again():
    for resource in GOOD * 2:
        assert accepted_by_models(resource), resource
        r4.check(resource)


def test_nothing_passes_that_the_models_refuse():
    rng, refused = random.Random(5), 0
    for resource in GOOD:
        r4.check(resource)      # so that its keys are known
    for _ in range(1500):
        resource = mutated(rng.choice(GOOD), rng)
        if not accepted_by_models(resource):
            refused += 1
            assert not accepted(resource), json.dumps(resource)
    assert refused > 500


@pytest.mark.parametrize(
    ("resource", "place", "what"),
    [
        (observation(value={"value": "120"}), f"{QUANTITY}.value", "is text where R4 has a number"),
        (observation(value={"value": 10**400}), f"{QUANTITY}.value", "is larger than any number"),
        (observation(value={"value": float("inf")}), f"{QUANTITY}.value", "is larger than any number"),
        (observation(value={"value": True}), f"{QUANTITY}.value", "is true or false where R4 has a number"),
        (observation(value=amount(120, "g", comparator="about")), f"{QUANTITY}.comparator", "is none of <, <=, >, >="),
        (observation(status="done"), "Observation.status", "is none of"),
        (observation(effectiveDateTime="2024-13-01"), "Observation.effectiveDateTime", "is not as R4 has it"),
        (observation(effectiveDateTime="yesterday"), "Observation.effectiveDateTime", "is not as R4 has it"),
        (observation([]), "Observation.code", "is a list where R4 has an element"),
        (observation(weight=3), "Observation.weight", "is not known to R4"),
        (observation(valueInteger=1.5), "Observation.valueInteger", "is a number where R4 has a whole number"),
        (patient(gender="woman"), "Patient.gender", "is none of female, male, other, unknown"),
        (patient(birthDate=None), "Patient.birthDate", "is null"),
        (observation(status=None), "Observation.status", "is missing"),
    ],
)  # fmt: skip
def test_a_resource_of_seen_keys_is_refused_for_its_values_with_the_element_named(resource, place, what):
    for known in GOOD:
        r4.check(known)
    with pytest.raises(r4.Invalid) as fault:
        r4.check(resource)
    assert fault.value.place(resource["resourceType"]) == place
    assert what in fault.value.what


def test_no_value_of_a_person_stands_in_the_words():
    with pytest.raises(r4.Invalid) as fault:
        r4.check(patient(birthDate="19500401-1234"))
    assert "1950" not in fault.value.what


def test_other_versions_are_recognised():
    r5 = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "medication": {"concept": {"text": "x"}},
    }  # fmt: skip
    stu3 = {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}, "assertedDate": "2017-01-01",
            "clinicalStatus": "active", "verificationStatus": "confirmed"}  # fmt: skip
    assert r4.other_version(r5) == "R5"
    assert r4.other_version(stu3) == "STU3"
    assert r4.other_version(observation(status="done")) == ""
