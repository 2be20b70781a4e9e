"""The published ensemble against its own evaluation (tests/data/stroke_risk_reference.csv), written with ten digits."""

import jax
import numpy as np
import pytest

from pipeline.twins import stroke_risk
from pipeline.twins.stroke_risk import StrokeRisk
from tests.twins.people import changed, read_rows

pytestmark = pytest.mark.reference
TWIN = StrokeRisk.build("published")
SETS = ("random_people", "age_sweep_man", "sbp_sweep_woman70", "factor_grid", "trajectory_man")
OUTPUTS = {
    "stroke_risk_5y": "absolute_risk_5y",
    "stroke_relative_risk": "relative_risk",
    "stroke_odds_ratio": "odds_ratio",
}


def risks(rows):
    """What the twin says at once of every row."""
    made = {"male": 2.0 - rows["sex"], "height_cm": 100.0 + 0.0 * rows["sex"], "weight_kg": 1.0 * rows["bmi_kg_m2"]}
    people = made | {name: rows[name] for name in TWIN.needs if name not in made}

    def one(person):
        return TWIN.solution(0.0, TWIN.constants(person, TWIN.defaults()), (0.0,), [changed()], {})

    return {name: np.asarray(v) for name, v in jax.vmap(one)(people).items()}


@pytest.mark.parametrize("name", SETS)
def test_risk_follows_the_published_ensemble(name, meets):
    rows = read_rows("stroke_risk_reference.csv", name)
    for output, column in OUTPUTS.items():
        # Half a unit of the tenth digit is up to 5e-10 of a number, in the table's inputs as in its risks.
        meets(f"stroke risk, {name}", output, np.max(np.abs(risks(rows)[output] / rows[column] - 1.0)), 1e-9)


@pytest.mark.parametrize("name", SETS)
def test_risk_is_the_published_formula_to_rounding(name):
    """The formula as the app has it, with odds and relative risk, written out row by row."""
    rows, c = read_rows("stroke_risk_reference.csv", name), stroke_risk
    p = np.array([q.median for q in TWIN.parameters])
    expected = []
    for i, age in enumerate(rows["age_years"]):
        r = {n: v[i] for n, v in rows.items()}
        eta = c.INTERCEPT + (c.WOMAN if r["sex"] == 2 else 0.0)
        eta = eta + c.SYSTOLIC * ((r["sbp_mmhg"] - c.SYSTOLIC_MEAN) / c.SYSTOLIC_SD)
        eta = eta + c.DIASTOLIC * ((r["dbp_mmhg"] - c.DIASTOLIC_MEAN) / c.DIASTOLIC_SD)
        eta = eta + c.BMI * ((r["bmi_kg_m2"] - c.BMI_MEAN) / c.BMI_SD)
        eta = eta + c.CIGARETTE * r["cigarettes_per_day"] + c.FIBRILLATION * r["atrial_fibrillation"]
        odds = np.exp(eta + c.DIABETES * r["diabetes"])
        near = 1 / np.hypot(age - c.LIMITS[:, 0], age - c.LIMITS[:, 1])
        relative = odds / (1 - p + p * odds)
        expected.append([np.average(x, weights=near) for x in (p * relative, relative, odds)])
    np.testing.assert_allclose(np.stack([risks(rows)[n] for n in OUTPUTS], axis=1), expected, rtol=1e-12)


def test_reference_man_has_the_risks_of_the_specification():
    ages = np.array([25.0, 40.0, 60.0, 75.0, 96.0])
    same = {
        "sex": 1, "sbp_mmhg": 140, "dbp_mmhg": 85, "bmi_kg_m2": 27, "cigarettes_per_day": 0,
        "atrial_fibrillation": 0, "diabetes": 0,
    }  # fmt: skip
    rows = {"age_years": ages, **{n: np.full(5, float(v)) for n, v in same.items()}}
    percent = 100 * risks(rows)["stroke_risk_5y"]
    np.testing.assert_allclose(percent, [0.609, 0.584, 0.750, 1.110, 1.311], atol=5e-4)
