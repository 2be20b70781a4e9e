"""Reasons: the true ones are found, none is ranked in noise, and they are of the very risks that are reported."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from pipeline.explain import attributions, explain, group_columns, overall, surviving_ranks, tells
from pipeline.models import MODELS, FeatureSet, Matrix, TwinDraws, sample_risks
from pipeline.schema import validate

SETTINGS = {"folds": 3, "refits": 12, "seed": 5, "train_draws": 2, "jobs": 1}
DRAWS = 6
CAUSES = {"v0": 2.4, "v1": -2.0, "v2": 1.7, "v3": 1.4, "v4": -1.1, "twin_a": 0.9, "twin_b": 0.7}
NOISE = [f"n{i}" for i in range(5)]


def cohort(people: int, seed: int, strength: float = 1.0) -> tuple[Matrix, TwinDraws, pd.DataFrame]:
    """Seven causes that somebody has or has not, five things that say nothing; two of the causes are seen by a twin.

    Gives the true contributions too: what a cause adds to the log odds, less what it adds on average.
    """
    draw = np.random.default_rng(seed)
    names = [*CAUSES, *NOISE]
    has = pd.DataFrame(
        (draw.random((people, len(names))) < 0.35).astype(float),
        index=pd.Index([f"p{i:05d}" for i in range(people)], name="person_id"),
        columns=names,
    )
    effect = pd.Series(CAUSES).reindex(names, fill_value=0.0) * strength
    truth = (has - has.mean()) * effect
    chance = 1 / (1 + np.exp(-(truth.sum(axis=1) - 0.5)))
    event = (draw.random(people) < chance).to_numpy(dtype=np.int64)
    twins = ("twin_a", "twin_b")
    block = has[list(twins)].to_numpy()[:, None] + draw.normal(0, 0.1, (people, DRAWS, 2))
    sets = {"both": FeatureSet(tuple(names), {}, twins)}
    groups = np.array([f"g{i // 2}" for i in range(people)], dtype=object)
    truth = truth.assign(twin_organ=truth["twin_a"] + truth["twin_b"]).drop(columns=list(twins))
    return Matrix(has, event, groups, sets, ()), TwinDraws(block), truth


def explained(matrix, draws, model="logistic", **changes):
    groups = group_columns(matrix.sets["both"], dict.fromkeys(("twin_a", "twin_b"), "organ"))
    return explain(matrix, draws, MODELS[model], "both", groups, {}, **(SETTINGS | changes))


@pytest.fixture(scope="module")
def known():
    matrix, draws, truth = cohort(5000, seed=1)
    return matrix, draws, truth, explained(matrix, draws)


def recovered(table: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Share of people whose three largest contributions are of the three largest true causes, in any order."""
    wide = table.pivot(index="person_id", columns="group", values="contribution").loc[truth.index, truth.columns]
    found, wanted = (np.sort(np.argsort(-np.abs(t.to_numpy()), axis=1)[:, :3], axis=1) for t in (wide, truth))
    return float((found == wanted).all(axis=1).mean())


def test_the_three_true_drivers_are_recovered_for_nine_of_ten_patients(known):
    matrix, _, truth, samples = known
    table = attributions(samples, tells(samples, matrix.event, matrix.weight))
    assert recovered(table, truth) >= 0.9
    first = table[table["rank"] == 1].set_index("person_id")["group"]
    assert len(first) > 0.5 * len(truth)
    assert (first == truth.abs().idxmax(axis=1).loc[first.index]).mean() > 0.95, "a rank that is told is the true one"


@pytest.mark.slow
def test_the_first_reason_by_boosted_trees_is_the_true_one_where_it_is_told():
    matrix, draws, truth = cohort(1500, seed=1)
    table = attributions(explained(matrix, draws, "boosting", refits=4), True)
    first = table[table["rank"] == 1].set_index("person_id")["group"]
    assert len(first) > 0.3 * len(truth)
    assert (first == truth.abs().idxmax(axis=1).loc[first.index]).mean() > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_pure_noise_is_not_ranked(seed):
    matrix, draws, _ = cohort(600, seed, strength=0.0)
    samples = explained(matrix, draws, refits=8)
    ranked = tells(samples, matrix.event, matrix.weight)
    assert not ranked
    assert attributions(samples, ranked)["rank"].isna().all()
    assert overall(samples, ranked)["rank"].isna().all()


def test_contributions_add_up_to_the_risks_that_are_reported():
    matrix, draws, _ = cohort(600, seed=3)
    samples = explained(matrix, draws)
    table = validate(attributions(samples, True), "attributions", "table")
    sums = table.groupby("person_id").agg({"contribution": "sum", "base": "first", "log_odds": "first"})
    np.testing.assert_allclose(sums["contribution"] + sums["base"], sums["log_odds"], atol=1e-6)
    risk = sample_risks(matrix, draws, MODELS["logistic"], "both", **SETTINGS).risk
    np.testing.assert_allclose(sums["log_odds"], logit(risk).mean(axis=(1, 2)), atol=1e-9)


def test_the_table_of_all_is_the_mean_over_people_and_its_order_survives(known):
    _, _, truth, samples = known
    table = validate(overall(samples, True), "global", "table").set_index("group")
    assert table["rank"].dropna().tolist() == list(range(1, table["rank"].notna().sum() + 1))
    assert table.index[:3].tolist() == truth.abs().mean().sort_values(ascending=False).index[:3].tolist()
    assert (table["low"] <= table["mean_absolute"]).all()
    assert table.loc["twin_organ", "kind"] == "twin"


def test_who_has_failed_twins_has_no_reasons():
    matrix, draws, _ = cohort(200, seed=2)
    draws.features[7] = np.nan
    table = attributions(explained(matrix, draws, refits=3), True).set_index("person_id")
    assert table.loc["p00007", ["contribution", "low", "high", "rank"]].isna().all(axis=None)
    assert table.drop(index="p00007")["contribution"].notna().all()


def test_a_rank_is_lost_where_refits_swap_it_or_turn_its_sign():
    refits = np.repeat([[3.0, -2.0, 1.0]], 10, axis=0)
    assert surviving_ranks(refits).tolist() == [1.0, 2.0, 3.0]
    swapped = refits.copy()
    swapped[:2] = [2.0, -3.0, 1.0]
    assert np.isnan(surviving_ranks(swapped)).all(), "what comes after an unranked one has no rank either"
    once = refits.copy()
    once[0, 1] = 2.0
    assert surviving_ranks(once).tolist() == [1.0, 2.0, 3.0]
    turned = refits.copy()
    turned[:2, 1] = 2.0
    assert surviving_ranks(turned)[0] == 1.0
    assert np.isnan(surviving_ranks(turned)[1:]).all()
