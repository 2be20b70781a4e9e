"""What an intervention would do to a person's risk, by hand; and a winner is right as often as claimed."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from pipeline.features import Simulator, define
from pipeline.fitting import Fitted, personalise
from pipeline.fitting.people import _normal_points
from pipeline.runs import RunError
from pipeline.strata import Effect, changes_until, evidence_on, find_benefit
from pipeline.strata.benefit import FIGURES, _trial_effects
from pipeline.twins import NO_CHANGE, Scenario, build_twins
from tests.strata.virtual import virtual_cohort

SURELY = {"sbp_mmhg": Effect("event", "sbp_mmhg", -10.0, "mmHg", 0.5, 0.4999999, 0.5000001, 20.0, "", "")}
PRESSURE = evidence_on("cardiovascular_event")
NEARLY_NEVER = 1e-3


def one_risk(risk, changes, effects=SURELY, samples=64, **options):
    """Benefit for people of known risk and change, which are floats a person."""
    risk = np.repeat(np.array(risk, dtype=float)[:, None], samples, axis=1)
    given = {s: {o: np.repeat(np.array(v, dtype=float)[:, None], samples, axis=1) for o, v in by.items()}
             for s, by in changes.items()}  # fmt: skip
    persons = [f"p{i}" for i in range(len(risk))]
    return find_benefit(persons, risk, np.arange(samples), given, effects, seed=3, **options)


def rows(benefit, scenario):
    return benefit.table[benefit.table["scenario"] == scenario].reset_index(drop=True)


def test_figures_by_hand():
    """10 mmHg less halve the hazard: of 0.19 are left 1 - 0.9 = 0.1, so 9 in 100 are spared, one of 11.1 treated."""
    found = one_risk([0.19], {"drug": {"sbp_mmhg": [-10.0]}})
    row = rows(found, "drug").loc[0]
    assert row["arr"] == pytest.approx(0.09, abs=1e-6)
    assert row["nnt"] == pytest.approx(1 / 0.09, rel=1e-5)
    assert row["nnt_low"] <= row["nnt"] <= row["nnt_high"]
    assert rows(found, "best").loc[0, "choice"] == "drug"
    pd.testing.assert_series_equal(
        rows(found, "best").loc[0, list(FIGURES)], row[list(FIGURES)], check_names=False, check_dtype=False
    )


def test_the_interval_is_that_of_the_trials_where_all_else_is_known():
    row = rows(one_risk([0.19], {"drug": {"sbp_mmhg": [-10.0]}}, PRESSURE, samples=4000), "drug").loc[0]
    low, high = (0.81**rr - 0.81 for rr in (0.83, 0.77))
    assert [row["low"], row["high"]] == pytest.approx([low, high], rel=0.02)


def test_a_change_beyond_the_trials_is_cut_and_counted():
    found = one_risk([0.19, 0.19, 0.19], {"drug": {"sbp_mmhg": [-20.0, -35.0, 35.0]}})
    table = rows(found, "drug")
    assert table["arr"][0] == table["arr"][1] == pytest.approx(0.81**0.25 - 0.81, abs=1e-6)
    assert table["arr"][2] == pytest.approx(0.81**4 - 0.81, abs=1e-6)
    assert table["cut"].tolist() == [0.0, 1.0, 1.0]
    assert found.beyond == {"drug": 2}


def test_what_harms_or_may_do_nothing_has_no_number_needed():
    found = one_risk([0.2, 0.2, 0.2], {"drug": {"sbp_mmhg": [5.0, 0.0, -5.0]}})
    table = rows(found, "drug")
    assert table.loc[0, "arr"] < 0
    assert table["nnt_high"].tolist()[:2] == [np.inf, np.inf]
    assert np.isfinite(table.loc[2, "nnt_high"])
    assert rows(found, "best")["choice"].tolist() == ["no clear winner", "no clear winner", "drug"]
    assert rows(found, "best")["arr"].isna().tolist() == [True, True, False]


def test_at_least_so_many_must_be_treated_where_the_effect_may_be_none():
    draw = np.random.default_rng(0).normal(-5.0, 5.0, size=(1, 4000))
    found = find_benefit(["a"], np.full((1, 4000), 0.2), np.arange(4000), {"d": {"sbp_mmhg": draw}}, SURELY, seed=1)
    row = rows(found, "d").loc[0]
    assert row["low"] < 0 < row["high"]
    assert row["nnt_high"] == np.inf
    assert row["nnt_low"] == pytest.approx(1 / row["high"])
    assert row["probability"] == pytest.approx(0.84, abs=0.02)
    assert rows(found, "best").loc[0, "choice"] == "no clear winner", "likely better, but the interval holds 0"


def test_mediators_without_evidence_count_for_nothing():
    with_weight = one_risk([0.2], {"diet": {"sbp_mmhg": [-5.0], "weight_kg": [-8.0]}, "pill": {"weight_kg": [-8.0]}})
    alone = one_risk([0.2], {"diet": {"sbp_mmhg": [-5.0]}})
    assert rows(with_weight, "diet").loc[0, "arr"] == rows(alone, "diet").loc[0, "arr"]
    assert rows(with_weight, "pill").empty, "no trial evidence is not no effect"
    nothing = one_risk([0.2, 0.3], {"pill": {"weight_kg": [-8.0, -8.0]}})
    assert rows(nothing, "best")["choice"].tolist() == ["no trial evidence"] * 2
    assert nothing.groups.set_index("choice")["people"].to_dict()["no trial evidence"] == 2


def test_effects_of_mediators_multiply():
    both = SURELY | {"weight_kg": Effect("event", "weight_kg", -5.0, "kg", 0.5, 0.4999999, 0.5000001, 10.0, "", "")}
    row = rows(one_risk([0.19], {"diet": {"sbp_mmhg": [-10.0], "weight_kg": [-5.0]}}, both), "diet").loc[0]
    assert row["arr"] == pytest.approx(0.81**0.25 - 0.81, abs=1e-6)


def test_a_chance_is_never_more_than_the_draws_can_tell():
    """Better in 64 of 64 draws: 65 / 66; in 8 draws that stand for 64 samples: 9 / 10."""
    assert rows(one_risk([0.2], {"d": {"sbp_mmhg": [-5.0]}}), "d").loc[0, "probability"] == pytest.approx(65 / 66)
    few = find_benefit(
        ["a"], np.full((1, 64), 0.2), np.arange(64) % 8, {"d": {"sbp_mmhg": np.full((1, 8), -5.0)}}, SURELY, seed=3
    )
    assert rows(few, "d").loc[0, "probability"] == pytest.approx(9 / 10)


def test_who_is_not_known_has_no_winner_and_is_counted():
    changes = {"one": {"sbp_mmhg": [-5.0, -5.0, np.nan]}, "two": {"sbp_mmhg": [-9.0, -9.0, -9.0]}}
    found = one_risk([0.2, np.nan, 0.2], changes)
    assert rows(found, "best")["choice"].tolist() == ["two", "not known", "not known"]
    assert rows(found, "one")["arr"].isna().tolist() == [False, True, True]
    groups = found.groups.set_index("choice")
    assert groups["people"].to_dict() == {
        "one": 0, "two": 1, "no clear winner": 0, "not known": 2, "no trial evidence": 0
    }  # fmt: skip
    assert groups.loc["two", "arr"] == pytest.approx(rows(found, "two").loc[0, "arr"])


def test_bands_tell_each_scenario_of_whom_it_is_known():
    """In band 2: one person with 0.19, of which 0.09 are spared, one with 0.36 (0.16), one who is not known."""
    changes = {"drug": {"sbp_mmhg": [-10.0, -10.0, -10.0, np.nan]}, "diet": {"sbp_mmhg": [-2.0, -2.0, -2.0, -2.0]}}
    found = one_risk([0.05, 0.19, 0.36, 0.40], changes, band=np.array([1, 2, 2, 2]))
    bands = found.bands.set_index(["band", "scenario"])
    assert bands["people"].to_dict() == {(1, "drug"): 1, (1, "diet"): 1, (2, "drug"): 2, (2, "diet"): 3}
    assert bands["best"].to_dict() == {(1, "drug"): 1, (1, "diet"): 0, (2, "drug"): 2, (2, "diet"): 0}
    assert bands.loc[(2, "drug"), "risk"] == pytest.approx(0.275)
    assert bands.loc[(2, "drug"), ["low", "arr", "high"]].tolist() == pytest.approx([0.125] * 3, abs=1e-6)
    assert len(one_risk([0.05, 0.5], {"pill": {"weight_kg": [-8.0, -8.0]}}).bands) == 0, "no trial evidence"


def test_what_is_unknown_of_trials_does_not_average_out_over_people():
    many = one_risk([0.19] * 500, {"drug": {"sbp_mmhg": [-10.0] * 500}}, PRESSURE, samples=512)
    group, person = many.groups.iloc[0], rows(many, "drug").loc[0]
    assert [group["low"], group["high"]] == pytest.approx([person["low"], person["high"]])


def test_trial_effects_are_spread_evenly_and_do_not_follow_the_draws_of_people():
    """Draws of people are quasi-random points in order; effects in a like order would be tied to them."""
    effect = PRESSURE["sbp_mmhg"]
    slopes = _trial_effects(PRESSURE, 256, seed=5)["sbp_mmhg"]
    assert slopes.mean() == pytest.approx(effect.log_per_unit, rel=1e-3)
    assert slopes.std() == pytest.approx(effect.log_error, rel=0.01)
    points = np.tile(_normal_points(10, 32, seed=1), (8, 1))
    correlation = np.corrcoef(slopes, points.T)[0, 1:]
    assert np.abs(correlation).max() < 0.25
    np.testing.assert_array_equal(slopes, _trial_effects(PRESSURE, 256, seed=5)["sbp_mmhg"])
    assert not np.array_equal(slopes, _trial_effects(PRESSURE, 256, seed=6)["sbp_mmhg"])


def test_what_is_unknown_of_the_person_is_told_apart_from_trials_and_model():
    draw = np.random.default_rng(4)
    samples, people = 4096, 3
    wide = draw.normal(-8.0, 1.0, (people, samples)) * np.array([1.0, 0.0, 1.0])[:, None]
    wide[1] = -8.0
    risk = np.full((people, samples), 0.2)
    risk[2] = np.repeat(draw.uniform(0.1, 0.3, samples // 8), 8)       # refits of a model that differ
    table = find_benefit(["a", "b", "c"], risk, np.arange(samples), {"d": {"sbp_mmhg": wide}}, PRESSURE, seed=1).table
    rows = table[table["scenario"] == "d"].set_index("person_id")
    assert rows.loc["b", "person_sd"] < 1e-12
    assert rows.loc["b", "model_sd"] > 1e-4, "trials alone"
    assert rows.loc["a", "model_sd"] == pytest.approx(rows.loc["b", "model_sd"], rel=0.1)
    exact = (0.8 ** np.exp(PRESSURE["sbp_mmhg"].log_per_unit * wide[0])).std()
    assert rows.loc["a", "person_sd"] == pytest.approx(exact, rel=0.03)
    assert rows.loc["c", "model_sd"] > 3 * rows.loc["a", "model_sd"]


def test_changes_are_means_over_the_years_up_to_the_horizon():
    """-4 after one year and -8 after five: (0 - 4) / 2 for a year, then (-4 - 8) / 2 for four, over five years."""
    names = [f"drug_{year}y_change_sbp_mmhg" for year in (1, 5, 10)] + ["diet_5y_change_weight_kg", "now_sbp_mmhg"]
    draws = np.array([-4.0, -8.0, -8.0, -3.0, 140.0])[None, None].repeat(2, axis=1)
    names.append("diet_1y_change_weight_kg")
    draws = np.concatenate([draws, np.full((1, 2, 1), -3.0)], axis=2)
    five = changes_until(draws, names, [1, 5, 10], 5.0)
    assert five["drug"]["sbp_mmhg"] == pytest.approx(np.full((1, 2), (-2 - 24) / 5))
    assert five["diet"]["weight_kg"] == pytest.approx(np.full((1, 2), (-1.5 - 12) / 5))
    assert set(five) == {"drug", "diet"}
    drug = [name for name in names if name.startswith("drug")]
    ten = changes_until(draws[:, :, :3], drug, [10, 1, 5], None)
    assert ten["drug"]["sbp_mmhg"] == pytest.approx(np.full((1, 2), (-2 - 24 - 40) / 10))
    with pytest.raises(RunError, match="none lies within the horizon"):
        changes_until(draws, names, [1, 5], 0.5)


def right_as_claimed(chance, right, ends=(0.8, 0.9, 0.97, 1.0)):
    """Whether winners are right as often as claimed, in bins of the claim, within what chance allows."""
    for low, high in pairwise(ends):
        some = (chance >= low) & (chance < high)
        number, hits, claimed = int(some.sum()), int(right[some].sum()), chance[some].mean()
        assert number >= 50, f"too few claims of {low} to {high}: {number}"
        told = f"of {number} winners claimed with {claimed:.3f}, {hits} are right"
        assert binom.cdf(hits, number, claimed) > NEARLY_NEVER / 2, told
        assert binom.sf(hits - 1, number, claimed) > NEARLY_NEVER / 2, told


@pytest.fixture(scope="module")
def worlds():
    """4,000 people, each in a world of its own: true risk, changes and trial effects, and what is known of them."""
    draw, people, samples = np.random.default_rng(7), 4000, 256
    effects = PRESSURE | {"weight_kg": Effect("cardiovascular_event", "weight_kg", -5.0, "kg", 0.9, 0.8, 1.0125, 10.0,
                                              "made up", "made up")}  # fmt: skip
    known = {"risk": (-2.0, 0.8, 0.4), "drug": (-8.0, 3.0, 3.0), "diet": (-3.0, 2.0, 2.0), "kg": (-4.0, 3.0, 2.0)}
    true, says = {}, {}
    for name, (mean, spread, error) in known.items():
        true[name] = draw.normal(mean, spread, people)
        seen = true[name] + draw.normal(0.0, error, people)
        precision = 1 / spread**2 + 1 / error**2
        middle = (mean / spread**2 + seen / error**2) / precision
        says[name] = middle[:, None] + draw.normal(size=(people, samples)) / precision**0.5
    risk = 1 / (1 + np.exp(-says["risk"]))
    changes = {"drug": {"sbp_mmhg": says["drug"]}, "diet": {"sbp_mmhg": says["diet"], "weight_kg": says["kg"]}}
    found = find_benefit([f"p{i}" for i in range(people)], risk, np.arange(samples), changes, effects, seed=1)
    slope = {name: draw.normal(e.log_per_unit, e.log_error, people) for name, e in effects.items()}
    limit = {name: effect.most for name, effect in effects.items()}
    ratio = {
        "drug": slope["sbp_mmhg"] * np.clip(true["drug"], -limit["sbp_mmhg"], limit["sbp_mmhg"]),
        "diet": slope["sbp_mmhg"] * np.clip(true["diet"], -limit["sbp_mmhg"], limit["sbp_mmhg"])
        + slope["weight_kg"] * np.clip(true["kg"], -limit["weight_kg"], limit["weight_kg"]),
    }
    left = 1 - 1 / (1 + np.exp(-true["risk"]))
    return found, {name: left ** np.exp(r) - left for name, r in ratio.items()}


def winners(found, truth):
    """Of those with a winner: the claimed chance, and whether it is truly the best."""
    best = rows(found, "best")
    declared = best["choice"].isin(list(truth)).to_numpy()
    truly = np.array(list(truth))[np.argmax(list(truth.values()), axis=0)]
    return best["probability"][declared].to_numpy(), (best["choice"] == truly)[declared].to_numpy()


def test_a_winner_is_right_as_often_as_claimed(worlds):
    chance, right = winners(*worlds)
    assert 0.3 < len(chance) / 4000 < 0.9, "some have a winner and some have not"
    right_as_claimed(chance, right)


def test_claims_that_are_too_bold_would_be_found(worlds):
    chance, right = winners(*worlds)
    wrong = np.random.default_rng(0).random(len(right)) < 0.05
    with pytest.raises(AssertionError, match="winners claimed with"):
        right_as_claimed(chance, right & ~wrong)


def test_intervals_of_the_reduction_hold_the_truth(worlds):
    found, truth = worlds
    for name, true in truth.items():
        table = rows(found, name)
        inside = int(((table["low"] <= true) & (true <= table["high"])).sum())
        assert binom.cdf(inside, 4000, 0.945) > NEARLY_NEVER, "256 samples give ends a little too near"
        assert binom.sf(inside - 1, 4000, 0.955) > NEARLY_NEVER


@pytest.mark.slow
def test_a_winner_is_right_through_measurement_fit_and_twin():
    """True people and true parameters of the mechanism under the twin, against their measured and fitted selves."""
    people, draws, years = 500, 64, (1, 5)
    cohort = virtual_cohort(people, 5)
    names, scenarios = ["body_composition", "blood_pressure"], {
        "no_change": NO_CHANGE,
        "drug": Scenario(title="Drug", segments=({"inputs": {"pressure_drugs": 1}},)),
        "diet": Scenario(title="Diet", segments=({"inputs": {"weight_target_factor": 0.9, "weight_target_days": 180}},
                                                 {"start_d": 180, "inputs": {"weight_target_factor": 0.9}})),
    }  # fmt: skip
    twins, features = build_twins(names), define(names, scenarios, years)
    simulator = Simulator(twins, scenarios, features, years=max(years), max_error=2e-2)
    fitted = personalise(cohort.people, cohort.observations, names, draws, seed=1)
    columns = [feature.name for feature in features]

    def changes(fitted: Fitted):
        return changes_until(simulator(fitted, chunk=8192, progress=False).draws, columns, years, 5.0)

    draw = np.random.default_rng(3)
    risk = np.full((people, draws), 0.2)
    found = find_benefit(cohort.people["person_id"], risk, np.arange(draws), changes(fitted), PRESSURE, seed=2)
    # Each person's world is one draw of the mechanism, which the samples know only the spread of.
    parameters = personalise(cohort.people.iloc[:2], cohort.observations, names, draws, seed=99).parameters
    exact = {name: np.repeat(values[:, None], draws, axis=1) for name, values in cohort.truth.items()}
    exact |= {name: np.full((people, draws), np.nan) for name in fitted.people if name not in exact}
    world = draw.integers(0, draws, people)
    truly = changes(fitted._replace(people=exact, parameters=parameters))
    slope = draw.normal(PRESSURE["sbp_mmhg"].log_per_unit, PRESSURE["sbp_mmhg"].log_error, people)
    truth = {
        name: 0.8 ** np.exp(slope * np.clip(by["sbp_mmhg"][np.arange(people), world], -20, 20)) - 0.8
        for name, by in truly.items()
    }
    chance, right = winners(found, truth)
    right_as_claimed(chance, right, ends=(0.8, 0.9, 1.0))
