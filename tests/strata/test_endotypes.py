"""Groups by mechanism: planted ones are found, none where there are none, and none that do not stay."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.fitting import personalise
from pipeline.strata import endotypes, find_endotypes
from tests.strata.virtual import NAMES, one_cloud, planted, virtual_cohort

PEOPLE, RESAMPLES = 400, 8
MECHANISMS = ["body_fat_percent", "pdff_percent", "sbp_mmhg"]
THREE = planted(*({name: 2.5 if name == high else 0.0 for name in MECHANISMS} for high in MECHANISMS))
SEVERITY = planted({"sbp_mmhg": -1.5, "pdff_percent": -1.5}, {"sbp_mmhg": 1.5, "pdff_percent": 1.5})


def skewed(draw, size):
    z, group = one_cloud(draw, size)
    return (np.exp(0.6 * z) - np.exp(0.18)) / np.std(np.exp(0.6 * z)), group


def correlated(draw, size):
    z, group = one_cloud(draw, size)
    return 0.5 * z + 0.85 * z[:, :1], group


def tables(z, seed):
    """Arguments of `find_endotypes` for people with these true spreads, each known with an error of 0.4."""
    draw = np.random.default_rng(seed)
    ids = pd.Index([f"p{i}" for i in range(len(z))])
    kept = ["bmi_kg_m2", *MECHANISMS]
    true = pd.DataFrame(z, index=ids, columns=NAMES)[kept]
    profile = (true + 0.4 * draw.normal(size=true.shape)) / 1.16
    people = pd.DataFrame({"group_id": ids, "age_years": draw.uniform(30, 75, len(z)), "sex": "male"}, index=ids)
    people.loc[people.index[::2], "sex"] = "female"
    risk = risks(true, people)
    outcomes = pd.DataFrame({"event": (draw.random(len(z)) < risk).astype(int), "weight": 1.0}, index=ids)
    return profile, profile * 0 + 0.37, risk, people, outcomes, true[["bmi_kg_m2"]].rename(columns=lambda n: f"r {n}")


def risks(z, people):
    return 1 / (1 + np.exp(2 - 0.05 * (people["age_years"] - 50) - 0.5 * z[MECHANISMS].sum(axis=1)))


def found(plant, seed, change=lambda given: None, people=PEOPLE, resamples=RESAMPLES):
    z, group = plant(np.random.default_rng(seed), people)
    given = tables(z, seed)
    change(given)
    return find_endotypes(*given, resamples=resamples, seed=seed), group, given


@pytest.fixture(scope="module")
def three():
    return found(THREE, 0)


def test_planted_groups_are_found_and_stay(three):
    groups, truth, given = three
    assert groups.verdict == "stable"
    assert groups.number == 3
    assert adjusted_rand_score(truth, groups.label) > 0.8
    assert 0.8 <= groups.agreement[0] <= groups.agreement[2] <= 1.0
    assert ["much more" in name or "much higher" in name for name in groups.names] == [True] * 3
    sizes = groups.table.groupby("group")["people"].first()
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert sizes.tolist() == np.bincount(groups.label).tolist()
    assert set(groups.table["kind"]) == {"at equal risk", "profile", "response", "outcome"}
    outcome = groups.table[groups.table["kind"] == "outcome"].set_index("group")
    shares = given[4]["event"].groupby(groups.label).mean()
    np.testing.assert_allclose(outcome["mean"], shares)
    assert ((groups.table["low"] <= groups.table["mean"]) & (groups.table["mean"] <= groups.table["high"])).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cloud", [one_cloud, skewed, correlated])
def test_where_there_are_no_groups_none_are_found(cloud, seed):
    groups, *_ = found(cloud, seed)
    assert groups.verdict == "no groups"
    assert (groups.label == -1).all()
    assert groups.table.empty
    assert groups.facts()["adjusted_rand_index"] is None


def test_equal_mechanism_and_unlike_severity_is_one_group():
    groups, *_ = found(SEVERITY, 1)
    assert groups.verdict == "no groups"
    same = lambda given: given[2].update(pd.Series(0.1, index=given[2].index))  # noqa: E731
    blind, *_ = found(SEVERITY, 1, same, resamples=1)
    assert blind.number == 2, "they are two where the risk tells nothing of severity"


def test_groups_that_do_not_stay_are_not_shown(monkeypatch):
    monkeypatch.setattr(endotypes, "STABLE", 1.01)
    groups, *_ = found(THREE, 0, resamples=2)
    assert groups.verdict == "unstable: do not use"
    assert groups.number == 3
    assert (groups.label == -1).all()
    assert np.isnan(groups.probability).all()
    assert groups.names == []
    assert groups.table.empty
    assert groups.facts()["adjusted_rand_index"]["median"] > 0.8


def test_failed_fits_and_unknown_risks_are_in_no_group():
    def fail(given):
        given[0].iloc[3], given[1].iloc[3] = np.nan, np.nan      # a failed fit
        given[1].iloc[5, 0] = 1.0                                # not measured
        given[2].iloc[7] = np.nan

    groups, *_ = found(THREE, 0, fail, resamples=2)
    assert np.flatnonzero(groups.label == -1).tolist() == [3, 5, 7]
    assert np.flatnonzero(np.isnan(groups.probability)).tolist() == [3, 5, 7]
    assert groups.placed == PEOPLE - 3


def test_too_few_people_or_measurements_are_told():
    few, *_ = found(THREE, 0, people=49)
    assert few.reason == "49 people are too few to look for groups: 50 are needed"
    unmeasured, *_ = found(THREE, 0, lambda given: given[1].__setitem__(slice(None), 1.0))
    assert unmeasured.reason == "too little was measured of enough people"
    assert unmeasured.facts()["left_out"] == dict.fromkeys(["bmi_kg_m2", *MECHANISMS], 0.0)


def test_people_lost_to_follow_up_count_with_their_weight():
    """In the first group one of two known people, of weights 3 and 1, has the outcome; the second is not known."""
    outcomes = pd.DataFrame({"event": [1, 0, 0, 0], "weight": [3.0, 1.0, 0.0, 0.0]})
    table = endotypes._describe(np.array([0, 0, 0, 1]), ["a", "b"], {}, outcomes)
    assert table["people"].tolist() == [3, 1]
    assert table["mean"].tolist() == pytest.approx([0.75, np.nan], nan_ok=True)
    assert table["low"][0] < 0.75 < table["high"][0]
    assert table[["low", "high"]].loc[1].isna().all()


def test_same_seed_same_groups(three):
    first, second = three[0], found(THREE, 0)[0]
    np.testing.assert_array_equal(first.label, second.label)
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.agreement == second.agreement


def of_virtual_people(plant, seed):
    """Groups in a virtual cohort that was measured and personalised as a real one is."""
    cohort = virtual_cohort(800, seed, plant)
    twins = ["body_composition", "liver_fat", "blood_pressure"]
    fitted = personalise(cohort.people, cohort.observations, twins, 32, seed=1)
    profile, sd = (table.drop(columns="height_cm") for table in fitted.from_usual())
    people = cohort.people.set_index("person_id")
    risk = risks(cohort.z, people)
    outcomes = pd.DataFrame({"event": 0, "weight": 1.0}, index=people.index)
    given = (profile, sd, risk, people, outcomes, profile[[]])
    return find_endotypes(*given, resamples=20, seed=1), cohort.group


@pytest.mark.slow
def test_planted_groups_are_found_through_measurement_and_fit():
    groups, truth = of_virtual_people(THREE, 3)
    assert groups.verdict == "stable", groups.reason
    placed = groups.label >= 0
    assert placed.mean() > 0.95
    assert adjusted_rand_score(truth[placed], groups.label[placed]) > 0.8
    assert groups.facts()["left_out"].keys() == {"activity_level", "alcohol_g_d", "cigarettes_if_smoker"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cloud", [one_cloud, correlated])
def test_no_groups_are_found_through_measurement_and_fit(cloud, seed):
    groups, _ = of_virtual_people(cloud, seed)
    assert groups.verdict == "no groups", groups.reason
