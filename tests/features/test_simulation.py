"""A dozen people simulated: features, bands, and who is solved again."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.features import Simulator, define
from pipeline.fitting import Fitted, Unknowns, personalise
from pipeline.solving import Status
from pipeline.twins import NO_CHANGE, Scenario, build_twins, read_scenarios
from tests.fitting.people import readings, someone

STUDIED = ("body_composition", "liver_fat", "blood_pressure")      # what the studies name
FOLDER = Path(__file__).parents[2] / "configs" / "scenarios"
SCENARIOS = read_scenarios(FOLDER, ("less_500_kcal", "one_pressure_drug"))
YEARS, DRAWS, NUMBER = (1, 2), 4, 12
NO_WEIGHT, NO_PRESSURE = 2, 5
FEATURES = define(STUDIED, SCENARIOS, YEARS)
COLUMNS = [f.name for f in FEATURES]


def simulate(fitted, scenarios=SCENARIOS, features=FEATURES, years=2, max_error=2e-2, chunk=60, names=STUDIED):
    twins = build_twins(names)
    simulator = Simulator(twins, scenarios, features, years=years, max_error=max_error)
    return simulator(fitted, chunk=chunk, progress=False)


@pytest.fixture(scope="module")
def fitted():
    """Everybody measured once; two have a hole where the twin needs a value, as from a source that no fit covers."""
    rng = np.random.default_rng(33)
    people = someone(NUMBER)
    people["person_id"] = [f"p{i}" for i in range(NUMBER)]
    people["age_years"], people["sex"] = rng.uniform(25, 75, NUMBER), rng.choice(["female", "male"], NUMBER)
    usual = {"height_cm": (170, 8), "weight_kg": (85, 15), "sbp_mmhg": (130, 15), "dbp_mmhg": (78, 8)}
    seen = [(p, name, rng.normal(*spread)) for name, spread in usual.items() for p in people["person_id"]]
    found = personalise(people, readings(*seen), STUDIED, DRAWS, seed=1)
    found.people["weight_kg"][NO_WEIGHT] = np.nan
    found.people["sbp_mmhg"][NO_PRESSURE] = np.nan
    return found


def take(fitted, rows):
    """The same fits for some of the people."""
    return Fitted(
        fitted.table,
        {n: v[rows] for n, v in fitted.people.items()},
        fitted.parameters,
        fitted.person_id[rows],
        fitted.settled[rows],
        Unknowns(*(part[rows] for part in fitted.unknowns)),
    )


@pytest.fixture(scope="module")
def simulated(fitted):
    return simulate(fitted)


@pytest.fixture(scope="module")
def solved_again(fitted):
    """Two ordinary people, the one without weight and the one without pressure, all by the reference solver."""
    rows = np.array([0, 1, NO_WEIGHT, NO_PRESSURE])
    features = define(STUDIED, SCENARIOS, (1,))
    return SimpleNamespace(
        rows=rows,
        features=features,
        result=simulate(take(fitted, rows), features=features, years=1, max_error=1e-12),
    )


def of_twin(*names):
    return np.array([f.twin in names and f.kind != "parameter" for f in FEATURES])


def test_one_row_a_draw_and_a_column_a_feature(simulated):
    assert simulated.draws.shape == (NUMBER, DRAWS, len(FEATURES))
    assert simulated.resolved == 0
    known = np.delete(simulated.draws, [NO_WEIGHT, NO_PRESSURE], axis=0)
    assert np.isfinite(known).all()


def test_who_lacks_a_value_is_nan_with_its_status_and_disturbs_nobody(simulated):
    body, pressure = of_twin("body_composition", "liver_fat"), of_twin("blood_pressure")
    assert np.isnan(simulated.draws[NO_WEIGHT][:, body]).all()
    assert np.isnan(simulated.draws[NO_WEIGHT][:, pressure]).all()  # pressure follows weight
    assert np.isnan(simulated.draws[NO_PRESSURE][:, pressure]).all()
    assert np.isfinite(simulated.draws[NO_PRESSURE][:, body]).all()
    for name, status in simulated.status.items():
        missing = [NO_WEIGHT, NO_PRESSURE] if name == "blood_pressure" else [NO_WEIGHT]
        assert (status[missing] == Status.MISSING_INPUT.words).all()
        assert (np.delete(status, missing) == Status.OK.words).all()
    assert "p2" not in set(simulated.bands["person_id"])
    assert "p5" in set(simulated.bands.query("output == 'weight_kg'")["person_id"])
    assert "p5" not in set(simulated.bands.query("output == 'sbp_mmhg'")["person_id"])


def test_at_the_visit_the_twin_says_what_was_fitted(simulated, fitted):
    for name in ("sbp_mmhg", "body_fat_percent"):
        now = simulated.draws[:, :, COLUMNS.index(f"now_{name}")]
        known = np.delete(np.arange(NUMBER), [NO_WEIGHT, NO_PRESSURE])
        np.testing.assert_allclose(now[known], fitted.people[name][known], rtol=1e-9)
    for name in ("activity_level", "carbohydrate_fraction"):
        np.testing.assert_array_equal(
            simulated.draws[:, :, COLUMNS.index(f"fit_{name}")], fitted.people[name]
        )


def test_response_is_intervention_minus_no_change(simulated):
    bands = simulated.bands.set_index(["person_id", "scenario", "output", "year"])["mean"]
    for i, f in enumerate(FEATURES):
        if f.kind != "response":
            continue
        for row, person in ((0, "p0"), (7, "p7")):
            course = bands[person, :, f.observable, f.year]
            expected = course[f.scenario] - course["no_change"]
            assert simulated.draws[row, :, i].mean() == pytest.approx(expected, rel=1e-9, abs=1e-9), f.name


def test_responses_point_where_medicine_says(simulated):
    def change(column):
        values = simulated.draws[:, :, COLUMNS.index(column)]
        return values[np.isfinite(values)]

    assert (change("less_500_kcal_1y_change_weight_kg") < 0).all()
    assert (change("less_500_kcal_2y_change_pdff_percent") < 0).all()
    assert (change("one_pressure_drug_1y_change_sbp_mmhg") < 0).all()
    assert (change("no_change_2y_sbp_mmhg") > change("now_sbp_mmhg")).all()


def test_bands_contain_their_means_over_every_year(simulated):
    bands = simulated.bands
    slack = 1e-9 * bands["mean"].abs()
    assert (bands["low"] <= bands["mean"] + slack).all()
    assert (bands["mean"] <= bands["high"] + slack).all()
    assert set(bands["year"]) == {0, 1, 2}
    assert set(bands["scenario"]) == set(SCENARIOS)
    assert not bands.duplicated(["person_id", "scenario", "output", "year"]).any()
    assert bands.notna().all(axis=None)


def test_flags_are_shares_of_draws(simulated):
    for words, share in simulated.flags.items():
        assert share.shape == (NUMBER,), words
        assert ((share >= 0) & (share <= 1)).all(), words


@pytest.mark.slow
def test_order_of_scenarios_and_size_of_chunks_do_not_matter(simulated, fitted):
    other = simulate(fitted, scenarios=dict(reversed(SCENARIOS.items())), chunk=10_000)
    np.testing.assert_allclose(other.draws, simulated.draws, rtol=1e-9, atol=1e-9)
    key = ["person_id", "scenario", "output", "year"]
    ours, theirs = (s.bands.sort_values(key).reset_index(drop=True) for s in (simulated, other))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9)


@pytest.mark.slow
def test_no_tolerance_for_error_means_the_reference_solver_and_the_same_numbers(simulated, solved_again):
    names = [f.name for f in solved_again.features]
    ours = simulated.draws[solved_again.rows][:, :, [COLUMNS.index(n) for n in names]]
    theirs = solved_again.result.draws
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    known = np.isfinite(theirs)
    assert np.max(np.abs(ours - theirs)[known] / np.maximum(np.abs(theirs[known]), 1.0)) < 1e-3
    assert (ours != theirs)[:2].any()
    for name, status in solved_again.result.status.items():
        assert status.tolist() == simulated.status[name][solved_again.rows].tolist()


@pytest.mark.slow
def test_everybody_whose_body_was_solved_roughly_is_solved_again(solved_again):
    # Nobody can solve the body of who has no weight; who only lacks a pressure has one.
    assert solved_again.result.resolved == 3


@pytest.mark.slow
def test_scenarios_that_switch_on_different_days_share_one_time_line(simulated, fitted):
    days = {"late": 30, "later": 400}
    late = {
        name: Scenario.model_validate(
            {"title": name, "segments": [{}, {"start_d": day, "inputs": {"pressure_drugs": 1}}]}
        )
        for name, day in days.items()
    }
    features = define({"blood_pressure"}, {"no_change": NO_CHANGE, **late}, (1, 2))
    found = simulate(fitted, {"no_change": NO_CHANGE, **late}, features, names=("blood_pressure",))
    columns = {f.name: found.draws[:, :, i] for i, f in enumerate(features)}
    known = np.delete(np.arange(NUMBER), [NO_WEIGHT, NO_PRESSURE])
    assert (columns["late_1y_change_sbp_mmhg"][known] < -0.5).all()
    np.testing.assert_array_equal(columns["later_1y_change_sbp_mmhg"][known], 0.0)
    # Once both have taken the drug for weeks they are the same, and the same as who took it at once.
    one = simulated.draws[:, :, COLUMNS.index("one_pressure_drug_2y_change_sbp_mmhg")]
    for name in days:
        np.testing.assert_allclose(columns[f"{name}_2y_change_sbp_mmhg"][known], one[known], rtol=1e-9)


def test_a_scenario_that_does_not_start_at_day_0_is_named(fitted):
    early = Scenario.model_validate({"title": "Early", "segments": [{"start_d": -10}]})
    with pytest.raises(ValueError, match="must start at day 0; early does not"):
        simulate(fitted, scenarios={"no_change": NO_CHANGE, "early": early})
