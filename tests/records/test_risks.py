"""Risks as RiskAssessment: valid R4, in per cent, with interval, period and the model's identity."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.records import RiskModel, write_risks
from pipeline.records.r4 import model
from pipeline.schema import TableError

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
    assert "15.3 of 100, 95 % interval 10 to 21" in first["note"][0]["text"]


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
