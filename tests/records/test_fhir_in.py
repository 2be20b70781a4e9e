"""What each kind of resource means: people, readings, dates and flags of small hand-made deliveries."""

import numpy as np
import pandas as pd
import pytest

from pipeline.records import read_fhir
from tests.records.resources import (
    ATC,
    DELIVERED,
    ICD10,
    LOINC,
    RXNORM,
    SNOMED,
    amount,
    bundle,
    coded,
    condition,
    kinds,
    ndjson,
    observation,
    panel,
    patient,
    prescription,
    settled,
)


@pytest.fixture
def read(tmp_path):
    def from_resources(*resources, people=None, **options):
        path = ndjson(tmp_path / "x.ndjson", *(people or [patient()]), *resources)
        delivery = read_fhir(path, delivered=DELIVERED, **options)
        assert settled(delivery)
        return delivery

    return from_resources


def only(delivery):
    assert len(delivery.readings) == 1
    return delivery.readings.iloc[0]


def test_a_measurement_arrives_in_the_unit_of_its_variable_with_its_time_in_utc(read):
    found = only(read(observation("29463-7", amount(150, "[lb_av]"), effectiveDateTime="2024-01-15T23:30:00.5-05:00")))
    assert found["variable"] == "weight_kg"
    assert found["value"] == pytest.approx(68.0388555)
    assert found["at"] == pd.Timestamp("2024-01-16 04:30:00")
    assert found[["person_id", "phase", "flag", "source"]].tolist() == ["p1", "", "", "x.ndjson, line 2"]
    assert pd.isna(found["text"])


def test_people_have_sex_and_birth_date(read):
    people = read(
        observation(value=amount(120, "mm[Hg]")),
        people=(patient(), patient("p2", gender="male", birthDate="1950"), patient("p3", gender="other")),
    ).people
    assert people["sex"].fillna("").tolist() == ["female", "male", ""]
    assert people["birth_date"].astype(str).tolist() == ["1960-05-01", "1950-01-01", "1960-05-01"]


def test_pressures_of_a_panel_are_two_readings_that_say_which_component(read):
    delivery = read(panel(141, 86))
    assert delivery.readings["variable"].tolist() == ["sbp_mmhg", "dbp_mmhg"]
    assert delivery.readings["value"].tolist() == [141, 86]
    assert delivery.readings["source"].tolist() == ["x.ndjson, line 2, component 1", "x.ndjson, line 2, component 2"]
    assert delivery.identity["counts"]["Observation"] == {"panel": 1, "read": 1}


@pytest.mark.parametrize(
    ("written", "at", "flag"),
    [
        ("2024", "2024-01-01", "date known to the year"),
        ("2024-03", "2024-03-01", "date known to the month"),
        ("2024-03-05", "2024-03-05", ""),
        ("2016-12-31T23:59:60Z", "2017-01-01", ""),      # a leap second
    ],
)
def test_dates_known_in_part_stand_at_their_start_and_say_so(read, written, at, flag):
    found = only(read(observation("8867-4", amount(70, "/min"), effectiveDateTime=written)))
    assert found["at"] == pd.Timestamp(at)
    assert found["flag"] == flag


@pytest.mark.parametrize(
    ("times", "at", "flag"),
    [
        ({"effectivePeriod": {"start": "2024-02-01", "end": "2024-02-03"}}, "2024-02-01", ""),
        ({"effectivePeriod": {"end": "2024-02-03"}}, "2024-02-03", ""),
        ({"effectiveInstant": "2024-02-01T10:00:00Z"}, "2024-02-01 10:00", ""),
        ({"effectiveTiming": {"event": ["2024-02-01"]}}, "2024-02-01", ""),
        ({"issued": "2024-02-02T10:00:00Z"}, "2024-02-02 10:00", "date of issue"),
        ({}, None, "date not known"),
    ],
)
def test_the_time_of_an_observation_is_taken_from_wherever_it_stands(read, times, at, flag):
    found = only(read(observation("8867-4", amount(70, "/min"), effectiveDateTime=None, **times)))
    assert (pd.isna(found["at"]) and at is None) or found["at"] == pd.Timestamp(at)
    assert found["flag"] == flag


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueCodeableConcept": coded(SNOMED, "77176002")}, "current"),
        ({"valueCodeableConcept": coded(LOINC, "LA15920-4")}, "former"),
        ({"valueCodeableConcept": {"text": "never"}}, "never"),
    ],
)
def test_a_coded_answer_is_a_level(read, value, expected):
    found = only(read(observation("72166-2", **value)))
    assert (found["variable"], found["text"]) == ("smoking_status", expected)
    assert np.isnan(found["value"])


def test_an_answer_without_a_level_is_counted_by_its_code(read):
    delivery = read(observation("72166-2", valueCodeableConcept=coded(SNOMED, "266927001", "unknown")))
    assert delivery.readings.empty
    assert delivery.unmapped.to_dict("records") == [
        {"system": SNOMED, "code": "266927001", "display": "unknown", "count": 1}
    ]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (condition(), {"diabetes": "yes"}),
        (condition(code="I21.4"), {"heart_attack": "yes", "coronary_disease": "yes"}),
        (condition(SNOMED, "230690007"), {"stroke": "yes"}),
        (condition(verification="refuted"), {"diabetes": "no"}),
        (condition(verification="entered-in-error"), {}),
        (condition(verification="provisional"), {}),
        (prescription(), {"pressure_treatment": "yes"}),
        (prescription(RXNORM, "6809"), {"glucose_lowering_pills": "yes"}),
        (prescription(ATC, "A10AB05"), {"insulin_treatment": "yes"}),
        (prescription(intent="proposal"), {}),
        (prescription(doNotPerform=True), {}),
        (prescription(status="cancelled"), {}),
        (observation("8867-4", amount(70, "/min"), status="entered-in-error"), {}),
    ],
)
def test_diagnoses_and_drugs_are_levels_unless_their_status_denies_them(read, resource, expected):
    delivery = read(resource)
    assert dict(zip(delivery.readings["variable"], delivery.readings["text"], strict=True)) == expected
    if not expected:
        assert {"ignored by status", "diagnosis not confirmed"} & set(kinds(delivery, notes=True))


