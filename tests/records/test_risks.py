"""Risks as RiskAssessment: valid R4, in per cent, with interval, period and the model's identity."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.records import RiskModel, write_risks
from pipeline.records.r4 import model
from pipeline.schema import TableError
from stages import risks
from tests.repository import ROOT

MODEL = RiskModel("framingham_cvd", "7", "framingham_cvd", "cardiovascular event", 10, "logistic regression and twins")
RISKS = pd.DataFrame(
    [("a", 0.153, 0.1, 0.21), ("b", np.nan, np.nan, 0.3), ("c d", 0.02, np.nan, 0.3)],
    columns=["person_id", "risk", "low", "high"],
)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "risks.ndjson"
    basis = {"a": ["Observation/reading-1"]}
    assert write_risks(RISKS, path, model=MODEL, at=date(2024, 3, 1), basis=basis) == 2
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_is_valid_to_the_model_of_fhir_resources(written):
    for resource in written:
        model("RiskAssessment").model_validate(resource)


def test_a_risk_says_how_likely_when_by_what_and_from_what(written):
    first = written[0]
    prediction = first["prediction"][0]
    assert prediction["probabilityDecimal"] == 15.3      # R4: decimal values are percentages, at most 100
    assert prediction["outcome"] == {"text": "cardiovascular event"}
    assert prediction["whenPeriod"] == {"start": "2024-03-01", "end": "2034-03-01"}
    ends = prediction["extension"][0]["valueRange"]
    assert [ends[e]["value"] for e in ("low", "high")] == [10, 21]
    assert [ends[e]["code"] for e in ("low", "high")] == ["%", "%"]
    assert first["subject"] == {"reference": "Patient/a"}
    assert first["basis"] == [{"reference": "Observation/reading-1"}]
    assert first["method"] == {"text": "logistic regression and twins"}
    device = first["contained"][0]
    assert first["performer"] == {"reference": f"#{device['id']}"}
    assert device["deviceName"][0]["name"] == "framingham_cvd"
    assert device["version"][0]["value"] == "7"
    assert device["identifier"][0]["value"] == "framingham_cvd/framingham_cvd/7"
    assert "Not a medical device" in first["note"][0]["text"]
    assert "15.3 of 100, 95 % interval 10.0 to 21.0" in first["note"][0]["text"]


def test_what_is_missing_is_left_out(written):
    second = written[1]
    assert second["subject"] == {"reference": "Patient/person-3"}
    assert "extension" not in second["prediction"][0]
    assert "basis" not in second


def test_percentages_and_missing_columns_are_refused(tmp_path):
    with pytest.raises(TableError, match="parts of one"):
        write_risks(RISKS.assign(risk=15.3), tmp_path / "x.ndjson", model=MODEL, at=date(2024, 3, 1))
    with pytest.raises(TableError, match="no column low"):
        write_risks(RISKS.drop(columns="low"), tmp_path / "x.ndjson", model=MODEL, at=date(2024, 3, 1))
    assert list(tmp_path.iterdir()) == []


def test_risks_of_a_finished_study_name_its_model_and_its_caution(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "runs" / "example_fhir"
    for stage in ("uncertainty", "track"):
        (folder / stage).mkdir(parents=True)
    numbers = {"risk": [0.25, np.nan], "low": [0.1, np.nan], "high": [0.5, np.nan], "person_sd": 0.1, "model_sd": 0.1}
    table = pd.DataFrame({"person_id": ["A01", "A02"], **numbers})
    table.astype({"person_id": "str"}).to_parquet(folder / "uncertainty" / "uncertainty.parquet")
    (folder / "track" / "run.json").write_text('{"run_id": "abc123"}', encoding="utf-8")
    study = str(ROOT / "configs" / "example_fhir.toml")
    command = ["risks", study, "--runs", str(tmp_path / "runs"), "--at", "2026-11-28"]
    monkeypatch.setattr("sys.argv", command)
    risks.main()
    assert "risks: 1 of 2 people" in capsys.readouterr().out
    (told,) = [json.loads(line) for line in (folder / "risks.ndjson").read_text(encoding="utf-8").splitlines()]
    model("RiskAssessment").model_validate(told)
    assert told["subject"]["reference"] == "Patient/A01"
    assert told["prediction"][0]["probabilityDecimal"] == 25
    assert told["contained"][0]["identifier"][0]["value"] == "example_fhir/logistic/abc123"
    assert "Not a medical device" in told["note"][0]["text"]
    assert "Invented data" in told["note"][0]["text"]
    monkeypatch.setattr("sys.argv", [*command, "--out", "risks.txt"])
    with pytest.raises(SystemExit) as ended:
        risks.main()
    assert ended.value.code == 2
    assert "risks.txt: give a file that ends in .json or .ndjson" in capsys.readouterr().err
