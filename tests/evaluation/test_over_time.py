"""Measures by year against sums over pairs, with weights of lifelines."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import over_time

DAYS, YEARS = 365.25, [1.0, 2.0, 3.0]


@pytest.fixture(scope="module")
def made() -> dict[str, pd.DataFrame]:
    draw = np.random.default_rng(4)
    n = 240
    x = draw.normal(0, 1, n)
    event, death, lost = (draw.exponential(scale) for scale in (2000 * np.exp(-x), np.full(n, 4000), np.full(n, 2500)))
    ends = np.column_stack([event, death, lost])
    time = np.minimum(np.round(ends.min(axis=1)) + 1, 4 * DAYS)      # whole days: some are tied
    status = np.where(time < 4 * DAYS, np.array(["event", "competing", "censored"])[ends.argmin(axis=1)], "censored")
    ids = np.array([f"p{i:03d}" for i in range(n)])
    risk = {year: 1 / (1 + np.exp(2 - np.round(x, 1) - 0.5 * year)) for year in YEARS}
    key = {"model": "cox", "feature_set": "both"}
    courses = [pd.DataFrame({"person_id": ids, **key, "year": year, "risk": risk[year]}) for year in YEARS]
    rows = {"person_id": ids, "feature_set": "both", "event": 0, "weight": 1.0, "repeat": 0, "risk": risk[3.0]}
    return {
        "predictions": pd.concat([pd.DataFrame({**rows, "model": name}) for name in ("cox", "logistic")]),
        "courses": pd.concat(courses),
        "outcomes": pd.DataFrame({"person_id": ids, "time_d": time, "status": status}),
        "groups": pd.Series(ids, index=ids),
    }


def judged(made: dict[str, pd.DataFrame], model: str = "cox") -> pd.DataFrame:
    found = over_time(**made, feature_set="both", model=model, resamples=100, seed=1)
    return found.set_index(["model", "metric", "year"]).sort_index()


def weights(time: np.ndarray, status: np.ndarray, until: float) -> np.ndarray:
    """One over the chance of being still followed just before the event, or at `until`; 0 for whom nobody knows."""
    from lifelines import KaplanMeierFitter

    ended = np.where(status == "censored", time + 0.5, time)      # at one time events come before losses
    curve = KaplanMeierFitter().fit(ended, status == "censored").survival_function_.iloc[:, 0]
    still = [curve[curve.index < min(t, until)].iloc[-1] for t in time]
    return np.where((status == "censored") & (time < until), 0, 1 / np.array(still))


@pytest.mark.reference
def test_figures_are_those_of_the_definition_over_pairs(made):
    found = judged(made)["value"]
    time, status = made["outcomes"]["time_d"].to_numpy(), made["outcomes"]["status"].to_numpy()
    scores = []
    for year in YEARS:
        risk = made["courses"].query("year == @year")["risk"].to_numpy()
        weight = weights(time, status, DAYS * year)
        case = (status == "event") & (time <= DAYS * year)
        right = total = 0.0
        for i in np.flatnonzero(case):
            for j in np.flatnonzero(~case & (weight > 0)):
                pair = weight[i] * weight[j]
                right += pair * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
                total += pair
        share = np.average(case, weights=weight)
        scores.append((np.average((case - risk) ** 2, weights=weight), np.average((case - share) ** 2, weights=weight)))
        assert found["cox", "auroc", year] == pytest.approx(right / total, abs=1e-6)
        assert found["cox", "brier", year] == pytest.approx(scores[-1][0], abs=1e-6)
        assert found["cox", "brier_average", year] == pytest.approx(scores[-1][1], abs=1e-6)
    both = ("integrated_brier", "integrated_brier_average")
    for metric, (one, two, three) in zip(both, np.transpose(scores), strict=True):
        assert found["cox", metric, 3.0] == pytest.approx((one + two + three / 2) / 3, abs=1e-6)


def test_intervals_hold_the_value_and_a_sensible_model_beats_the_average(made):
    found = judged(made)
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert found.loc[("cox", "auroc", 3.0), "low"] > 0.6


def test_a_model_without_a_course_is_ranked_and_has_no_score(made):
    found = judged(made, "logistic")
    assert set(found.loc["logistic"].index.get_level_values("metric")) == {"auroc"}
    assert {"auroc", "brier", "integrated_brier"} <= set(found.loc["cox"].index.get_level_values("metric"))


@pytest.mark.parametrize("case", ["three events", "all lost at once"])
def test_what_cannot_be_measured_is_missing(made, case):
    status, time = made["outcomes"]["status"].to_numpy().copy(), made["outcomes"]["time_d"].to_numpy().copy()
    if case == "three events":
        status[np.flatnonzero(status == "event")[3:]] = "competing"
    else:
        status[:], time[:] = "censored", 100.0
    outcomes = made["outcomes"].assign(status=status, time_d=time)
    found = judged({**made, "outcomes": outcomes})
    assert found[["value", "low", "high"]].isna().to_numpy().all()
