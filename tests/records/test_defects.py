"""Each defect that is put into good records is a finding of its own kind, and the good records have none."""

import json
import random

import carebundle
import pytest

from pipeline.records import KINDS, read_fhir
from pipeline.schema import TableError
from tests.records.resources import (
    DELIVERED,
    amount,
    bundle,
    coded,
    condition,
    kinds,
    mutated,
    ndjson,
    observation,
    panel,
    patient,
    prescription,
    settled,
)

GOOD = (
    patient(),
    panel(132, 81, number=1),
    observation("29463-7", amount(81.5, "kg"), number=2),
    observation("2345-7", amount(95, "mg/dL"), number=3),
    observation("4548-4", amount(5.6, "%"), number=4),
    condition(),
    prescription(),
)


def delivered(folder, *resources):
    return read_fhir(ndjson(folder / "x.ndjson", *resources), delivered=DELIVERED)


def test_good_records_have_no_findings(tmp_path):
    delivery = delivered(tmp_path, *GOOD)
    assert delivery.findings == ()
    assert len(delivery.readings) == 7


@pytest.mark.parametrize(
    ("bad", "kind", "taken"),
    [
        # units
        (observation("29463-7", amount(81, "mm[Hg]"), number=9), "unit does not fit", 0),
        (observation("29463-7", amount(81, "9**9**9**9"), number=9), "unit does not fit", 0),
        (observation("29463-7", amount(81, "kg" * 1000), number=9), "unit does not fit", 0),
        (observation("2345-7", amount(95, "mmol/L"), number=9), "unit implausible", 0),
        (observation("4548-4", amount(48, "%"), number=9), "unit implausible", 0),
        (observation("8302-2", amount(1.82, "cm"), number=9), "unit implausible", 0),
        (observation("2345-7", amount(5.3, "mmol/L"), number=9), "unit of another kind", 1),
        (observation("29463-7", amount(81, "kg") | {"unit": "lb"}, number=9), "unit contradicts itself", 0),
        (observation("29463-7", {"value": 81}, number=9), "unit absent", 0),
        (observation("8867-4", {"value": 81}, number=9), "unit assumed", 1),
        # values
        (observation("29463-7", amount(900, "kg"), number=9), "value implausible", 0),
        (observation("1988-5", amount(0.6, "mg/L", comparator="<"), number=9), "value is a limit", 1),
        (observation("29463-7", number=9, valueString="<0.1"), "value not understood", 0),
        (observation("72166-2", number=9, valueCodeableConcept={"text": "a pipe"}), "value not understood", 0),
        (panel(81, 132, number=9), "pressures exchanged", 0),
        # codes
        (observation({"text": "weight"}, amount(81, "kg"), number=9), "code absent", 0),
        (observation(None, amount(81, "kg"), number=9), "code absent", 0),
        # dates
        (observation("29463-7", amount(81, "kg"), number=9, effectiveDateTime="2024-08-01"), "date in the future", 0),
        (observation("29463-7", amount(81, "kg"), number=9, meta={"lastUpdated": "2023-01-01T00:00:00Z"}),
         "date in the future", 0),
        (observation("29463-7", amount(81, "kg"), number=9, effectiveDateTime="1959-01-01"), "date before birth", 0),
        (observation("29463-7", amount(81, "kg"), number=9, effectiveDateTime=None), "date absent", 1),
        (observation("29463-7", amount(81, "kg"), number=9, effectiveDateTime="2023"), "date partial", 1),
        # repeats
        (observation("29463-7", amount(81.5, "kg"), number=9), "duplicate reading", 0),
        (observation("29463-7", amount(79, "kg"), number=3), "resource repeated", 0),
        # people
        (observation("29463-7", amount(81, "kg"), number=9, person="p7"), "patient unknown", 1),
        (observation("29463-7", amount(81, "kg"), number=9, subject={"reference": "Group/g"}), "patient absent", 0),
        (patient(gender="male"), "sex contradictory", 0),
        (patient(birthDate="1961-05-01"), "birth date contradictory", 0),
        (patient("p8", birthDate="2025-01-01"), "birth date impossible", 0),
        # resources
        (observation("29463-7", {"value": "81", "code": "kg"}, number=9), "not valid R4", 0),
        (prescription(medicationReference={"reference": "#x"}, medicationCodeableConcept=None), "not valid R4", 0),
    ],
)  # fmt: skip
def test_a_defect_is_named(tmp_path, bad, kind, taken):
    delivery = delivered(tmp_path, *GOOD, bad)
    found = kinds(delivery)
    pairs = {"pressures exchanged": 2, "resource repeated": 1}
    assert found == {kind: pairs.get(kind, 1)}
    assert kind in KINDS
    assert settled(delivery)
    has_value = delivery.readings["value"].notna() | delivery.readings["text"].notna()
    assert has_value.sum() == 7 + taken
    finding = next(f for f in delivery.findings if f.kind == kind)
    if "birth date impossible" not in kind:
        assert finding.example.startswith("x.ndjson, line")


def test_readings_after_death_are_kept_and_flagged(tmp_path):
    dead = patient(deceasedDateTime="2024-01-10")
    delivery = delivered(tmp_path, dead, observation("29463-7", amount(81, "kg")))
    assert kinds(delivery) == {"date after death": 1}
    assert delivery.readings["flag"].tolist() == ["", "after death"]


def test_a_death_known_to_the_year_makes_nothing_of_that_year_late(tmp_path):
    dead = patient(deceasedDateTime="2023")
    reading = observation("29463-7", amount(81, "kg"), effectiveDateTime="2023-11-05")
    assert kinds(delivered(tmp_path, dead, reading)) == {"date partial": 1}


