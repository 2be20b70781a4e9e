"""The table of codes agrees with the table of variables, and means what the classifications say."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.records import codes
from pipeline.schema import variables
from pipeline.units import convert

ROWS = list(csv.DictReader((Path(codes.__file__).parent / "codes.csv").read_text(encoding="utf-8").splitlines()))


def meant(system, code):
    return {target.variable.name: target.level for target in codes.targets(system, code)}


def test_every_code_stands_once_for_a_variable():
    keys = [(row["system"], row["code"], row["match"], row["variable"]) for row in ROWS]
    assert len(keys) == len(set(keys))
    assert {row["variable"] for row in ROWS} - {"", "*"} <= set(variables())


def test_every_unit_of_the_table_can_be_converted_and_every_level_exists():
    for row in ROWS:
        if row["variable"] in {"", "*"}:
            continue
        variable = variables()[row["variable"]]
        if row["unit"]:
            assert np.isfinite(convert(np.array([1.0]), row["unit"], variable)).all(), row
        assert row["level"] in {"", *variable.levels}, row


def test_the_loinc_code_of_each_variable_means_that_variable_in_its_own_unit():
    for variable in variables().values():
        if variable.loinc and variable.name != "sex":
            target = codes.targets("loinc", variable.loinc)[0]
            assert target.variable.name == variable.name
            assert target.unit in {variable.unit, ""}


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("icd10", "E11.9", {"diabetes": "yes"}),
        ("icd10", "E119", {"diabetes": "yes"}),             # written without a point, as in Sweden
        ("icd10", "R73.03", {"diabetes": "borderline"}),
        ("icd10", "I11.0", {"hypertension": "yes", "heart_failure": "yes"}),
        ("icd10", "I11.9", {"hypertension": "yes"}),
        ("icd10", "I21.4", {"heart_attack": "yes", "coronary_disease": "yes"}),
        ("icd10", "I25.10", {"coronary_disease": "yes"}),
        ("icd10", "I25.2", {"heart_attack": "yes", "coronary_disease": "yes"}),
        ("icd10", "I62.0", {}),                             # subdural bleeding is no stroke
        ("icd10", "E78.6", {}),                             # lack of lipoprotein
        ("icd10", "F17.210", {"smoking_status": "current"}),
        ("icd10", "F17.211", {"smoking_status": "former"}),
        ("icd10", "O24.4", {}),                             # diabetes of pregnancy
        ("atc", "A10BA02", {"glucose_lowering_pills": "yes"}),
        ("atc", "A10BJ06", {}),                             # semaglutide, injected
        ("atc", "A10AB05", {"insulin_treatment": "yes"}),
        ("atc", "C09CA06", {"pressure_treatment": "yes"}),
        ("atc", "C08CA06", {}),                             # nimodipine
        ("atc", "C10AA05", {}),                             # a statin
        ("snomed", "22298006", {"heart_attack": "yes", "coronary_disease": "yes"}),
        ("tvilling", "pdff_percent", {"pdff_percent": ""}),
        ("loinc", "99999-9", {}),
    ],
)
def test_a_code_means(system, code, expected):
    assert meant(system, code) == expected


def test_answers_have_levels_and_yes_and_no_only_where_these_are_all():
    assert codes.level("smoking_status", "snomed", "8517006") == ("former", "")
    assert codes.level("diabetes", "snomed", "373066001") is None       # diabetes may be borderline
    assert codes.level("stroke", "snomed", "373066001") == ("yes", "")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("http://loinc.org", "loinc"),
        ("http://hl7.org/fhir/sid/icd-10-se", "icd10"),
        ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
        ("http://example.org/local", ""),
    ],
)
def test_code_systems_are_known_by_their_names(uri, name):
    assert codes.short(uri) == name