@pytest.mark.parametrize(
    ("more", "at", "flag"),
    [
        ({}, "2015-03-02", ""),
        ({"onsetDateTime": "2015"}, "2015-01-01", "date known to the year"),
        ({"clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")},
         "2015-03-02", "resolved"),
    ],
)  # fmt: skip
def test_a_diagnosis_is_dated_by_its_onset(read, more, at, flag):
    found = only(read(condition(**more)))
    assert found["at"] == pd.Timestamp(at)
    assert found["flag"] == flag


def test_a_diagnosis_without_onset_is_dated_by_its_recording(read):
    resource = condition(recordedDate="2018-07-01")
    del resource["onsetDateTime"]
    found = only(read(resource))
    assert (found["at"], found["flag"]) == (pd.Timestamp("2018-07-01"), "date of recording")


def test_a_drug_may_be_referred_to_before_it_stands_or_be_contained(read):
    drug = {"resourceType": "Medication", "id": "d1", "ingredient": [{"itemCodeableConcept": coded(ATC, "C07AB02")}]}
    refers = prescription(medicationReference={"reference": "Medication/d1"})
    del refers["medicationCodeableConcept"]
    assert only(read(refers, drug))["variable"] == "pressure_treatment"
    inside = refers | {"contained": [drug], "medicationReference": {"reference": "#d1"}}
    assert only(read(inside))["variable"] == "pressure_treatment"
    assert kinds(read(refers)) == {"medication unknown": 1}


def test_what_somebody_is_said_to_take_is_read_as_well(read):
    statement = {
        "resourceType": "MedicationStatement", "id": "s1", "status": "active", "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": coded(ATC, "A10BA02"), "effectivePeriod": {"start": "2020-05"},
    }  # fmt: skip
    found = only(read(statement))
    assert (found["variable"], found["flag"]) == ("glucose_lowering_pills", "date known to the month")
    assert read(statement | {"status": "not-taken"}).readings.empty


def test_death_is_a_reading(read):
    found = only(read(people=(patient(deceasedDateTime="2024-02-03T10:00:00Z"),)))
    assert found[["variable", "text"]].tolist() == ["died", "yes"]
    assert found["at"] == pd.Timestamp("2024-02-03 10:00")
    found = only(read(people=(patient(deceasedBoolean=True),)))
    assert pd.isna(found["at"])
    assert found["flag"] == "day of death not known"


def test_a_code_with_its_own_flag_marks_its_readings(read):
    found = only(read(observation("48642-3", amount(71, "mL/min/{1.73_m2}"))))
    assert found["flag"] == "by the older MDRD equation"


def test_a_local_code_beside_a_known_one_does_not_matter(read):
    code = {"coding": [{"system": "urn:oid:1.2.3", "code": "P-GLU"}, {"system": LOINC, "code": "14749-6"}]}
    assert only(read(observation(code, amount(5.1, "mmol/L"))))["variable"] == "glucose_mmol_l"


def test_patients_are_found_by_url_uuid_version_and_identifier(tmp_path):
    identifier = {"system": "urn:x", "value": "A-17"}
    one = patient(identifier=[identifier])
    references = (
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://example.org/Patient/p1"},
        {"identifier": identifier},
    )
    found = [observation("8867-4", amount(60 + n, "/min"), number=n, subject=r) for n, r in enumerate(references)]
    path = ndjson(tmp_path / "x.ndjson", *found, bundle(one))
    delivery = read_fhir(path, delivered=DELIVERED)
    assert delivery.readings["person_id"].unique().tolist() == ["p1"]
    by_identifier = read_fhir(path, delivered=DELIVERED, identify_by="identifier")
    assert by_identifier.people["person_id"].tolist() == ["A-17"]
    assert by_identifier.readings["person_id"].unique().tolist() == ["A-17"]


def test_resources_that_are_not_used_are_counted_by_name(read):
    consent = {"resourceType": "Consent", "id": "k", "status": "active"}
    delivery = read(consent, consent, {"resourceType": "Nonsense"})
    found = {f.place: f.times for f in delivery.findings if f.kind == "resource not used"}
    assert found == {"Consent": 2, "Nonsense": 1}


def test_the_day_of_delivery_is_that_of_the_newest_bundle(tmp_path):
    path = ndjson(tmp_path / "x.ndjson", bundle(patient(), timestamp="2023-05-06T10:00:00Z"))
    assert read_fhir(path).identity["delivered"] == "2023-05-06"


def test_condition_codes_without_variable_are_listed_the_most_frequent_first(read):
    others = [condition(code="J44.9", id=f"c{n}") for n in range(3)]
    table = read(condition(code="M17.9"), *others).unmapped
    assert table[["system", "code", "count"]].to_numpy().tolist() == [[ICD10, "J44.9", 3], [ICD10, "M17.9", 1]]
