"""A published risk function as prior: right numbers, kept with few people, corrected with many."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from pipeline.models import MODELS
from pipeline.models.knowledge import Known, PriorLogistic
from pipeline.models.published import SCORE2, STROKE_ENSEMBLE, reader
from pipeline.solving import make_grid
from pipeline.twins import NO_CHANGE, System, build_twins, simulate

MAN = {"age_years": 60.0, "sex": "male", "sbp_mmhg": 120.0, "cholesterol_mmol_l": 6.0, "hdl_mmol_l": 1.3,
       "current_smoker": "no", "diabetes": "no"}  # fmt: skip


def risk(**changes):
    return float(expit(SCORE2.log_odds(reader(pd.DataFrame([MAN | changes])))[0]))


def test_score2_at_its_centre_is_its_baseline():
    assert risk() == pytest.approx(1 - 0.9605)
    assert risk(sex="female") == pytest.approx(1 - 0.9776)


def test_score2_by_hand():
    # A woman of 50 who smokes, 140 mmHg, 5.5 and 1.3 mmol/L: -2 * 0.4648 + (0.7744 + 2 * 0.1088) + (0.3131 + 2 *
    # 0.0277) + (-0.5) * (0.1002 + 2 * 0.0226) = 0.3582
    woman = risk(sex="female", age_years=50.0, current_smoker="yes", sbp_mmhg=140.0, cholesterol_mmol_l=5.5)
    assert woman == pytest.approx(1 - 0.9776 ** np.exp(0.3582), rel=1e-4)


def test_smoking_may_be_told_as_status():
    told = pd.DataFrame([{k: v for k, v in MAN.items() if k != "current_smoker"} | {"smoking_status": "current"}])
    assert float(expit(SCORE2.log_odds(reader(told))[0])) == pytest.approx(risk(current_smoker="yes"))


def test_the_stroke_ensemble_is_that_of_the_twin():
    known = MAN | {"dbp_mmhg": 85.0, "bmi_kg_m2": 28.0, "cigarettes_per_day": 10.0, "atrial_fibrillation": "yes"}
    twins = build_twins(["stroke_risk"])
    person = {
        "male": 1.0, "age_years": 60.0, "sbp_mmhg": 120.0, "dbp_mmhg": 85.0, "height_cm": 175.0,
        "weight_kg": 28.0 * 1.75**2, "cigarettes_per_day": 10.0, "atrial_fibrillation": 1.0, "diabetes": 0.0,
    }  # fmt: skip
    said = simulate(System(twins), person, {"stroke_risk": twins[0].defaults()}, NO_CHANGE.arrays(), (0.0,),
                    make_grid((0.0,), (0.0, 365.0))).values["stroke_risk_5y"][0]  # fmt: skip
    found = expit(STROKE_ENSEMBLE.log_odds(reader(pd.DataFrame([known])))[0])
    assert found == pytest.approx(float(said), rel=1e-9)


def test_each_age_band_of_the_ensemble_finds_its_own_level():
    draw = np.random.default_rng(6)
    age = draw.uniform(40, 90, 20_000)
    band = STROKE_ENSEMBLE.levels(reader(pd.DataFrame({"age_years": age})))
    assert band.sum(axis=1).tolist() == [1.0] * len(age)
    assert [age[column == 1].min() > low for low, column in zip((39, 50, 60, 70), band.T, strict=True)] == [True] * 4
    truth = -3.0 + np.array([0.0, 0.5, -0.5, 1.0]) @ band.T
    event = (draw.random(len(age)) < expit(truth)).astype(int)
    X = np.column_stack([np.full(len(age), -3.0), band, draw.normal(size=len(age))])
    risk = PriorLogistic(bands=4).fit(X, event).predict_proba(X)[:, 1]
    for column in band.T:
        assert risk[column == 1].mean() == pytest.approx(event[column == 1].mean(), rel=0.05)


def people(number, seed=0):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age_years": draw.uniform(40, 75, number),
            "sbp_mmhg": draw.normal(135, 20, number),
            "cholesterol_mmol_l": draw.normal(6, 1, number),
            "pulse": draw.normal(75, 10, number),
            "sex": draw.choice(["female", "male"], number),
            "current_smoker": draw.choice(["no", "yes"], number),
        }
    )
    return frame, SCORE2.log_odds(reader(frame)), draw


def fitted(frame, event):
    levels = {"sex": ("female", "male"), "current_smoker": ("no", "yes")}
    return MODELS["score2"](0, [c for c in frame if c not in levels], levels).fit(frame, event)


def test_with_few_people_the_published_function_stays():
    frame, _, draw = people(60)
    event = (draw.random(60) < 0.15).astype(int)
    model = fitted(frame, event)
    assert model[-1].coef_[1] == pytest.approx(1.0, abs=0.1)
    assert np.abs(model[-1].coef_[2:]).max() < 0.1
    assert model.predict_proba(frame)[:, 1].mean() == pytest.approx(event.mean(), abs=0.02)


def test_with_many_people_what_is_wrong_is_corrected():
    frame, known, draw = people(20_000)
    pulse = (frame["pulse"].to_numpy() - 75) / 10
    event = (draw.random(len(frame)) < expit(known + 1.0 + 0.8 * pulse)).astype(int)
    model = fitted(frame, event)
    new, known, draw = people(20_000, seed=1)
    truth = expit(known + 1.0 + 0.8 * (new["pulse"].to_numpy() - 75) / 10)
    found = model.predict_proba(new)[:, 1]
    assert np.abs(logit(found) - logit(truth)).mean() < 0.1
    assert model[-1].strength_ > 0.1


def test_nothing_to_correct_keeps_corrections_small():
    frame, known, draw = people(20_000)
    event = (draw.random(len(frame)) < expit(known + 1.0)).astype(int)
    model = fitted(frame, event)
    assert model[-1].strength_ < 0.06
    assert model[-1].coef_[1] == pytest.approx(1.0, abs=0.1)


def test_a_missing_number_is_what_the_rest_of_the_row_says():
    frame, *_ = people(4000)
    frame["cholesterol_mmol_l"] = 2.0 + 0.03 * frame["sbp_mmhg"] + 0.1 * np.random.default_rng(3).normal(size=4000)
    known = Known("score2", ("age_years", "sbp_mmhg", "cholesterol_mmol_l"), ()).fit(frame.iloc[:3000])
    test = frame.iloc[3000:]
    whole, holed = known.transform(test), known.transform(test.assign(cholesterol_mmol_l=np.nan))
    assert np.corrcoef(whole[:, 3], holed[:, 3])[0, 1] > 0.95
    np.testing.assert_allclose(whole[:, 0], holed[:, 0], atol=0.1)


def test_beyond_what_was_seen_the_published_function_alone_goes_on():
    frame, known, draw = people(5000, seed=7)
    event = (draw.random(5000) < expit(known + 1.0 + 0.5 * (frame["sbp_mmhg"].to_numpy() - 135) / 20)).astype(int)
    model = fitted(frame[frame["sbp_mmhg"] < 150], event[frame["sbp_mmhg"] < 150])
    far = frame.iloc[[0, 0]].assign(sbp_mmhg=[160.0, 200.0])
    low, high = logit(model.predict_proba(far)[:, 1])
    step = np.diff(SCORE2.log_odds(reader(far)))[0]
    assert high - low == pytest.approx(model[-1].coef_[1] * step)


def test_a_rare_answer_is_not_stretched():
    frame, _, draw = people(4000, seed=8)
    frame["rare"] = np.where(draw.random(4000) < 0.01, "yes", "no")
    known = Known("score2", ("age_years",), (("rare", ("no", "yes")),)).fit(frame[["age_years", "rare"]])
    answer = known.transform(frame[["age_years", "rare"]].iloc[[0, 0]].assign(rare=["no", "yes"]))[:, -1]
    assert abs(answer[1] - answer[0]) <= 2.0


def test_weights_are_counts():
    draw = np.random.default_rng(4)
    X = np.column_stack([draw.normal(-2, 1, 300), draw.normal(size=(300, 2))])
    y, times = (draw.random(300) < expit(X[:, 0])).astype(int), draw.integers(0, 4, 300)
    weighted = PriorLogistic().fit(X, y, times)
    repeated = PriorLogistic().fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8)


def test_risks_rank_better_than_the_published_alone_where_it_is_wrong():
    frame, known, draw = people(3000, seed=5)
    event = (draw.random(3000) < expit(known + 1.0 + 0.8 * (frame["pulse"].to_numpy() - 75) / 10)).astype(int)
    model = fitted(frame.iloc[:2000], event[:2000])
    test, outcome = frame.iloc[2000:], event[2000:]
    assert roc_auc_score(outcome, model.predict_proba(test)[:, 1]) > roc_auc_score(outcome, known[2000:]) + 0.03
