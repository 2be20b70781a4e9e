"""Scenario files: what they may say, and how they meet a person."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ConfigError
from pipeline.twins import INPUTS, NO_CHANGE, TWINS, read_scenarios
from pipeline.twins.inputs import Scenario, combine, resolve
from tests.twins.people import MAN

FOLDER = Path(__file__).parents[2] / "configs" / "scenarios"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    return read_scenarios(tmp_path, ("mine",))["mine"]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_parse_and_say_where_they_are_from(name):
    scenario = read_scenarios(FOLDER, (name,))[name]
    assert scenario.title
    assert scenario.description
    assert scenario.source
    assert scenario.switches[0] == 0.0
    assert any(segment.inputs for segment in scenario.segments)


@pytest.mark.parametrize("name", SHIPPED)
def test_some_twin_hears_what_a_shipped_scenario_changes(name):
    heard = {n for twin in TWINS.values() for n in twin.hears}
    assert {n for s in read_scenarios(FOLDER, (name,))[name].segments for n in s.inputs} <= heard


def test_no_change_comes_first_and_leaves_everything():
    assert list(read_scenarios(FOLDER, tuple(SHIPPED))) == ["no_change", *SHIPPED]
    assert NO_CHANGE.switches == (0.0,)
    resolved = resolve(NO_CHANGE.arrays()[0], MAN)
    assert float(resolved["carbohydrate_fraction"]) == MAN["carbohydrate_fraction"]
    assert float(resolved["fat_fraction"]) == pytest.approx(MAN["fat_fraction"], abs=1e-15)


def test_every_twin_hears_inputs_that_exist():
    for twin in TWINS.values():
        assert set(twin.hears) <= set(INPUTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'title = "x"\n[[segments]]\ninputs = { energy_kcal = -500 }',
            ["no input energy_kcal", "energy_change_kcal_d"],
        ),
        (
            'title = "x"\n[[segments]]\ninputs = { energy_change_kcal_d = -9000 }',
            ["-9000", "-5000 to 5000 kcal/d"],
        ),
        (
            'title = "x"\n[[segments]]\ninputs = { carbohydrate_fraction = 45 }',
            ["carbohydrate_fraction is 45", "0 to 1"],
        ),
        (
            'title = "x"\n[[segments]]\ninputs = { energy_factor = 0.8, weight_target_factor = 0.9 }',
            ["energy_factor, weight_target_factor", "only one of them"],
        ),
        (
            'title = "x"\n[[segments]]\ninputs = { weight_target_days = 90 }',
            ["weight_target_days without weight_target_factor"],
        ),
        ('title = "x"\ncombines = ["mine"]', ["combines itself", "mine -> mine"]),
        ('title = "x"\ncombines = ["keto"]', ["no scenario keto", "mine"]),
        ('title = "x"\n[[segments]]\ninputs = { dnl_drug_factor = nan }', ["dnl_drug_factor is nan"]),
        (
            'title = "x"\n[[segments]]\nstart_d = 30\n[[segments]]\nstart_d = 0',
            ["one after another", "start_d"],
        ),
        (
            'title = "x"\n[[segments]]\nstart_d = 0\n[[segments]]\nstart_d = 0',
            ["one after another", "start_d"],
        ),
        ('title = "x"\nsegments = []', ["segments"]),
        ('title = "x"\ntitel = "y"', ["does not know titel", "title"]),
        ('description = "x"', ["title is missing"]),
    ],
    ids=[
        *("unknown", "range", "percent", "eaten twice", "no target", "itself", "not there", "nan", "falling"),
        *("twice", "empty", "typo", "untitled"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path, text, words):
    with pytest.raises(ConfigError) as fault:
        read(tmp_path, text)
    for word in ("mine.toml", *words):
        assert word in str(fault.value)


def test_a_scenario_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match=r"no scenario keto.*low_carbohydrate"):
        read_scenarios(FOLDER, ("keto",))


def test_fat_takes_up_what_carbohydrate_leaves():
    u = read_scenarios(FOLDER, ("low_carbohydrate",))["low_carbohydrate"].arrays()[0]
    resolved = resolve(u, MAN)
    assert float(resolved["carbohydrate_fraction"]) == 0.20
    assert float(resolved["fat_fraction"]) == pytest.approx(
        MAN["fat_fraction"] + MAN["carbohydrate_fraction"] - 0.20
    )


def test_named_fat_is_kept():
    resolved = resolve(NO_CHANGE.arrays()[0] | {"carbohydrate_fraction": 0.20, "fat_fraction": 0.50}, MAN)
    assert float(resolved["fat_fraction"]) == 0.50


def test_unknown_diet_stays_unknown():
    resolved = resolve(NO_CHANGE.arrays()[0], {})
    assert np.isnan(resolved["carbohydrate_fraction"])
    assert np.isnan(resolved["fat_fraction"])


def test_segments_follow_each_other_in_arrays(tmp_path):
    two = 'title = "x"\n[[segments]]\ninputs = { pressure_drugs = 2 }\n[[segments]]\nstart_d = 90'
    scenario = read(tmp_path, two)
    assert scenario.switches == (0.0, 90.0)
    assert [u["pressure_drugs"] for u in scenario.arrays()] == [2.0, 0.0]
    assert all(set(u) == set(INPUTS) for u in scenario.arrays())


def make(title, *segments, source=""):
    """A scenario from pairs of a day and its inputs."""
    parts = [{"start_d": day, "inputs": inputs} for day, inputs in segments]
    return Scenario.model_validate({"title": title, "source": source, "segments": parts})


def at_day(scenario, day):
    """Inputs that hold on a day."""
    return scenario.arrays()[max(i for i, start in enumerate(scenario.switches) if start <= day)]


DIET = make("Diet", (0, {"energy_change_kcal_d": -500}), (90, {"energy_change_kcal_d": -200}), source="Eaten 1999")
DRUG = make("Drug", (0, {}), (30, {"pressure_drugs": 1}), (200, {}), source="Taken 2001")


def test_a_cut_scenario_says_the_same_on_every_day():
    cut = DIET.at((0.0, 30.0, 90.0, 200.0))
    assert cut.switches == (0.0, 30.0, 90.0, 200.0)
    assert (cut.title, cut.source) == (DIET.title, DIET.source)
    for day in (0, 29, 30, 89, 90, 150, 200, 1000):
        np.testing.assert_equal(at_day(cut, day), at_day(DIET, day))
    assert DIET.at(DIET.switches) == DIET
    assert DIET.at((0, 10, 90)).at((0, 10, 20, 90)) == DIET.at((0, 10, 20, 90))


@pytest.mark.parametrize("days", [(0.0, 30.0), (0.0,), (-1.0, 0.0, 90.0), (30.0, 90.0)])
def test_a_cut_keeps_every_switch_and_the_start(days):
    with pytest.raises(ValueError, match=r"Diet: switches on days \(0.0, 90.0\)"):
        DIET.at(days)


def test_scenarios_at_one_set_of_switches_have_as_many_segments():
    days = sorted({*DIET.switches, *DRUG.switches, *NO_CHANGE.switches})
    assert {len(s.at(days).arrays()) for s in (DIET, DRUG, NO_CHANGE)} == {4}


def test_combined_scenarios_act_together_in_any_order():
    both = combine([DIET, DRUG])
    assert both.switches == (0.0, 30.0, 90.0, 200.0)
    assert [u["energy_change_kcal_d"] for u in both.arrays()] == [-500, -500, -200, -200]
    assert [u["pressure_drugs"] for u in both.arrays()] == [0, 1, 1, 0]
    assert both.title == "Diet + Drug"
    assert both.source == "Eaten 1999 Taken 2001"
    assert combine([DRUG, DIET]).segments == both.segments
    assert combine([combine([DIET, DRUG]), DRUG]).segments == both.segments
    assert combine([DIET]).segments == DIET.segments
    assert combine([NO_CHANGE, DIET]).segments == DIET.segments


def test_scenarios_that_contradict_each_other_are_named():
    more = make("Feast", (0, {"energy_change_kcal_d": 300}))
    with pytest.raises(ValueError, match="energy_change_kcal_d on day 0: Diet sets it to -500, Feast to 300"):
        combine([DIET, DRUG, more])
    later = make("Later", (0, {}), (90, {"energy_change_kcal_d": -100}))
    with pytest.raises(ValueError, match="on day 90: Diet sets it to -200, Later to -100"):
        combine([DIET, later])
    with pytest.raises(ValueError, match="Diet and Fast: energy_change_kcal_d, energy_intake_kcal_d: only one"):
        combine([DIET, make("Fast", (0, {"energy_intake_kcal_d": 800}))])
    with pytest.raises(ValueError, match="same day: Diet on day 0, Early on day -5"):
        combine([DIET, make("Early", (-5, {"pressure_drugs": 1}))])
    with pytest.raises(ValueError, match="none is given"):
        combine([])


def test_a_file_may_combine_others_and_add_its_own(tmp_path):
    (tmp_path / "diet.toml").write_text(
        'title = "Diet"\nsource = "Eaten 1999"\n[[segments]]\ninputs = { energy_change_kcal_d = -500 }'
    )
    (tmp_path / "drug.toml").write_text('title = "Drug"\n[[segments]]\n[[segments]]\nstart_d = 30\n'
                                        "inputs = { pressure_drugs = 1 }")
    scenario = read(
        tmp_path,
        'title = "All"\nsource = "Mine"\ncombines = ["diet", "drug"]\n'
        "[[segments]]\ninputs = { alcohol_factor = 0.0 }",
    )
    assert (scenario.title, scenario.source) == ("All", "Eaten 1999 Mine")
    assert scenario.switches == (0.0, 30.0)
    named = ("energy_change_kcal_d", "pressure_drugs", "alcohol_factor")
    assert [[u[n] for n in named] for u in scenario.arrays()] == [[-500, 0, 0], [-500, 1, 0]]
    with pytest.raises(ConfigError, match=r"mine.toml: combines: energy_change_kcal_d on day 0: Diet .* Mine"):
        read(
            tmp_path,
            'title = "Mine"\ncombines = ["diet"]\n[[segments]]\ninputs = { energy_change_kcal_d = -1 }',
        )


def test_the_shipped_combination_is_the_sum_of_its_parts():
    parts = ("less_500_kcal", "two_pressure_drugs", "no_alcohol")
    found = read_scenarios(FOLDER, (*parts, "diet_drugs_no_alcohol"))
    whole = found["diet_drugs_no_alcohol"]
    assert whole.segments == combine([found[p] for p in parts]).segments
    assert all(found[p].source in whole.source for p in parts)
    assert whole.title == "Diet, two pressure drugs and no alcohol"
