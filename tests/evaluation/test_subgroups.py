"""Parts of the people, what is missing of them, and answers, against sums by hand and other libraries."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score, roc_auc_score

from pipeline.evaluation import EVERYBODY, by_subgroup, judge, missing_values, prediction_sets, subgroups
from pipeline.evaluation.sets import conformal
from pipeline.evaluation.subgroups import COUNTED, MEASURED, UNKNOWN
from tests.evaluation.conftest import alone, table

DRAWN = {"resamples": 200, "seed": 3}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    draw = np.random.default_rng(2)
    logit = draw.normal(-1, 1.2, 1000)
    event = (draw.random(1000) < 1 / (1 + np.exp(-logit))).astype(int)
    return table(1 / (1 + np.exp(-logit)), event, draw.uniform(0.5, 2, 1000))


@pytest.fixture(scope="module")
def people(rows: pd.DataFrame) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "sex": pd.array(draw.choice(["female", "male"], 1000), dtype="str"),
            "age_years": np.where(np.arange(1000) < 7, np.nan, draw.uniform(20, 80, 1000)),
            "ethnicity": pd.array(np.where(np.arange(1000) < 30, None, draw.choice(["a", "b"], 1000)), dtype="str"),
            "weight_kg": np.where(np.arange(1000) % 4 == 0, np.nan, 80.0),
        },
        index=rows["person_id"].to_numpy(),
    )


def judged(rows: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    found = by_subgroup(rows, subgroups(people), alone(rows), threshold=0.3, **DRAWN)
    return found.set_index(["characteristic", "level", "metric"]).sort_index()


@pytest.mark.reference
def test_measures_of_a_part_are_those_of_scikit_learn(rows, people):
    found = judged(rows, people).loc[("sex", "female"), "value"]
    part = rows[(people["sex"] == "female").to_numpy()]
    event, risk, weight = (part[c].to_numpy() for c in ("event", "risk", "weight"))
    called = risk >= 0.3
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=500)
    expected = {
        "auroc": roc_auc_score(event, risk, sample_weight=weight),
        "sensitivity": recall_score(event, called, sample_weight=weight),
        "false_positive_rate": 1 - recall_score(event, called, pos_label=0, sample_weight=weight),
        "called": np.average(called, weights=weight),
        "observed_expected": (weight @ event) / (weight @ risk),
        "calibration_slope": line.fit(np.log(risk / (1 - risk))[:, None], event, weight).coef_.item(),
        "net_benefit": weight @ (called * np.where(event == 1, 1, -3 / 7)) / weight.sum(),
    }
    assert set(expected) == set(MEASURED)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    assert found["called_events"] == (called & (event == 1)).sum()


def test_levels_of_each_characteristic_make_up_everybody(rows, people):
    counts = judged(rows, people)["value"].unstack("metric")[list(COUNTED)]
    assert list(counts.loc["age"].index) == ["40 to 59", "60 or more", UNKNOWN, "under 40"]
    for name in ("sex", "age", "ethnicity"):
        np.testing.assert_array_equal(counts.loc[name].sum(), counts.loc[(EVERYBODY, EVERYBODY)])
    assert counts.loc[("age", UNKNOWN), "n"] == 7
    assert counts.loc[("ethnicity", UNKNOWN), "n"] == 30
    order = subgroups(people)["age"].cat.categories
    assert list(order) == ["under 40", "40 to 59", "60 or more", UNKNOWN]


def test_everybody_has_the_figures_of_the_whole_judgement(rows, people):
    whole = judge(rows, alone(rows), threshold=0.3, **DRAWN).metrics.set_index("metric")
    found = judged(rows, people).loc[(EVERYBODY, EVERYBODY)]
    for name in ("auroc", "observed_expected", "calibration_slope", "net_benefit"):
        own, other = (table.loc[name, ["value", "low", "high"]].astype(float) for table in (found, whole))
        np.testing.assert_allclose(own, other, rtol=1e-9)


def test_a_model_that_is_wrong_for_one_sex_is_found_out(rows, people):
    women = (people["sex"] == "female").to_numpy()
    wrong = rows.assign(risk=np.where(women, rows["risk"] / 2, rows["risk"]))
    found = judged(wrong, people).xs("observed_expected", level="metric")
    assert found.loc[("sex", "female"), "low"] > 1.5
    assert found.loc[("sex", "male"), "low"] < 1 < found.loc[("sex", "male"), "high"]


def test_too_small_a_part_is_counted_and_not_measured(rows, people):
    found = judged(rows, people).loc[("age", UNKNOWN)]
    assert found.loc["n", "value"] == 7
    assert found.loc[list(MEASURED)].isna().to_numpy().all()


@pytest.mark.parametrize(
    ("event", "weight", "said"),
    [
        (np.zeros(60, int), 1.0, "all 60 people have the same outcome"),
        ((np.arange(60) < 3).astype(int), 1.0, "fewer than 5 people with the event"),
        (np.zeros(60, int), 0.0, "of nobody is it known whether the event came"),
    ],
    ids=["one class", "three events", "everybody lost"],
)
def test_nothing_is_measured_on_too_little_and_a_sentence_says_why(event, weight, said):
    few = table(np.linspace(0.1, 0.9, 60), event, weight)
    found = judge(few, alone(few), threshold=0.3, **DRAWN)
    assert len(found.reasons) == 1
    assert said in found.reasons[0]
    measures = found.metrics[~found.metrics["metric"].isin(["n", "events"])]
    assert measures[["value", "low", "high"]].isna().to_numpy().all()
    people = pd.DataFrame({"sex": "female", "age_years": 50.0}, index=few["person_id"].to_numpy())
    assert judged(few, people).loc[(EVERYBODY, EVERYBODY)].loc[list(MEASURED), "value"].isna().all()
    assert prediction_sets(few, alone(few), **DRAWN).reason


def test_one_risk_for_all_ranks_nobody():
    tied = table(np.full(100, 0.3), (np.arange(100) % 3 == 0).astype(int))
    found = judge(tied, alone(tied), threshold=0.3, **DRAWN)
    values = found.metrics.set_index("metric")["value"]
    assert values["auroc"] == 0.5
    assert np.isnan(values["calibration_slope"])
    assert any("calibration_slope: does not exist for these risks" in reason for reason in found.reasons)


def test_missing_values_are_counted_by_outcome(rows, people):
    found = missing_values(rows, people, ["age_years", "weight_kg", "hba1c_mmol_mol"]).set_index("predictor")
    event = rows["event"].to_numpy()
    assert list(found["missing"]) == [7, 250, 1000]
    assert found.loc["weight_kg", "missing_events"] == event[::4].sum()
    assert found.loc["weight_kg", "missing_others"] == 250 - event[::4].sum()
    assert found.loc["age_years", "people_events"] == event.sum()


def test_who_was_lost_is_missing_in_all_and_in_neither(rows, people):
    gone = np.arange(1000) % 4 == 0
    lost = rows.assign(weight=np.where(gone, 0.0, 1.0), event=np.where(gone, 0, rows["event"]))
    found = missing_values(lost, people, ["weight_kg"]).iloc[0]
    assert (found["missing"], found["missing_events"], found["missing_others"]) == (250, 0, 0)
    assert found["people_events"] + found["people_others"] == 750


@pytest.mark.reference
def test_conformal_sets_are_those_of_the_definition():
    """Ranks by brute force over pairs, with ties and weights."""
    draw = np.random.default_rng(8)
    risk, event = draw.integers(0, 12, 80) / 12, draw.integers(0, 2, 80)
    weight = draw.choice([0.0, 1.0, 2.0], 80)
    found = conformal(risk, event, weight, 0.8)
    for i in range(80):
        for kind, strange in ((0, risk), (1, -risk)):
            own = weight[i] if event[i] == kind and weight[i] > 0 else 1.0
            others = [j for j in range(80) if j != i and event[j] == kind]
            above = own + sum(weight[j] for j in others if strange[j] >= strange[i])
            assert found[i, kind] == (above / (own + sum(weight[j] for j in others)) > 0.2 + 1e-12)


def test_sets_cover_each_class_whatever_the_risk():
    for power in (1.0, 4.0):      # the second risk is far too low for everybody
        shares = []
        for seed in range(20):
            draw = np.random.default_rng(seed)
            truth = draw.uniform(0.05, 0.6, 600)
            rows = table(truth**power, (draw.random(600) < truth).astype(int))
            found = prediction_sets(rows, alone(rows), **DRAWN).table.set_index(["who", "measure"])["value"]
            shares.append([found["event", "covered"], found["other", "covered"]])
            assert sum(found["everybody", a] for a in ("yes", "no", "cannot tell", "neither")) == pytest.approx(1)
        assert 0.9 <= np.mean(shares) < 0.94
        assert np.mean(shares, axis=0).min() >= 0.89


def test_a_perfect_risk_leaves_no_doubt():
    event = np.arange(400) % 2
    rows = table(0.2 + 0.5 * event + np.random.default_rng(1).uniform(0, 0.1, 400), event)
    found = prediction_sets(rows, alone(rows), **DRAWN).table.set_index(["who", "measure"])["value"]
    assert found["everybody", "cannot tell"] == 0
    assert found["event", "no"] == found["other", "yes"] == 0
