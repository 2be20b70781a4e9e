"""Contributions are Shapley values: beside every coalition by hand, and exact in their sum."""

from functools import partial
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest

from pipeline.explain.shapley import by_permutation, is_linear, log_odds, of_linear
from pipeline.models import MODELS, FeatureSet, FollowUp, fit, sources

COLUMNS = FeatureSet(("age_years", "sbp_mmhg", "twin"), {"sex": ("female", "male"), "asked": ("no", "yes")}, ("twin",))
GROUPS = [["age_years"], ["sbp_mmhg", "sex"], ["asked"], ["twin"]]
FAST = [name for name in MODELS if name not in {"hybrid", "network"}]      # the slow ones take the same way


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Some lack a number, some an answer, and one gave an answer never declared."""
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"age_years": draw.normal(60, 9, 400), "sbp_mmhg": draw.normal(135, 15, 400), "twin": draw.normal(size=400)}
    )
    frame.loc[::7, "sbp_mmhg"] = np.nan
    frame["sex"] = pd.array(draw.choice(["female", "male"], 400), dtype="str")
    frame["asked"] = pd.array(draw.choice(["no", "yes", None], 400), dtype="str")
    frame.loc[5, "asked"] = "unheard of"
    return frame


def fitted(name: str, frame: pd.DataFrame):
    age, male = (frame["age_years"] - 60) / 9, frame["sex"] == "male"
    noise = np.random.default_rng(4).normal(size=len(frame))
    twin = frame["twin"].fillna(0) * (frame["sbp_mmhg"].fillna(135) > 140)
    event = (age * male + twin + noise > 0.5).to_numpy(dtype=int)
    time_d = np.where(event == 1, 50.0, 200.0)
    follow = FollowUp(time_d, np.where(event == 1, "event", "censored"), np.ones(len(event)), 100.0)
    return fit(MODELS[name], frame, event, COLUMNS, seed=1, follow=follow)


def worth(model, rows, told, background):
    """Mean log odds of each row with the columns `told` its own, and the others those of the background."""
    found = np.zeros(len(rows))
    for i in range(len(background)):
        mixed = pd.concat([background.iloc[[i]]] * len(rows), ignore_index=True)
        for column in told:
            mixed[column] = rows[column].to_numpy()
        found += log_odds(model, mixed.astype(rows.dtypes)) / len(background)
    return found


def enumerate_coalitions(model, rows, groups, background):
    number = len(groups)
    values = np.zeros((len(rows), number))
    for player in range(number):
        others = [g for g in range(number) if g != player]
        for size in range(number):
            for team in combinations(others, size):
                told = [c for g in team for c in groups[g]]
                gain = worth(model, rows, told + groups[player], background) - worth(model, rows, told, background)
                values[:, player] += gain / (number * comb(number - 1, size))
    return values


def test_two_players_are_exact_by_one_order_and_its_reverse(people):
    model, groups = fitted("boosting", people), [GROUPS[0] + GROUPS[3], GROUPS[1] + GROUPS[2]]
    rows, background = people.iloc[:12], people.iloc[100:106]
    found = by_permutation(model, rows, groups, background, seed=0)
    np.testing.assert_allclose(found.values, enumerate_coalitions(model, rows, groups, background), atol=1e-12)


@pytest.mark.slow
def test_more_players_come_near_the_sum_over_all_coalitions_as_orders_grow(people):
    model = fitted("boosting", people)
    rows, background = people.iloc[:8], people.iloc[100:103]
    exact = enumerate_coalitions(model, rows, GROUPS, background)
    errors = [
        np.abs(by_permutation(model, rows, GROUPS, pd.concat([background] * n), seed=0).values - exact).mean()
        for n in (2, 64)
    ]
    assert np.abs(exact).mean() > 0.2
    assert errors[1] < 0.015
    assert errors[1] < errors[0] / 3


def test_the_closed_form_is_what_permutations_give_of_a_linear_model(people):
    model = fitted("logistic", people)
    assert is_linear(model)
    rows, background = people.iloc[:40], people.iloc[100:120]
    closed, permuted = (
        of_linear(model, rows, GROUPS, background),
        by_permutation(model, rows, GROUPS, background, seed=0),
    )
    np.testing.assert_allclose(closed.values, permuted.values, atol=1e-10)
    assert closed.base == pytest.approx(permuted.base, abs=1e-10)


@pytest.mark.parametrize("name", FAST)
def test_contributions_and_base_add_up_to_the_log_odds_of_everybody(people, name):
    model, background = fitted(name, people), people.iloc[:4]
    if is_linear(model):
        parts = of_linear(model, people, GROUPS, background)
    else:
        parts = by_permutation(model, people, GROUPS, background, seed=0)
    risk = model.predict_proba(people[model.feature_names_in_])[:, 1]
    inside = np.clip(risk, 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(parts.base + parts.values.sum(axis=1), np.log(inside / (1 - inside)), atol=1e-6)


def test_a_column_that_a_model_does_not_use_contributes_nothing(people):
    model = fitted("logistic", people.assign(twin=np.nan))
    groups = [["age_years"], ["sbp_mmhg", "sex", "asked"], []]
    for way in (of_linear, partial(by_permutation, seed=0)):
        values = way(model, people.iloc[:20], groups, people[:3]).values
        assert (values[:, 2] == 0).all()
        assert np.abs(values[:, 0]).max() > 0


def test_every_column_of_a_linear_model_is_of_one_variable(people):
    model = fitted("logistic", people)
    assert sources(model[0]) == ["age_years", "sbp_mmhg", "twin", "sbp_mmhg", *["sex"] * 3, *["asked"] * 3]
