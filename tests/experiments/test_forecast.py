"""Forecasts of a later visit, of made-up people whose course is known and of the study of real ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import ConfigError, read_study
from pipeline.experiments import forecast
from pipeline.experiments.forecast import MODELS, see
from pipeline.runs import RunError
from stages.check import check_names
from tests.cohorts.fetched import build_fetched
from tests.fitting.people import readings, someone

pytestmark = pytest.mark.slow

YEAR = 365.25
STUDY = Path(__file__).parents[2] / "configs" / "framingham_forecast.toml"
PRESSURE = {"variable": "sbp_mmhg", "visits": 2, "target": 3}
TRIED = {"sizes": (30,), "draws": 5, "folds": 4, "resamples": 100, "seed": 3}


@pytest.fixture(scope="module")
def cohort():
    """People at three visits five years apart, in pairs; usual pressures and readings as the twin assumes them."""
    draw, size = np.random.default_rng(11), 400
    people = someone(size).assign(age_years=draw.uniform(35, 65, size), sex=draw.choice(["female", "male"], size))
    people["group_id"] = [f"g{i // 2}" for i in range(size)]
    usual = 102.0 + 0.5 * people["age_years"].to_numpy() + 16.0 * draw.normal(size=size)
    rows = []
    for visit in range(3):
        if visit:
            usual = usual + 0.5 * 5 + 3.5 * 5**0.5 * draw.normal(size=size)
        read = {"sbp_mmhg": usual + 7.7 * draw.normal(size=size), "bmi_kg_m2": 25.0 + 4.0 * draw.normal(size=size)}
        for name, values in read.items():
            rows += [(*at, visit * 5 * YEAR) for at in zip(people["person_id"], [name] * size, values, strict=True)]
    return people, readings(*rows)


@pytest.fixture(scope="module")
def seen(cohort):
    return see(*cohort, **PRESSURE)


@pytest.fixture(scope="module")
def table(cohort):
    return forecast(*cohort, **PRESSURE, **TRIED)


def test_the_twin_expects_what_its_priors_and_errors_say(cohort):
    """By hand: five years ago pressure was 2.5 mmHg lower, and has wandered by 3.5 mmHg in the root of a year since."""
    people, observations = cohort
    found = see(people, observations, variable="sbp_mmhg", visits=1, target=2)
    np.testing.assert_allclose(found.age_years, people["age_years"] + 5.0)
    weight = 16.0**2 / (16.0**2 + 7.7**2 + 5 * 3.5**2)
    prior = 102.0 + 0.5 * found.age_years
    np.testing.assert_allclose(found.expected, prior + weight * (found.own[:, 0] + 2.5 - prior))
    read = observations[observations["variable"] == "sbp_mmhg"].set_index("time_d")["value"]
    assert (found.own[:, 0].tolist(), found.value.tolist()) == (read[0.0].tolist(), read[5 * YEAR].tolist())


def test_no_later_reading_reaches_a_forecast(cohort, seen):
    people, observations = cohort
    later = observations["time_d"] > 5 * YEAR
    canary = observations.assign(value=observations["value"].mask(later, 199.0))
    more = observations[later].assign(time_d=observations["time_d"] + YEAR, value=77.0)
    spoiled = see(people, pd.concat([canary, more], ignore_index=True), **PRESSURE)
    assert (spoiled.value == 199.0).all()
    for name in set(seen._fields) - {"value"}:
        np.testing.assert_array_equal(getattr(spoiled, name), getattr(seen, name), err_msg=name)


def test_what_the_visits_used_have_read_does_reach_it(cohort, seen):
    people, observations = cohort
    used = (observations["time_d"] == 5 * YEAR) & (observations["variable"] == "bmi_kg_m2")
    changed = see(people, observations.assign(value=observations["value"].mask(used, 40.0)), **PRESSURE)
    assert (changed.numbers == 40.0).any(axis=1).all()
    np.testing.assert_array_equal(changed.own, seen.own)


@pytest.mark.parametrize("name", MODELS)
def test_who_is_forecast_teaches_nothing(seen, name):
    train, test = np.arange(300), np.arange(300, 400)
    shifted = np.where(np.arange(400) < 300, 0.0, 50.0)
    spoiled = seen._replace(value=seen.value + shifted)
    alone = seen._replace(**{f: getattr(seen, f)[:301] for f in set(seen._fields) - {"is_log"}})
    for whole, other, person in zip(*(MODELS[name](s, train) for s in (seen, spoiled, alone)), strict=True):
        np.testing.assert_array_equal(whole[test], other[test])
        assert person[300] == pytest.approx(whole[300], rel=1e-12)


def test_groups_stay_whole(cohort, seen, monkeypatch):
    learned = []

    def witness(seen, train):
        learned.append({*train.tolist()})
        return (seen.own[:, -1],)

    monkeypatch.setitem(MODELS, "twin", witness)
    forecast(*cohort, **PRESSURE, **TRIED)
    assert [len({*seen.groups[list(train)]}) for train in learned] == [150] * 4 + [30] * 5
    for train in learned:
        assert not {*seen.groups[list(train)]} & {*seen.groups[list({*range(400)} - train)]}


def test_where_the_twin_is_right_it_wins_and_its_intervals_hold(table):
    found = table.set_index(["learned_from", "model"])
    for learned_from in ("all", "30"):
        of = found.loc[learned_from]
        assert of.loc["hybrid", "mae"] < of.loc[["carry_forward", "mean"], "mae"].min()
        assert of.loc["hybrid", "coverage_90"] == pytest.approx(0.9, abs=0.04)
    assert found.loc[("30", "hybrid"), "difference_high"] < 0.0
    # No forecast can beat what wanders and errs after the visits used.
    assert found["mae"].min() > (2 / np.pi) ** 0.5 * (7.7**2 + 5 * 3.5**2) ** 0.5


def test_differences_are_from_ridge(table):
    for _, of in table.groupby("learned_from"):
        ridge = of[of["model"] == "ridge"].iloc[0]
        np.testing.assert_allclose(of["difference"], of["mae"] - ridge["mae"], atol=1e-12)
        assert ridge[["difference_low", "difference_high"]].tolist() == [0.0, 0.0]
        assert (of["mae_low"] < of["mae_high"]).all()
    assert table.loc[table["coverage_90"].notna(), "model"].tolist() == ["hybrid", "hybrid"]
    assert set(table["people"]) == {400}


def test_the_same_seed_gives_the_same_table_in_any_order_of_people(cohort, table):
    people, observations = (t.sample(frac=1.0, random_state=1).reset_index(drop=True) for t in cohort)
    pd.testing.assert_frame_equal(forecast(people, observations, **PRESSURE, **TRIED), table, rtol=1e-9)


def test_one_visit_has_no_mean_and_a_missing_number_is_filled(cohort):
    people, observations = cohort
    tried = TRIED | {"sizes": ()}
    holed = observations.drop(index=observations.index[observations["variable"] == "sbp_mmhg"][::7])
    found = forecast(people, holed, variable="bmi_kg_m2", visits=1, target=2, **tried)
    assert "mean" not in set(found["model"])
    assert found["mae"].notna().all()


def test_people_without_repeated_visits_are_said(cohort):
    people, observations = cohort
    with pytest.raises(RunError, match=r"sbp_mmhg: 0 people .* read at 4 visits, and 31 .* repeated visits"):
        forecast(people, observations, variable="sbp_mmhg", visits=2, target=4, **TRIED)
    with pytest.raises(RunError, match=r"pdff_percent: 0 people"):
        forecast(people, observations, variable="pdff_percent", visits=1, target=2, **TRIED)
    with pytest.raises(RunError, match=r"200 people \(or groups\) .* at 3 visits, and 201 are needed"):
        forecast(people, observations, **PRESSURE, **(TRIED | {"sizes": (200,)}))


def test_a_variable_that_no_twin_knows_is_said(cohort):
    with pytest.raises(ConfigError, match=r"forecasts variable: no glucose_mmol_l; there are .*sbp_mmhg"):
        forecast(*cohort, variable="glucose_mmol_l", visits=1, target=2, **TRIED)


@pytest.mark.parametrize(
    ("mended", "told"),
    [
        ('variable = "sbp_mgHg"', "forecasts variable: no sbp_mgHg; there are .*sbp_mmhg"),
        ("visits = 3", r"\[experiments.forecasts\] 0: target 3 must come after the visits used, which are 3"),
    ],
)
def test_a_study_that_cannot_be_forecast_is_told_before_any_work(tmp_path, mended, told):
    file = tmp_path / "study.toml"
    spoiled = {"variable": 'variable = "sbp_mmhg"', "visits": "visits = 2"}[mended.split()[0]]
    file.write_text(STUDY.read_text(encoding="utf-8").replace(spoiled, mended), encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        check_names(read_study(file), file)


def test_forecasts_of_real_people_reach_the_known_figures():
    """Ridge on all columns: 12.4 mmHg and 1.63 kg/m2 with all people (an independent cross-validation of the file)."""
    study = read_study(STUDY)
    cohort = build_fetched(study)
    settings = {"folds": 5, "resamples": 100, "seed": study.seed}
    found = [
        forecast(cohort.people, cohort.observations, **f.model_dump(), **settings) for f in study.experiments.forecasts
    ]
    table = pd.concat(found).set_index(["variable", "learned_from", "model"])
    assert table.loc[("sbp_mmhg", "all", "ridge"), "mae"] == pytest.approx(12.4, abs=0.1)
    assert table.loc[("bmi_kg_m2", "all", "ridge"), "mae"] == pytest.approx(1.63, abs=0.02)
    hybrid = table.xs("hybrid", level="model")
    assert hybrid.loc[("sbp_mmhg", "all"), "mae"] < 12.35
    assert hybrid.loc[("sbp_mmhg", "100"), "mae"] < 12.6
    assert hybrid.loc[("bmi_kg_m2", "all"), "mae"] < 1.63
    assert hybrid["coverage_90"].between(0.88, 0.92).all()
    assert (hybrid["difference_high"].xs("100", level="learned_from") < 0).all()
