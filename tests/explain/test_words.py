"""Sentences in both languages: whole, for everything that studies of the repository can say."""

import re
from types import SimpleNamespace

import pytest

from pipeline.config import read_study
from pipeline.explain import words
from pipeline.explain.chains import MEDIATORS
from pipeline.explain.groups import OF
from pipeline.twins import YEARS
from tests.repository import ROOT

LANGUAGES = ("en", "sv")
SCENARIOS = sorted(path.stem for path in (ROOT / "configs/scenarios").glob("*.toml"))
STUDIES = [read_study(path) for path in sorted((ROOT / "configs").glob("*.toml"))]


def row(**values):
    return SimpleNamespace(**values)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_says_what_to_do(scenario):
    assert all(words.action(scenario, language) for language in LANGUAGES)


def test_everything_that_a_study_takes_has_a_name_in_both_languages():
    taken = {OF.get(name, name) for study in STUDIES for name in study.predictors if name not in study.variables}
    assert taken <= set(words.THINGS)
    used = {f"twin_{name}" for study in STUDIES for name in study.twins.names} & {f"twin_{name}" for name in YEARS}
    assert used <= set(words.THINGS)
    assert set(MEDIATORS) <= set(words.UNITS) <= set(words.THINGS)


def test_the_example_of_a_reason():
    age = row(group="age_years", contribution=0.8, low=0.5, high=1.1, rank=1.0)
    assert words.reason(age, "en") == "What counts most for your risk is your age, which raises it."
    assert words.reason(age, "sv") == "Det som betyder mest för din risk är din ålder, som höjer den."
    habits = row(group="smoking", contribution=-0.2, low=-0.4, high=0.1, rank=float("nan"))
    assert words.reason(habits, "en") == "Your smoking habits may lower your risk, but that is not certain."
    assert words.reason(habits, "sv") == "Dina rökvanor kan sänka din risk, men det är inte säkert."


def test_an_unknown_variable_keeps_its_name_and_its_markup_is_the_reports_to_escape():
    odd = row(group="own_score", contribution=0.1, low=0.05, high=0.2, rank=float("nan"))
    assert words.reason(odd, "en") == "Your own score raises your risk."


@pytest.mark.parametrize("basis", ["trials", "model"])
@pytest.mark.parametrize("high", [-0.01, 0.01])
def test_links_are_told_with_numbers_and_disagreement(basis, high):
    one = row(
        scenario="one_pressure_drug", mediator="sbp_mmhg", before=152.04, after=141.0, low=-14.2, high=-8.0,
        risk_change=-0.03, risk_low=-0.05, risk_high=high, basis=basis, disagrees=True,
    )  # fmt: skip
    for language in LANGUAGES:
        said = words.link(one, language)
        assert len(said) == 3
        assert not any(re.search(r"[{}]|nan", text) for text in said)
    assert "152,0 till 141,0 mmHg" in words.link(one, "sv")[0]
    assert ("3.0 fewer of 100" in words.link(one, "en")[1]) == (high < 0 and basis == "trials")


def test_what_would_be_enough_is_told_and_so_is_that_nothing_is():
    way = row(goal="threshold", target=0.25, scenario="less_500_kcal", risk_after=0.18, low=0.1, high=0.3, chance=0.8)
    for language in LANGUAGES:
        told = {basis: words.enough(row(**vars(way), basis=basis), language) for basis in ("trials", "model")}
        assert told["trials"] != told["model"]
        assert all("18" in text and "25" in text and "{" not in text for text in told.values())
        none = words.enough(row(goal="threshold", target=0.25, scenario=None, chance=0.1), language)
        lowest = words.enough(row(goal="lowest"), language)
        unknown = words.enough(row(goal="threshold", chance=float("nan")), language)
        assert len({none, lowest, unknown}) == 3


def test_models_are_never_told_to_prove_anything():
    for (basis, _), phrase in words.EFFECTS.items():
        if basis == "model":
            assert "prove" in phrase.en or "cannot be told" in phrase.en
            assert "bevisar" in phrase.sv or "inte att säga" in phrase.sv
