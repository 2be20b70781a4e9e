"""Resampling of groups, and intervals that say what they cannot."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.evaluation import beside_simple, judge, resample
from pipeline.runs import RunError


def predictions(n: int = 400, repeats: int = 2, seed: int = 1) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    truth = draw.normal(-1, 1, n)
    event = (draw.random(n) < 1 / (1 + np.exp(-truth))).astype(int)
    tables = []
    for name, noise in (("routine", 1.0), ("both", 0.3)):
        for repeat in range(repeats):
            risk = 1 / (1 + np.exp(-(truth + draw.normal(0, noise, n))))
            ids = np.array([f"p{i:04d}" for i in range(n)])
            rows = {"person_id": ids, "model": "logistic", "feature_set": name, "repeat": repeat, "weight": 1.0}
            tables.append(
                pd.DataFrame({**rows, "event": event, "risk": risk}).sample(frac=1, random_state=seed)
            )
    return pd.concat(tables, ignore_index=True)


def alone(table: pd.DataFrame) -> pd.Series:
    persons = table["person_id"].unique()
    return pd.Series(persons, index=persons)


SETTINGS = {"threshold": 0.3, "resamples": 300, "seed": 4}


def test_groups_are_drawn_whole():
    groups = np.array(["a", "a", "b", "c", "c", "c"])
    drawn = resample(groups, draws=50, seed=1)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()
    np.testing.assert_array_equal(drawn, resample(groups, draws=50, seed=1))


def test_values_are_means_over_repeats_within_their_interval():
    table = predictions()
    judged = judge(table, alone(table), **SETTINGS)
    rows = judged.metrics.set_index(["feature_set", "metric"])
    areas = [
        roc_auc_score(r["event"], r["risk"])
        for _, r in table[table["feature_set"] == "both"].groupby("repeat")
    ]
    assert rows.loc[("both", "auroc"), "value"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert rows.loc[("both", "n"), "value"] == 400
    inner = rows.dropna()
    assert len(inner) == 2 * 8
    assert ((inner["low"] < inner["value"]) & (inner["value"] < inner["high"])).all()
    assert (judged.dropped, judged.reasons) == (0, [])


def test_interval_agrees_with_the_formula_for_a_proportion():
    """The Brier score of a constant risk of one half is a quarter; of risk 0 it is the share of events."""
    event = np.repeat([1, 0], [100, 300])
    ids = [f"p{i:04d}" for i in range(400)]
    rows = {"person_id": ids, "model": "m", "feature_set": "routine", "repeat": 0, "weight": 1.0}
    table = pd.DataFrame({**rows, "event": event, "risk": 0.0})
    judged = judge(table, alone(table), threshold=0.3, resamples=4000, seed=2).metrics.set_index("metric")
    half = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert judged.loc["brier", "low"] == pytest.approx(0.25 - half, abs=0.005)
    assert judged.loc["brier", "high"] == pytest.approx(0.25 + half, abs=0.005)


def test_paired_differences_are_narrower_than_unpaired_ones():
    table = predictions()
    judged = judge(table, alone(table), **SETTINGS)
    gap = judged.differences.set_index("metric").loc["auroc"]
    wide = judged.metrics.set_index(["metric", "feature_set"]).loc["auroc"]
    assert gap["difference"] == pytest.approx(wide.loc["both", "value"] - wide.loc["routine", "value"])
    assert gap["low"] > 0
    unpaired = np.hypot(*(wide["high"] - wide["low"]))
    assert gap["high"] - gap["low"] < 0.8 * unpaired


def test_people_kept_together_widen_the_interval():
    table = predictions(200, repeats=1)
    copies = pd.concat(
        [table.assign(person_id=table["person_id"] + f"-{k}") for k in range(4)], ignore_index=True
    )
    groups = (
        pd.Series(copies["person_id"].str[:5].to_numpy(), index=copies["person_id"]).groupby(level=0).first()
    )
    width = {}
    for name, keep in (("grouped", groups), ("alone", alone(copies))):
        row = judge(copies, keep, **SETTINGS).metrics.query("metric == 'auroc' and feature_set == 'both'")
        width[name] = (row["high"] - row["low"]).item()
    assert width["grouped"] == pytest.approx(2 * width["alone"], rel=0.3)


def test_resamples_without_events_are_left_out_and_counted():
    table = predictions(60, repeats=1)
    table["event"] = (table["person_id"] <= "p0005").astype(int)
    groups = alone(table)
    groups.loc[["p0001", "p0002"]], groups.loc[["p0004", "p0005"]] = "p0000", "p0003"
    judged = judge(table, groups, **SETTINGS)
    assert 10 < judged.dropped < 100  # (1 - 2/56)^56 = 13 % of 300
    assert "resamples had no event" in judged.reasons[0]
    assert judged.metrics.query("metric == 'auroc'")["low"].notna().all()


def test_one_outcome_for_all_is_a_reason_not_a_crash():
    table = predictions(30, repeats=1).assign(event=0)
    judged = judge(table, alone(table), **SETTINGS)
    assert judged.dropped == 300
    assert "the same outcome" in judged.reasons[0]
    assert (
        judged.metrics.query("metric not in ['n', 'events']")[["value", "low", "high"]]
        .isna()
        .to_numpy()
        .all()
    )


def test_a_missing_person_is_said_in_words():
    table = predictions(30)
    with pytest.raises(RunError, match="lacks people"):
        judge(table.iloc[1:], alone(table), **SETTINGS)
    with pytest.raises(RunError, match=r"1 people .* not in people.parquet"):
        judge(table, alone(table).iloc[1:], **SETTINGS)


def test_every_model_is_set_beside_logistic_regression_on_routine_data():
    table = predictions()
    other = table.assign(model="forest", risk=table["risk"] ** 2)
    judged = judge(pd.concat([table, other]), alone(table), **SETTINGS)
    found = judged.differences.query("reference == 'logistic' and metric == 'auroc'").set_index("feature_set")
    assert list(found["model"]) == ["forest", "forest"]
    assert found.loc["routine", "difference"] == pytest.approx(0, abs=1e-12)       # the square keeps the order
    own = judged.differences.query("reference == 'routine' and metric == 'auroc' and model == 'logistic'")
    assert found.loc["both", "difference"] == pytest.approx(own["difference"].item(), abs=1e-12)


def test_a_study_in_one_line_has_the_figures_of_its_tables():
    table = predictions()
    judged = judge(table, alone(table), **SETTINGS)
    line = beside_simple(judged.metrics, judged.differences, "logistic", "both")
    gap = judged.differences.query("metric == 'auroc'").iloc[0]
    assert (line["difference"], line["difference_low"], line["difference_high"]) == tuple(gap[-3:])
    assert (line["people"], line["events"]) == (400, table.drop_duplicates("person_id")["event"].sum())
    assert line["auroc_low"] < line["auroc"] < line["auroc_high"]
    assert np.isnan(beside_simple(judged.metrics, judged.differences, "logistic", "routine")["difference"])
