"""From what a person could do to the risk: links, disagreement, and what would be enough."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from pipeline.explain import (
    chains,
    changes_of,
    counterfactuals,
    enough,
    explain,
    facts,
    group_columns,
    put_in_all,
    reachable,
)
from pipeline.models import MODELS, FeatureSet, Matrix, TwinDraws
from pipeline.schema import validate
from pipeline.strata import Effect

PEOPLE, DRAWS = 900, 4
NUMBERS = ("bmi_kg_m2", "sbp_mmhg", "now_sbp_mmhg", "now_pulse_pressure_mmhg")
TWINS = ("now_sbp_mmhg", "now_pulse_pressure_mmhg")
DICTIONARY = pd.DataFrame(
    {"feature": TWINS, "twin": "blood_pressure", "kind": "state", "observable": ["sbp_mmhg", "pulse_pressure_mmhg"]}
)
TRIAL = Effect("stroke", "sbp_mmhg", -10.0, "mmHg", 0.8, 0.77, 0.83, 20.0, "people", "a trial")


def study(slope: float, seed: int = 0):
    """People whose risk rises (or, with a slope below 0, falls) with pressure; a drug lowers it by 10, a diet both."""
    draw = np.random.default_rng(seed)
    sbp, height = draw.normal(140, 15, PEOPLE), draw.normal(170, 8, PEOPLE)
    own = {"sbp_mmhg": sbp[:, None] + draw.normal(0, 3, (PEOPLE, DRAWS))}
    own |= {"weight_kg": np.full((PEOPLE, DRAWS), 85.0), "height_cm": np.repeat(height[:, None], DRAWS, axis=1)}
    frame = pd.DataFrame(
        {"bmi_kg_m2": 85.0 / (height / 100) ** 2, "sbp_mmhg": sbp, "now_sbp_mmhg": own["sbp_mmhg"].mean(axis=1)},
        index=pd.Index([f"p{i:03d}" for i in range(PEOPLE)], name="person_id"),
    ).assign(now_pulse_pressure_mmhg=50.0)
    event = (draw.random(PEOPLE) < expit(slope * (sbp - 140) / 15)).astype(np.int64)
    matrix = Matrix(frame, event, np.arange(PEOPLE).astype(object), {"both": FeatureSet(NUMBERS, {}, TWINS)}, ())
    block = np.stack([own["sbp_mmhg"], np.full((PEOPLE, DRAWS), 50.0)], axis=2)
    fall = np.full((PEOPLE, DRAWS), -10.0) - draw.normal(0, 1, (PEOPLE, DRAWS)) ** 2
    changes = {
        "drug": {"sbp_mmhg": fall, "dbp_mmhg": 0.6 * fall},
        "diet": {"weight_kg": np.full((PEOPLE, DRAWS), -5.0), "sbp_mmhg": 0.5 * fall, "dbp_mmhg": 0.3 * fall},
    }
    return matrix, TwinDraws(block), changes, own


def run(slope: float, effects):
    matrix, draws, changes, own = study(slope)
    put = put_in_all(matrix.frame, matrix.sets["both"], draws.features, DICTIONARY, changes, own)
    groups = group_columns(matrix.sets["both"], dict.fromkeys(TWINS, "blood_pressure"))
    settings = {"folds": 3, "refits": 6, "seed": 1, "train_draws": 2, "jobs": 1}
    samples = explain(matrix, draws, MODELS["logistic"], "both", groups, put, **settings)
    risk = np.full((PEOPLE, 24), 0.4)
    draw = np.tile(np.arange(DRAWS), (PEOPLE, 6))
    return samples, validate(chains(samples, risk, draw, changes, own, effects, seed=1), "chains", "chains")


def test_links_hold_the_change_of_the_body_and_of_the_risk():
    _, table = run(1.0, {})
    drug = table[table["scenario"] == "drug"]
    assert set(zip(table["scenario"], table["mediator"], strict=True)) == {
        ("drug", "sbp_mmhg"), ("diet", "sbp_mmhg"), ("diet", "weight_kg"),
    }  # fmt: skip
    np.testing.assert_allclose(drug["after"] - drug["before"], drug["change"])
    assert drug["change"].mean() == pytest.approx(-11, abs=0.3)
    assert (drug["high"] < 0).all()
    # A fall of 11 mmHg is 0.73 in the true log odds, and the slope of the risk there at most a quarter of that.
    assert -0.2 < drug["risk_change"].mean() < -0.1
    assert (drug["basis"] == "model").all()
    assert not table["disagrees"].any()


def test_a_model_in_which_lower_pressure_is_worse_is_found_to_disagree():
    samples, table = run(-1.0, {})
    drug = table[table["scenario"] == "drug"]
    assert drug["disagrees"].all()
    assert (drug["model_change"] > 0).all()
    ways = counterfactuals(
        samples.person_id, np.full(PEOPLE, 0.4), {}, {}, threshold=0.3, bands=(0.3,), basis="model"
    )
    found = facts({"attributions": pd.DataFrame({"rank": [1.0]}), "chains": table, "counterfactuals": ways}, True)
    assert {"scenario": "drug", "mediator": "sbp_mmhg", "share": 1.0, "people": PEOPLE} in found["disagreements"]


def test_trials_say_what_a_change_does_where_they_are_known_and_nothing_else_does():
    _, table = run(-1.0, {"sbp_mmhg": TRIAL})
    drug = table[table["scenario"] == "drug"]
    expected = 1 - 0.6 ** (0.8 ** (-drug["change"] / 10)) - 0.4
    np.testing.assert_allclose(drug["risk_change"], expected, atol=0.01)
    assert drug["disagrees"].all(), "the model is still asked"
    assert (table["basis"] == "trials").all()
    assert table.loc[table["mediator"] == "weight_kg", "risk_change"].isna().all()


def test_what_is_put_in_are_all_columns_that_tell_of_it():
    matrix, draws, changes, own = study(1.0)
    put = put_in_all(matrix.frame, matrix.sets["both"], draws.features, DICTIONARY, changes, own)
    assert list(put["drug sbp_mmhg"]) == ["sbp_mmhg", "now_sbp_mmhg", "now_pulse_pressure_mmhg"]
    assert list(put["diet weight_kg"]) == ["bmi_kg_m2"]
    assert list(put["diet all"]) == list(NUMBERS)
    np.testing.assert_allclose(put["drug sbp_mmhg"]["now_sbp_mmhg"], own["sbp_mmhg"] + changes["drug"]["sbp_mmhg"])
    np.testing.assert_allclose(
        put["drug sbp_mmhg"]["now_pulse_pressure_mmhg"], 50.0 + 0.4 * changes["drug"]["sbp_mmhg"]
    )


def test_without_horizon_the_change_is_that_of_the_first_year():
    block = np.arange(6.0).reshape(1, 1, 6)
    columns = [f"diet_{year}y_change_{what}" for year in (1, 5, 10) for what in ("weight_kg", "sbp_mmhg")]
    found = changes_of(block, columns, (1, 5, 10), None)
    assert {k: v.item() for k, v in found["diet"].items()} == {"weight_kg": 0.0, "sbp_mmhg": 1.0}
    assert changes_of(block, columns, (1, 5, 10), 5.0)["diet"]["weight_kg"].item() == pytest.approx((0 + 4 * 1.0) / 5)


def test_the_smallest_that_suffices_comes_first_and_none_is_an_answer():
    persons = np.array(["above", "band", "lowest", "stuck", "unknown"])
    risk = np.array([0.40, 0.22, 0.05, 0.60, np.nan])
    after = {
        "much": np.array([[0.1, 0.2], [0.05, 0.06], [0.01, 0.01], [0.5, 0.5], [np.nan, np.nan]]),
        "little": np.array([[0.2, 0.28], [0.19, 0.21], [0.04, 0.04], [0.55, 0.6], [np.nan, np.nan]]),
    }
    everybody = dict.fromkeys(after, np.ones(5, dtype=bool))
    table = counterfactuals(persons, risk, after, everybody, threshold=0.3, bands=(0.1, 0.2, 0.3), basis="trials")
    validate(table, "counterfactuals", "table")
    told = table.groupby("person_id")["scenario"].agg(list).to_dict()
    assert told["above"] == ["little", "much"]
    assert told["band"] == ["much"], "the little one leaves the mean risk at the edge"
    first = table.drop_duplicates("person_id").set_index("person_id")
    assert first.loc["above", ["goal", "target", "smallest"]].tolist() == ["threshold", 0.3, True]
    assert first.loc["band", ["goal", "target"]].tolist() == ["band", 0.2]
    assert first.loc[["lowest", "stuck", "unknown"], "scenario"].isna().all()
    assert first.loc["lowest", "goal"] == "lowest"
    assert first.loc["stuck", "chance"] == pytest.approx(1 / 4), "no sample of two came below: Laplace"
    assert np.isnan(first.loc["unknown", "chance"])


def test_nobody_is_asked_for_what_would_make_them_too_thin_or_too_low():
    one = np.ones((3, 2))
    measured = {"weight_kg": [55.0, 80.0, 80.0], "sbp_mmhg": [130.0, 112.0, 130.0], "height_cm": [170.0] * 3}
    own = {name: np.array(values)[:, None] * one for name, values in measured.items()}
    allowed = reachable({"diet": {"weight_kg": -5.0 * one}, "drug": {"sbp_mmhg": -9.0 * one}}, own)
    assert allowed["diet"].tolist() == [False, True, True]
    assert allowed["drug"].tolist() == [True, False, True]


def test_enough_goes_by_trials_where_there_are_any():
    matrix, draws, changes, own = study(1.0)
    put = put_in_all(matrix.frame, matrix.sets["both"], draws.features, DICTIONARY, changes, own)
    groups = group_columns(matrix.sets["both"], dict.fromkeys(TWINS, "blood_pressure"))
    settings = {"folds": 3, "refits": 3, "seed": 1, "train_draws": 2, "jobs": 1}
    samples = explain(matrix, draws, MODELS["logistic"], "both", groups, put, **settings)
    risk, draw = np.full((PEOPLE, 24), 0.4), np.tile(np.arange(DRAWS), (PEOPLE, 6))
    goal = {"threshold": 0.35, "bands": (0.35,), "seed": 1}
    for effects, basis in (({}, "model"), ({"sbp_mmhg": TRIAL}, "trials")):
        table = validate(enough(samples, risk, draw, changes, own, effects, **goal), "counterfactuals", "table")
        assert set(table["basis"]) == {basis}
        assert "drug" in set(table["scenario"].dropna())
