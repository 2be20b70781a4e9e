"""Scenario files: what they may say, and how they meet a person."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ConfigError
from pipeline.twins import INPUTS, NO_CHANGE, TWINS, read_scenarios
from pipeline.twins.inputs import resolve
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
    ids=["unknown", "range", "percent", "nan", "falling", "twice", "empty", "typo", "untitled"],
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
