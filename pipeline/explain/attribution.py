"""What raises and lowers each person's risk, how sure that is, and which order of reasons survives refitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from joblib import delayed

from pipeline.explain.groups import Group
from pipeline.explain.shapley import by_permutation, centred, is_linear, log_odds, of_linear
from pipeline.models import Builder, Matrix, TwinDraws, drawn_rows, failed, refit_again, split, spread_out, take

INTERVAL = (0.025, 0.975)
HOLDS = 0.9            # share of refits in which an order has to be the same, to be told
AS_IT_IS = ""
CHANCE = 0.01          # of no better ranking by guessing, above which the model tells nothing and nothing is ranked
BACKGROUND = 8         # people beside whom a model that is not linear is taken apart at each refit
SOME = 4               # draws of a person, evenly spaced, for which other values are put in
# Columns of the model in place of their own, by what is asked: values for each draw of each person.
Changes = Mapping[str, Mapping[str, Float[np.ndarray, "people draws"]]]


class Samples(NamedTuple):
    """Log odds of people by models that never saw them, taken apart: a value for each refit and draw explained."""

    person_id: np.ndarray
    groups: tuple[Group, ...]
    base: Float[np.ndarray, "people refits"]
    values: Float[np.ndarray, "people refits draws groups"]         # contributions, rounded; NaN where twins failed
    by_refit: Float[np.ndarray, "people refits groups"]             # their mean over draws
    log_odds: Float[np.ndarray, "people refits"]                    # mean over draws, as the model gives them
    some: Float[np.ndarray, "people refits some"]                   # log odds of `SOME` draws as they are,
    changed: dict[str, Float[np.ndarray, "people refits some"]]     # and with other values put in


def explain(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    groups: Sequence[Group],
    changes: Changes,
    *,
    folds: int,
    refits: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> Samples:
    """Contributions of `groups` to each person's log odds, by the models of `models.sample_risks`.

    A linear model is taken apart in closed form for every draw, with everybody as background. Any other is by random
    orders of the groups, for another draw of each person at each refit, so that what is unknown of the person and of
    the model both spread the values. Its background are `BACKGROUND` people, others at each refit. As so few are not
    the average, each group's mean over the people explained is moved into the base, where it is 0 but for interactions
    of groups that go together: contributions tell how a person differs from the average one.
    """
    fold = split(matrix.event, matrix.groups, folds=folds, seed=seed)
    used = draws if matrix.sets[name].mechanistic else None
    tasks = [(number, again) for number in range(folds) for again in range(refits)]
    calls = (
        delayed(_one)(
            matrix, used, builder, name, groups, changes, fold, number, (seed, number, again), train_draws
        )
        for number, again in tasks
    )
    people = len(fold)
    base, sums = (np.full((people, refits), np.nan) for _ in range(2))
    values, changed = np.empty(0), {}
    by_refit = np.full((people, refits, len(groups)), np.nan)
    results = spread_out(calls, jobs=jobs, label="explain", progress=progress)
    for (number, again), found in zip(tasks, results, strict=True):
        if not values.size:
            values = np.full((people, refits, *found.values.shape[1:]), np.nan, dtype=np.float32)
            changed = {key: np.full((people, refits, part.shape[1]), np.nan) for key, part in found.changed.items()}
        test = fold == number
        base[test, again], values[test, again], sums[test, again] = found.base, found.values, found.log_odds
        by_refit[test, again] = found.values.mean(axis=1)
        for key, part in found.changed.items():
            changed[key][test, again] = part
    some = changed.pop(AS_IT_IS)
    return Samples(matrix.frame.index.to_numpy(dtype=str), tuple(groups), base, values, by_refit, sums, some, changed)


class _Found(NamedTuple):
    """What one refit says of the people of its fold."""

    base: float
    values: Float[np.ndarray, "test draws groups"]
    log_odds: Float[np.ndarray, " test"]
    changed: dict[str, Float[np.ndarray, "test some"]]


def _one(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    groups: Sequence[Group],
    changes: Changes,
    fold: Int[np.ndarray, " people"],
    number: int,
    seed: tuple[int, int, int],
    train_draws: int,
) -> _Found:
    member = refit_again(matrix, draws, builder, name, fold, number, seed, train_draws)
    model, test, columns = member.estimator, np.flatnonzero(fold == number), matrix.sets[name]
    exact = is_linear(model)
    if draws is None:
        spaced = _spaced(next((values.shape[1] for by in changes.values() for values in by.values()), 1))
        rows, few = (matrix.frame.iloc[np.repeat(test, count)].reset_index(drop=True) for count in (1, len(spaced)))
        picks, lacks = np.tile(spaced, (len(test), 1)), np.zeros(len(test), dtype=bool)
    else:
        which = draws.under(member.population, member.seed)
        block = take(draws.features[test], which[test])
        count, of_test, own = block.shape[1], matrix.frame.iloc[test], np.arange(len(test))
        places, spaced = np.arange(count) if exact else np.array([seed[2] % count]), _spaced(count)
        rows, few = (drawn_rows(of_test, columns, block[:, some], own) for some in (places, spaced))
        picks, lacks = which[test][:, spaced].astype(np.int64), failed(block, columns, model)
    told = [[column for column in group.columns if column in model.feature_names_in_] for group in groups]
    if exact:
        parts = of_linear(model, rows, told, matrix.frame)
    else:
        whole = np.arange(len(fold)) if draws is None else np.flatnonzero(~failed(draws.features, columns, model))
        others = np.random.default_rng(seed).choice(whole, BACKGROUND)
        parts = centred(by_permutation(model, rows, told, matrix.frame.iloc[others], seed=seed), lacks)

    def of_people(found: np.ndarray, *shape: int) -> np.ndarray:
        by_person = found.reshape(len(test), -1, *shape)
        by_person[lacks] = np.nan
        return by_person

    asked = {AS_IT_IS: {}, **changes}
    put = [
        few.assign(**{c: np.take_along_axis(new[test], picks, axis=1).ravel() for c, new in by_column.items()})
        for by_column in asked.values()
    ]
    found = log_odds(model, pd.concat(put, ignore_index=True)).reshape(len(asked), -1)
    changed = {key: of_people(one) for key, one in zip(asked, found, strict=True)}
    return _Found(parts.base, of_people(parts.values, len(groups)), of_people(parts.log_odds).mean(axis=1), changed)


def _spaced(count: int) -> Int[np.ndarray, " some"]:
    return np.linspace(0, count, min(SOME, count), endpoint=False).astype(np.int64)


def tells(samples: Samples, event: Int[np.ndarray, " people"], weight: Float[np.ndarray, " people"]) -> bool:
    """Whether the log odds of people whom the models never saw rank those with the event higher than guessing would."""
    from scipy.stats import mannwhitneyu

    mean = samples.log_odds.mean(axis=1)
    known = (weight > 0) & np.isfinite(mean)
    risk, happened = mean[known], event[known] == 1
    if happened.all() or not happened.any():
        return False
    return bool(mannwhitneyu(risk[happened], risk[~happened], alternative="greater").pvalue < CHANCE)


def surviving_ranks(values: Float[np.ndarray, "*things refits groups"]) -> Float[np.ndarray, "*things groups"]:
    """The rank of each group by absolute size, 1 for the largest, as far as it survives refitting; else NaN.

    A group has rank k if it is the k-th by its mean, is so with the same sign in at least `HOLDS` of the refits, and
    all groups before it have their ranks.

    >>> surviving_ranks(np.array([[[3.0, -1.0, 0.2], [2.9, -1.1, -0.2], [3.2, -0.9, 0.1]]])).tolist()
    [[1.0, 2.0, nan]]
    """
    mean = values.mean(axis=-2)
    order = np.argsort(-np.abs(mean), axis=-1, kind="stable")
    orders = np.argsort(-np.abs(values), axis=-1, kind="stable")
    there = orders == order[..., None, :]
    same = np.sign(values) == np.sign(mean)[..., None, :]
    stays = (there & np.take_along_axis(same, orders, axis=-1)).mean(axis=-2) >= HOLDS
    kept = np.where(np.logical_and.accumulate(stays, axis=-1), np.arange(1.0, mean.shape[-1] + 1.0), np.nan)
    ranks = np.full(mean.shape, np.nan)
    np.put_along_axis(ranks, order, kept, axis=-1)
    return np.where(np.isnan(mean), np.nan, ranks)


def attributions(samples: Samples, ranked: bool) -> pd.DataFrame:
    """A row a person and group: mean contribution, 95 % over refits and draws, rank where it survives.

    A person's contributions and `base`, the mean log odds of the background, add up to `log_odds`.
    `ranked` is what `tells` says: without it no rank is given.
    """
    people, groups = len(samples.person_id), samples.groups
    flat = samples.values.reshape(people, -1, len(groups))
    low, high = (np.empty((people, len(groups))) for _ in INTERVAL)
    for part in np.array_split(np.arange(people), 1 + people // 500):      # bounds memory
        low[part], high[part] = np.quantile(flat[part], INTERVAL, axis=1)
    ranks = surviving_ranks(samples.by_refit) if ranked else np.full(low.shape, np.nan)
    names = [group.name for group in groups]
    return pd.DataFrame(
        {
            "person_id": pd.array(np.repeat(samples.person_id, len(groups)), dtype="str"),
            "group": pd.array(np.tile(names, people), dtype="str"),
            "label": pd.array(np.tile(names, people), dtype="str"),
            "contribution": samples.by_refit.mean(axis=1).ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
            "rank": ranks.ravel(),
            "base": np.repeat(samples.base.mean(axis=1), len(groups)),
            "log_odds": np.repeat(samples.log_odds.mean(axis=1), len(groups)),
        }
    )


def overall(samples: Samples, ranked: bool) -> pd.DataFrame:
    """A row a group: mean absolute contribution over people, its 95 % over refits, rank where it survives."""
    by_refit = np.nanmean(np.abs(samples.by_refit), axis=0)
    low, high = np.quantile(by_refit, INTERVAL, axis=0)
    rank = surviving_ranks(by_refit) if ranked else np.full(len(samples.groups), np.nan)
    return pd.DataFrame(
        {
            "group": pd.array([group.name for group in samples.groups], dtype="str"),
            "label": pd.array([group.name for group in samples.groups], dtype="str"),
            "kind": pd.array([group.kind for group in samples.groups], dtype="str"),
            "mean_absolute": by_refit.mean(axis=0),
            "low": low,
            "high": high,
            "rank": rank,
        }
    ).sort_values("mean_absolute", ascending=False, ignore_index=True)
