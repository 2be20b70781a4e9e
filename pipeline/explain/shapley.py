"""Shapley values of the log odds of a risk, for groups of columns and any model.

A coalition's worth is the mean log odds of people whose columns outside of it are those of others, the background: what
the model does when told those columns and nothing else (interventional: Janzing D et al., AISTATS 2020,
arXiv 1910.13413). Interactions are shared out evenly, columns of a group count as one player. The values of a person
and the base, which is the mean log odds of the background, add up to the person's log odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression

from pipeline.models import sources

LEAST = 1e-4      # risks are taken to lie between this and its complement, where log odds are finite


def log_odds(model: Any, rows: pd.DataFrame) -> Float[np.ndarray, " rows"]:
    """Log odds of the risk of each row; that of a linear model without the rounding of its risk."""
    taken = rows[model.feature_names_in_]
    if is_linear(model):
        return model.decision_function(taken)
    risk = np.clip(model.predict_proba(taken)[:, 1], LEAST, 1.0 - LEAST)
    return np.log(risk) - np.log1p(-risk)


def is_linear(model: Any) -> bool:
    """Whether the log odds are a sum over columns, each transformed by itself."""
    return isinstance(model[-1], LogisticRegression) and isinstance(model[0], ColumnTransformer)


class Parts(NamedTuple):
    """What rows of values plus the base add up to, the log odds as the model gives them."""

    base: float
    values: Float[np.ndarray, "rows groups"]
    log_odds: Float[np.ndarray, " rows"]


def of_linear(model: Any, rows: pd.DataFrame, groups: Sequence[Sequence[str]], background: pd.DataFrame) -> Parts:
    """Contributions in closed form: with no interaction every order of players gives the same."""
    taken, made_of = model.feature_names_in_, sources(model[0])
    place = {column: i for i, group in enumerate(groups) for column in group}
    weights = np.zeros((len(made_of), len(groups)))
    coefficients, start = model[-1].coef_[0], float(model[-1].intercept_[0])
    weights[np.arange(len(made_of)), [place[column] for column in made_of]] = coefficients
    middle, here = (model[:-1].transform(part[taken]) for part in (background, rows))
    middle = middle.mean(axis=0)
    return Parts(start + float(middle @ coefficients), (here - middle) @ weights, start + here @ coefficients)


def by_permutation(
    model: Any, rows: pd.DataFrame, groups: Sequence[Sequence[str]], background: pd.DataFrame, *, seed: Any
) -> Parts:
    """Contributions by one random order of players for each row of `background`, forwards and backwards.

    Every order telescopes, so that the sum is exact; orders in pairs take out most of the error of what is shared
    between two players (Mitchell R et al., J Mach Learn Res 2022;23:1-46).
    """
    generator = np.random.default_rng(seed)
    taken = list(model.feature_names_in_)
    place = {column: i for i, group in enumerate(groups) for column in group}
    number, players = len(rows), len(groups)
    start, end = log_odds(model, background), log_odds(model, rows)
    values = np.zeros((number, players))
    for one in range(len(background)):
        order = generator.permutation(players)
        # told[step, player]: the coalitions in between, of the order and of its reverse.
        steps = np.arange(1, players)[:, None]
        rank = np.argsort(order)
        told = np.concatenate([rank < steps, rank >= players - steps])
        whole = pd.concat([rows[taken], background[taken].iloc[[one]]], ignore_index=True)
        own = np.arange(number)
        mixed = {c: whole[c].array.take(np.where(told[:, [place[c]]], own, number).ravel()) for c in taken}
        worth = log_odds(model, pd.DataFrame(mixed)).reshape(2, players - 1, number)
        for line, players_in_order in zip(worth, (order, order[::-1]), strict=True):
            course = np.concatenate([np.full((1, number), start[one]), line, end[None]])
            values[:, players_in_order] += np.diff(course, axis=0).T / (2 * len(background))
    return Parts(float(start.mean()), values, end)


def centred(parts: Parts, without: Bool[np.ndarray, " rows"]) -> Parts:
    """The parts with each group's mean over rows, but for those in `without`, moved into the base."""
    mean = parts.values[~without].mean(axis=0)
    return Parts(parts.base + float(mean.sum()), parts.values - mean, parts.log_odds)
