"""Predicted risks as FHIR RiskAssessment: by which model, how sure it is, and that it is no medical device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.records.codes_out import UCUM
from pipeline.records.fhir_out import patient_ids, write
from pipeline.schema import TableError

CAUTION = "Research software. Not a medical device: nothing here may be used to diagnose or treat anybody."
MODEL = "urn:tvilling:model"
INTERVAL = "urn:tvilling:interval-95"
DAYS_A_YEAR = 365.25


class RiskModel(NamedTuple):
    """Which model said it: the registered one of a study."""

    name: str
    version: str
    study: str
    outcome: str            # in words, such as "cardiovascular event"
    horizon_years: float    # 0 for an outcome of the visit itself
    method: str             # in words, such as "logistic regression on routine data and twins"
    caution: str = ""       # of the study, said before every number


def write_risks(
    risks: pd.DataFrame,
    path: Path,
    *,
    model: RiskModel,
    at: date,
    basis: Mapping[str, Sequence[str]] | None = None,
) -> int:
    """Write a RiskAssessment a person: `risks` has person_id, risk, low and high (95 %), as parts of one.

    R4 writes `probabilityDecimal` in per cent. `basis` gives for a person references to what the risk rests on, such as
    "Observation/reading-1". A person whose risk is missing gets none. Returns how many were written.
    """
    for column in ("person_id", "risk", "low", "high"):
        if column not in risks.columns:
            raise TableError(f"risks: no column {column}")
    values = risks[["risk", "low", "high"]]
    if ((values < 0) | (values > 1)).any(axis=None):
        raise TableError("risks: risk, low and high are parts of one, 0 to 1")
    return write(path, _assessments(risks, model, at, basis or {}))


def _assessments(
    risks: pd.DataFrame, model: RiskModel, at: date, basis: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    ids = patient_ids(risks["person_id"])
    end = (pd.Timestamp(at) + pd.Timedelta(days=model.horizon_years * DAYS_A_YEAR)).date()
    rows = risks[["person_id", "risk", "low", "high"]].itertuples(index=False, name=None)
    for number, (person, risk, low, high) in enumerate(rows, 1):
        if pd.isna(risk):
            continue
        prediction: dict[str, Any] = {"outcome": {"text": model.outcome}, "probabilityDecimal": _percent(risk)}
        if model.horizon_years:
            prediction["whenPeriod"] = {"start": at.isoformat(), "end": end.isoformat()}
        said = f"{model.outcome}: {_percent(risk):.1f} of 100"
        if not (pd.isna(low) or pd.isna(high)):
            ends = {"low": _part(low), "high": _part(high)}
            prediction["extension"] = [{"url": INTERVAL, "valueRange": ends}]
            said += f", 95 % interval {_percent(low):.1f} to {_percent(high):.1f}"
        resource = {
            "resourceType": "RiskAssessment",
            "id": f"risk-{number}",
            "contained": [
                {
                    "resourceType": "Device",
                    "id": "model",
                    "identifier": [{"system": MODEL, "value": f"{model.study}/{model.name}/{model.version}"}],
                    "deviceName": [{"name": model.name, "type": "model-name"}],
                    "version": [{"value": model.version}],
                    "note": [{"text": f"Study {model.study}. {CAUTION}"}],
                }
            ],
            "status": "final",
            "method": {"text": model.method},
            "subject": {"reference": f"Patient/{ids[person]}"},
            "occurrenceDateTime": at.isoformat(),
            "performer": {"reference": "#model"},
            "basis": [{"reference": reference} for reference in basis.get(person, ())],
            "prediction": [prediction],
            "note": [{"text": " ".join(part for part in (CAUTION, model.caution, f"{said}.") if part)}],
        }
        yield {key: value for key, value in resource.items() if value}


def _percent(part: float) -> float:
    return round(100 * float(part), 6)


def _part(part: float) -> dict[str, Any]:
    return {"value": _percent(part), "unit": "%", "system": UCUM, "code": "%"}
