"""Made-up people for the pages of one person."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.cohorts import Edge, Unlike
from pipeline.reports import read_patient
from pipeline.reports.patient import Explained
from tests.reports.conftest import make_study, write_study

PERSON = "secret-1-000007"
CODE = "7K3M2-QXA9B"


def read(folder, study=None, person=PERSON):
    return read_patient(study or make_study(), folder, lambda path: path, person, CODE)


def patient_of(folder):
    return read(write_study(folder, make_study()))


def with_everything(patient):
    """Everything that a page can have to tell, and long: explanations, all warnings, many quantities."""
    groups = ["twin_body_composition", "twin_liver_fat", "pressure", "age_years", "smoking", "ethnicity"]
    size = np.array([1.1, -0.5, 0.4, -0.3, 0.2, 0.1])
    attributions = pd.DataFrame(
        {"group": groups, "label": groups, "contribution": size, "low": size - 0.09, "high": size + 0.09,
         "rank": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "base": -1.0, "log_odds": 0.0}
    )  # fmt: skip
    scenario = ["less_500_kcal", "low_carbohydrate", "one_pressure_drug"]
    chains = pd.DataFrame(
        {"scenario": scenario, "mediator": ["weight_kg", "pdff_percent", "sbp_mmhg"], "before": [104.0, 12.5, 167.0],
         "after": [98.4, 8.2, 158.0], "change": [-5.6, -4.3, -9.0], "low": -10.0, "high": -1.0,
         "risk_change": [-0.021, -0.012, 0.028], "risk_low": [-0.03, -0.03, 0.01], "risk_high": [-0.01, 0.01, 0.04],
         "disagrees": [False, False, True], "basis": "model"}
    )  # fmt: skip
    counterfactuals = pd.DataFrame(
        {"goal": "threshold", "target": 0.25, "scenario": ["less_500_kcal", "low_carbohydrate"], "risk_before": 0.4,
         "risk_after": [0.20, 0.24], "low": 0.18, "high": 0.31, "chance": 0.62, "smallest": [False, True],
         "basis": "trials"}
    )  # fmt: skip
    known = ["weight_kg", "waist_cm", "sbp_mmhg", "dbp_mmhg"]
    edges = [*(Edge(name, 140.0, 45.0, 130.0) for name in known), Edge("ethnicity", "other", np.nan, np.nan)]
    fits = [
        {"twin": twin, "parameter": f"{basis}_quantity_{i}", "unit": "mmHg", "mode": 123.0, "basis": basis,
         "unlikely": True, "status": "ok" if basis != "none" else "missing weight_kg"}
        for twin in ("body_composition", "liver_fat") for basis in ("measured", "estimated", "assumed", "none")
        for i in range(4)
    ]  # fmt: skip
    return replace(
        patient,
        study=patient.study.model_copy(update={"caution": " ".join(["Not of people of today."] * 12)}),
        low=0.11,
        high=0.71,
        explained=Explained(attributions, chains, counterfactuals),
        unlike=Unlike(edges, list(patient.study.predictors[:11]), 24),
        fits=pd.DataFrame(fits),
    )