def test_two_days_of_death_are_found(tmp_path):
    delivery = delivered(tmp_path, patient(deceasedDateTime="2024-01-10"), patient(deceasedDateTime="2024-02-10"))
    assert kinds(delivery) == {"death contradictory": 1}


def test_pressures_told_apart_are_compared_where_each_stands_alone_at_its_time(tmp_path):
    upper = observation("8480-6", amount(70, "mm[Hg]"), number=1)
    lower = observation("8462-4", amount(110, "mm[Hg]"), number=2)
    delivery = delivered(tmp_path, patient(), upper, lower)
    assert kinds(delivery) == {"pressures exchanged": 2}
    assert delivery.readings["value"].isna().all()
    assert delivery.readings["flag"].tolist() == ["systolic not above diastolic, set missing"] * 2


def test_a_contradiction_of_sex_stays_unclear_whatever_comes_later(tmp_path):
    delivery = delivered(tmp_path, patient(), patient(gender="male"), patient(gender="male"))
    assert delivery.people["sex"].isna().all()


def test_two_patients_with_one_identifier_are_told(tmp_path):
    same = {"identifier": [{"system": "urn:x", "value": "A-17"}]}
    delivery = delivered(tmp_path, patient("p1", **same), patient("p2", **same))
    assert kinds(delivery) == {"patients share an identifier": 1}


def test_a_known_code_under_an_unknown_system_is_told(tmp_path):
    delivery = delivered(tmp_path, patient(), observation(coded("urn:oid:1.2.3", "29463-7"), amount(81, "kg")))
    assert kinds(delivery, notes=True) == {"code system unknown": 1}
    assert delivery.unmapped["count"].tolist() == [1]


def test_the_page_of_a_search_says_that_there_is_more(tmp_path):
    page = bundle(patient(), type="searchset", link=[{"relation": "next", "url": "https://example.org/2"}])
    assert kinds(delivered(tmp_path, page)) == {"more pages": 1}


def test_findings_hold_no_value_of_a_person(tmp_path):
    secret = "Kanarina 19500401-1234"
    bad = observation("29463-7", number=9, valueString=secret)
    lost = observation("29463-7", amount(777.125, "kg"), number=8, subject={"reference": "Patient/secret-77"})
    words = " ".join(f"{f.place} {f.what} {f.example}" for f in delivered(tmp_path, *GOOD, bad, lost).findings)
    assert words
    assert not any(part in words for part in ("Kanarina", "777", "secret-77"))


@pytest.mark.slow
def test_whatever_is_changed_in_records_is_read_and_accounted_for_or_refused_in_words(tmp_path):
    rng, read, refused = random.Random(4), 0, []
    for number in range(150):
        resources = [*GOOD]
        for _ in range(rng.randrange(1, 4)):
            spot = rng.randrange(len(resources))
            resources[spot] = mutated(resources[spot], rng)
        path = tmp_path / f"{number}.json"
        content = bytearray(json.dumps({"resourceType": "Bundle", "type": "collection",
                                        "entry": [{"resource": r} for r in resources]}).encode())  # fmt: skip
        if number % 3 == 0:
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            assert settled(read_fhir(path, delivered=DELIVERED))
            read += 1
        except TableError as fault:
            refused.append(str(fault).startswith(path.name))
    assert read > 75
    assert all(refused)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"unparseable_value": 0.3}, "value not understood"),
        ({"out_of_order_timestamp": 0.3}, "date in the future"),
        ({"unknown_code_system": 0.3}, "code system unknown"),
        ({"duplicate_entry": 0.3}, "duplicate reading"),
        ({"missing_field": 0.5}, "not valid R4"),
    ],
)
def test_defects_that_carebundle_puts_in_are_found_as_often_as_it_says(tmp_path, bundles, rates, expected):
    """Its injector tells what it broke; only what we read and have a variable for can be found."""
    clean = bundles[0]
    dirty, told = carebundle.inject_defects(clean, carebundle.Imperfection(**rates), seed=3)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(clean), encoding="utf-8")
    before = read_fhir(path, delivered="2026-01-02")
    assert kinds(before) == {}
    path.write_text(json.dumps(dirty), encoding="utf-8")
    after = read_fhir(path, delivered="2026-01-02")
    assert settled(after)
    taken = {int(s.split("entry ")[1].split(",")[0]) for s in before.readings["source"]}
    codes = {e["resource"]["code"]["coding"][0]["code"] for e in clean["entry"] if "code" in e["resource"]}
    known = codes - set(before.unmapped["code"]) - {"85354-9"}
    needing_status = {"Observation", "MedicationRequest"}
    hits = 0
    for defect in told:
        entry = dirty["entry"][defect.entry_index]["resource"]
        used = defect.entry_index + 1 in taken
        if expected == "duplicate reading":
            of = int(defect.detail.split("entry ")[1].split()[0])
            parts = len(entry.get("component", [1]))
            hits += parts * (of + 1 in taken)
        elif expected == "not valid R4":
            hits += defect.detail == "removed 'status'" and entry["resourceType"] in needing_status
        elif expected == "code system unknown":
            codings = entry["code"]["coding"]       # with a second one it is understood all the same
            plain = entry["resourceType"] == "Observation" and len(codings) == 1
            hits += used and plain and codings[0]["code"] in known
        elif expected == "date in the future":
            hits += used * len(entry.get("component", [1]))
        else:
            hits += used
    found = kinds(after, notes=True).get(expected, 0)
    assert found == hits > 0
