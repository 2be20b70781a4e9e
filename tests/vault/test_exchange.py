import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle
from pandas.testing import assert_frame_equal

from pipeline.records import read_fhir
from pipeline.schema import variables
from pipeline.units import convert
from pipeline.vault import ALL, Rule, make_vault
from pipeline.vault.fhir_consent import read_consents
from tests.vault.people import delivery

RULES = [
    Rule(("research",), (ALL,), True, date(2024, 1, 1), None, datetime(2024, 1, 1, 9, tzinfo=UTC)),
    Rule(("research", "care"), ("alcohol", "weight_kg"), False, date(2025, 1, 1), date(2026, 1, 1),
         datetime(2025, 1, 1, 9, tzinfo=UTC)),
]  # fmt: skip


@pytest.fixture
def bundle(vault):
    rows = [
        ("anna", "2024-01-05 07:30:01", "", "hba1c_mmol_mol", 42.0, None, "odd", "a.json"),
        ("anna", None, "arrival", "smoking_status", None, "never", "", "note.txt 12-19"),
        ("anna", "2024-01-06", "", "pdff_percent", np.nan, None, "missing", "mr"),
        ("berit", "2024-01-06", "", "weight_kg", 61.0, None, "", "b.json"),
    ]
    vault.load(delivery([("anna", "female", None, 61.5), ("berit", "male", "1950-04-01", None)], rows))
    vault.consent("anna", RULES)
    return vault.export("anna")


def resources(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def test_a_person_is_a_valid_bundle_and_nobody_else_is_in_it(bundle):
    Bundle.model_validate_json(json.dumps(bundle))
    (patient,) = resources(bundle, "Patient")
    assert (patient["id"], patient["gender"], patient["identifier"][0]["value"]) == ("anna", "female", "anna")
    assert "birthDate" not in patient
    assert len(resources(bundle, "Observation")) == 3 + 1, "and the age, for want of a birth date"
    assert "berit" not in json.dumps(bundle)
    assert {r["subject"]["reference"] for r in resources(bundle, "Observation")} == {"Patient/anna"}


def test_observations_carry_loinc_ucum_and_what_the_library_calls_them(bundle):
    age, hba1c, smoking, pdff = resources(bundle, "Observation")
    assert age["valueQuantity"] == {"value": 61.5, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
    assert {"system": "http://loinc.org", "code": "59261-8"} in hba1c["code"]["coding"]
    assert hba1c["effectiveDateTime"] == "2024-01-05T07:30:01+00:00"
    quantity = hba1c["valueQuantity"]
    assert (quantity["value"], quantity["code"]) == (42.0, "mmol/mol")
    assert hba1c["note"] == [{"text": "odd"}]
    assert smoking["valueCodeableConcept"]["coding"][0]["code"] == "never"
    assert "effectiveDateTime" not in smoking
    assert {extension["valueString"] for extension in smoking["extension"]} == {"arrival", "note.txt 12-19"}
    assert pdff["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert [coding["code"] for coding in pdff["code"]["coding"]] == ["pdff_percent"], "no LOINC code is asserted"
    for one in (age, hba1c):
        name = one["code"]["coding"][-1]["code"]
        value = one["valueQuantity"]
        back = convert(np.array([value["value"]]), value["code"], variables()[name])
        assert back.tolist() == [value["value"]], "the unit is one that readers of UCUM take for this variable"


@pytest.mark.parametrize(("person", "by"), [("anna", "id"), ("19500401-1234 å", "identifier")])
def test_the_intake_of_health_records_reads_a_person_back(vault, tmp_path, person, by):
    rows = [
        (person, "2024-01-05 07:30:01", "", "hba1c_mmol_mol", 42.0, None, "", ""),
        (person, "2024-01-05 07:30:02", "", "pdff_percent", 12.5, None, "", ""),
        (person, "2024-01-05 07:30:03", "", "smoking_status", None, "never", "", ""),
        (person, "2024-01-05 07:30:04", "", "stroke", None, "yes", "", ""),
    ]
    given = delivery([(person, "female", "1950-04-01", None)], rows)
    vault.load(given)
    (tmp_path / "bundle.json").write_text(json.dumps(vault.export(person)), encoding="utf-8")
    back = read_fhir(tmp_path / "bundle.json", identify_by=by)
    assert_frame_equal(back.people, given.people, check_dtype=False)
    columns = ["person_id", "at", "variable", "value", "text"]
    found = back.readings[columns].sort_values("at", ignore_index=True)
    assert_frame_equal(found, given.readings[columns], check_dtype=False)
    with make_vault(tmp_path / "other", tmp_path / "other.key", now=vault._session.now) as other:
        assert tuple(other.load(back)) == (1, 4, 0)


def test_consents_come_back_as_the_same_history(bundle):
    received = read_consents(bundle, "bundle.json", datetime(2026, 5, 4, tzinfo=UTC))
    assert [one.rule for one in received] == RULES
    assert {one.identifiers[0] for one in received} == {"anna"}


def test_every_variable_of_the_library_can_be_exported(vault):
    rows = [
        ("anna", "2024-01-05", "", v.name, 1.0 if v.kind == "number" else None,
         None if v.kind == "number" else (v.levels or ("I10",))[0], "", "x")
        for v in variables().values()
    ]  # fmt: skip
    vault.load(delivery([("anna", None, None, None)], rows))
    named = {r["code"]["coding"][-1]["code"] for r in resources(vault.export("anna"), "Observation")}
    assert named == set(variables())


def test_names_of_resources_stay_and_are_nobody_elses(vault, bundle, tmp_path):
    again = {entry["resource"]["id"] for entry in vault.export("anna")["entry"]}
    assert again == {entry["resource"]["id"] for entry in bundle["entry"]}
    assert len(again) == len(bundle["entry"])
    others = {entry["resource"]["id"] for entry in vault.export("berit")["entry"]}
    assert not again & others


def test_an_export_can_be_taken_over_by_another_vault_as_far_as_consent_goes(bundle, tmp_path, clock):
    with make_vault(tmp_path / "other", tmp_path / "other.key", now=clock) as other:
        other.load(delivery([("anna", None, None, None)], []))
        assert other.consent_fhir(bundle, "bundle.json") == 2
        assert other.history("anna") == RULES
