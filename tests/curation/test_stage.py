"""The command: what it writes, what it says, and that it writes nothing where it refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.records import write_omop
from pipeline.schema import validate
from tests.records.frames import frames
from tests.records.resources import amount, ndjson, observation, panel, patient
from tests.repository import ROOT


@pytest.fixture
def run(command):
    return lambda *arguments: command("intake", *arguments)


def test_fhir_becomes_tables_with_a_summary(tmp_path, run):
    path = ndjson(
        tmp_path / "x.ndjson",
        patient(),
        observation("29463-7", amount(82, "kg"), number=1),
        observation("29463-7", amount(82, "mm[Hg]"), number=2),
        observation("99999-9", amount(1, "kg"), number=3),
    )
    code, said, wrong = run(path, "--out", tmp_path / "out", "--delivered", "2024-06-30")
    assert (code, wrong) == (0, "")
    assert "1 people, 1 readings of 1 variables and 0 set missing, out of 4 rows or resources (FHIR R4)" in said
    assert "delivered 2024-06-30" in said
    assert "1 codes have no variable (1 statements)" in said
    assert "refused: unit does not fit, 1 times: loinc 29463-7 (weight_kg) unit 'mm[Hg]' does not fit weight_kg" in said
    out = tmp_path / "out"
    assert validate(pd.read_parquet(out / "people.parquet"), "delivered_people", "x")["sex"].tolist() == ["female"]
    assert validate(pd.read_parquet(out / "readings.parquet"), "delivered_readings", "x")["value"].tolist() == [82]
    assert pd.read_csv(out / "unmapped.csv")["code"].tolist() == ["99999-9"]
    assert pd.read_csv(out / "findings.csv")["kind"].tolist() == ["unit does not fit"]
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["facts"]["counts"]["Observation"] == {"read": 3, "refused": 1, "taken": 1, "unmapped": 1}


def test_omop_is_recognised(tmp_path, run):
    people, readings = frames(100, np.random.default_rng(1))
    write_omop(people, readings, tmp_path / "cdm")
    code, said, _ = run(tmp_path / "cdm", "--out", tmp_path / "out", "--identify-by", "identifier")
    assert code == 0
    assert "(OMOP CDM 5.4)" in said
    assert pd.read_parquet(tmp_path / "out" / "people.parquet")["person_id"].tolist() == people["person_id"].tolist()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"resourceType": "Patient", "id"', "cut off"),
        ("\ufeff{}", "has no resourceType"),
    ],
)
def test_where_it_refuses_nothing_is_written(tmp_path, run, content, words):
    (tmp_path / "x.ndjson").write_text(content, encoding="utf-8")
    code, said, wrong = run(tmp_path / "x.ndjson", "--out", tmp_path / "out")
    assert code == 2
    assert said == ""
    assert wrong.startswith("x.ndjson, line 1: ")
    assert words in wrong
    assert [path.name for path in tmp_path.iterdir()] == ["x.ndjson"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path, run):
    ndjson(tmp_path / "Patient.ndjson", patient(), panel(120, 80))
    code, _, wrong = run(tmp_path, "--out", tmp_path)
    assert code == 2
    assert "holds other files" in wrong
    assert (tmp_path / "Patient.ndjson").exists()


def test_the_report_stands_beside_the_tables_and_compares_with_an_earlier_intake(tmp_path, run):
    weights = [observation("29463-7", amount(80 + n, "kg"), number=n, effectiveDateTime=f"2024-01-{n:02d}T08:{n}:00Z")
               for n in range(10, 29)]  # fmt: skip
    ndjson(tmp_path / "x.ndjson", patient(), *weights)
    ndjson(tmp_path / "y.ndjson", patient(), *weights[:10])
    assert run(tmp_path / "x.ndjson", "--out", tmp_path / "first", "--delivered", "2024-06-30")[0] == 0
    options = ("--delivered", "2024-06-30", "--before", tmp_path / "first")
    code, said, _ = run(tmp_path / "y.ndjson", "--out", tmp_path / "second", *options)
    assert code == 0
    assert "intake: score 100 of 100, 1 question to the sender" in said
    out = tmp_path / "second"
    figures = json.loads((out / "intake.json").read_text(encoding="utf-8"))
    assert [row["kind"] for row in figures["worst"]] == ["readings lost"]
    assert figures["drift"]["before"] == "first"
    assert figures["drift"]["variables"][0]["lost"] == 9
    assert pd.read_csv(out / "questions.csv")["times"].tolist() == [9]
    html = (out / "intake.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "lacks readings that the same people had" in html
    assert "first/readings.parquet" in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["inputs"]
    assert json.loads((tmp_path / "first" / "intake.json").read_text(encoding="utf-8"))["drift"] is None


def test_charts_are_taken_in_too(tmp_path, run):
    code, said, wrong = run(ROOT / "data" / "openchart" / "charts", "--out", tmp_path / "out")
    assert (code, wrong) == (0, "")
    assert "intake: 50 people" in said
    assert len(validate(pd.read_parquet(tmp_path / "out" / "people.parquet"), "delivered_people", "x")) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "xml"), "kind is 'xml'; allowed: fhir, omop, charts, images"),
        (("--before", "nowhere"), "nowhere holds no people.parquet: give the folder that an earlier intake wrote"),
        (("--delivered", "yesterday"), "delivered is 'yesterday', which is no day; write YYYY-MM-DD"),
        (("--identify-by", "name"), "identify_by is 'name'; allowed: id, identifier"),
    ],
)
def test_wrong_options_are_said(tmp_path, run, options, words):
    path = ndjson(tmp_path / "x.ndjson", patient())
    code, _, wrong = run(path, "--out", tmp_path / "out", *options)
    assert (code, wrong.strip()) == (2, words)
