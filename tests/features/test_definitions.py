"""The list of features: what becomes a column, and what does not."""

from pathlib import Path

import pytest

from pipeline.features import define
from pipeline.features.definitions import FITTED
from pipeline.twins import NO_CHANGE, TWINS, Scenario, read_scenarios
from pipeline.twins.base import EpisodeTwin

FOLDER = Path(__file__).parents[2] / "configs" / "scenarios"
SHIPPED = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
SCENARIOS = read_scenarios(FOLDER, SHIPPED)


def scenario(**inputs):
    return Scenario.model_validate({"title": "Mine", "segments": [{"inputs": inputs}]})


def test_every_twin_has_features_of_observables_that_it_has():
    assert set(FITTED) <= set(TWINS)
    for twin in TWINS.values():
        assert set(twin.at_visit) | set(twin.over_years) <= set(twin.observables)


def test_a_twin_of_hours_has_no_features_over_years():
    for twin in TWINS.values():
        assert not (issubclass(twin, EpisodeTwin) and (twin.at_visit or twin.over_years))


def test_what_a_twin_declares_is_what_becomes_a_column():
    features = define(TWINS, {"no_change": NO_CHANGE, "eat": scenario(energy_change_kcal_d=-300)}, (2,))
    for name, twin in TWINS.items():
        states = tuple(f.observable for f in features if f.twin == name and f.kind == "state")
        moving = tuple(f.observable for f in features if f.twin == name and f.scenario == "no_change" and f.year == 2)
        assert states == twin.at_visit
        assert moving == (twin.over_years if twin.ages else ())


def test_names_are_unique_and_every_column_says_what_it_is():
    features = define(TWINS, SCENARIOS, (1, 5, 10))
    assert len({f.name for f in features}) == len(features)
    for f in features:
        assert f.definition, f
        assert f.unit, f
        assert f.scenario in SCENARIOS
        assert f.kind != "parameter" or f.name.startswith("fit_")
        assert f.kind != "state" or f.name.startswith("now_")
        assert f.kind in ("parameter", "state") or f"_{f.year}y_" in f.name
        assert (f.kind == "response") == ("minus no change" in f.definition)
        if f.kind != "parameter":
            assert f.unit == TWINS[f.twin].observables[f.observable].unit


def test_order_is_fixed_whatever_the_order_of_names():
    assert define(list(TWINS)[::-1], SCENARIOS, (1, 5)) == define(TWINS, SCENARIOS, (1, 5))
    assert define({"liver_fat"}, SCENARIOS, (1,)) == [
        f for f in define(TWINS, SCENARIOS, (1,)) if f.twin == "liver_fat"
    ]


def test_a_twin_responds_only_to_what_it_hears():
    scenarios = {
        "no_change": NO_CHANGE,
        "drug": scenario(pressure_drugs=1),
        "eat": scenario(energy_change_kcal_d=-300),
    }
    responses = {(f.twin, f.scenario) for f in define(TWINS, scenarios, (1,)) if f.kind == "response"}
    of_three = {r for r in responses if r[0] in ("body_composition", "liver_fat", "blood_pressure")}
    eating = {("body_composition", "eat"), ("liver_fat", "eat"), ("blood_pressure", "eat")}
    assert of_three == {("blood_pressure", "drug"), *eating}
    hears = {"drug": "pressure_drugs", "eat": "energy_change_kcal_d"}
    assert responses == {
        (name, key) for name, t in TWINS.items() for key, n in hears.items() if n in t.hears and t.over_years
    }


def test_a_scenario_that_names_the_baseline_changes_nothing():
    idle = scenario(energy_change_kcal_d=0, energy_factor=1, pressure_drugs=0)
    scenarios = {"no_change": NO_CHANGE, "idle": idle}
    assert not [f for f in define(TWINS, scenarios, (1,)) if f.scenario == "idle"]


def test_a_change_in_a_later_segment_counts():
    later = Scenario.model_validate(
        {
            "title": "Mine",
            "segments": [{"inputs": {"pressure_drugs": 0}}, {"start_d": 90, "inputs": {"pressure_drugs": 1}}],
        }
    )
    found = define(TWINS, {"no_change": NO_CHANGE, "later": later}, (1,))
    expected = {name for name, t in TWINS.items() if "pressure_drugs" in t.hears and t.over_years}
    assert {f.twin for f in found if f.scenario == "later"} == expected
    assert "blood_pressure" in expected


def test_a_baseline_value_in_one_of_several_segments_changes_nothing():
    spec = {"title": "Idle", "segments": [{"inputs": {"alcohol_factor": 1.0}}, {"start_d": 90}]}
    scenarios = {"no_change": NO_CHANGE, "idle": Scenario.model_validate(spec)}
    assert not [f for f in define(TWINS, scenarios, (1,)) if f.scenario == "idle"]


def test_only_who_ages_moves_without_a_change():
    trajectories = [f for f in define(TWINS, {"no_change": NO_CHANGE}, (1, 5)) if f.kind == "trajectory"]
    assert {f.twin for f in trajectories} == {name for name, t in TWINS.items() if t.ages and t.over_years}
    assert not {"body_composition", "liver_fat"} & {f.twin for f in trajectories}
    assert {f.year for f in trajectories} == {1, 5}


@pytest.mark.parametrize("years", [(1,), (1, 5, 10)])
def test_years_multiply_only_courses(years):
    features = define(TWINS, SCENARIOS, years)
    still = [f for f in features if f.kind in ("parameter", "state")]
    assert len(still) == len([f for f in define(TWINS, SCENARIOS, (3,)) if f.kind in ("parameter", "state")])
    moving = len(features) - len(still)
    assert moving == len(years) * (len(define(TWINS, SCENARIOS, (3,))) - len(still))
