"""Risks of people by models that never saw them: grouped, stratified, repeated cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from joblib import delayed
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from pipeline.fitting import Population
from pipeline.models.columns import round_medians
from pipeline.models.matrix import FeatureSet, FollowUp, Matrix, TwinDraws, take
from pipeline.models.processes import spread_out
from pipeline.runs import RunError

Builder = Callable[[int, Sequence[str], Mapping[str, Sequence[str]], int], Any]

INTERVAL = (0.025, 0.975)
ROUTINE_ONLY = frozenset({"hybrid"})      # models that make their own mechanistic features
ROWS = 100_000   # of draws put through a model at once; bounds memory, not the result


class FewEventsError(RunError):
    """A model has fewer events to learn from than it needs."""


def split(
    event: Int[np.ndarray, " people"], groups: np.ndarray, *, folds: int, seed: int
) -> Int[np.ndarray, " people"]:
    """The test fold of each person: groups stay whole, folds have like shares of events.

    Raises `RunError` when events, or people without one, are in fewer groups than there are folds.
    """
    for value, who in ((1, "with the event"), (0, "without the event")):
        found = len(set(groups[event == value]))
        if found < folds:
            raise RunError(
                f"{int((event == value).sum())} people {who} in {found} groups are too few for {folds} "
                "folds: lower folds under [models], or widen the cohort"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(event), dtype=np.int64)
    for number, (_, test) in enumerate(splitter.split(np.zeros((len(event), 1)), event, groups)):
        fold[test] = number
    for number in range(folds):
        if len(set(event[fold != number])) < 2 or not (fold == number).any():
            raise RunError(f"the groups are too large for {folds} folds: lower folds under [models]")
    return fold


def pairs(models: Iterable[str], sets: Mapping[str, FeatureSet]) -> list[tuple[str, str]]:
    """Every model with every feature set that it takes."""
    return [(m, s) for m, s in product(models, sets) if not (m in ROUTINE_ONLY and sets[s].mechanistic)]


def out_of_fold(
    matrix: Matrix,
    draws: TwinDraws | None,
    builders: Mapping[str, Builder],
    *,
    folds: int,
    repeats: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """The risk of each person by models fitted without their fold: a row a model, set, repeat, person.

    Sets with twin features learn from `train_draws` draws a person, each a row with its share of the person's
    weight, as multiple imputation does: a model that has only seen means would take a draw's deviation for a
    difference between people, and give ranges far too wide. The risk is the mean over all draws, the range
    their 95 %. The range is missing for a person with a failed twin: no draws, or a feature that others have
    and all of theirs lack. In each fold draws are those under the population that its training people come from. The
    values do not depend on `jobs`.
    """
    fold_of = [split(matrix.event, matrix.groups, folds=folds, seed=seed + r) for r in range(repeats)]
    drawn = [_redrawn(draws, fold, seed) for fold in fold_of]
    tasks = [(*pair, repeat) for pair in pairs(builders, matrix.sets) for repeat in range(repeats)]
    calls = (
        delayed(_predict)(
            builders[model],
            matrix.frame[matrix.sets[name].columns],
            matrix.event,
            fold_of[repeat],
            matrix.sets[name],
            (draws.features, drawn[repeat]) if draws and matrix.sets[name].mechanistic else None,
            train_draws,
            seed,
            matrix.follow,
            matrix.later,
            matrix.groups,
        )
        for model, name, repeat in tasks
    )
    results = spread_out(calls, jobs=jobs, label="train", progress=progress)
    tables = [
        pd.DataFrame(
            {
                "person_id": matrix.frame.index.to_numpy(),
                "model": model,
                "feature_set": name,
                "repeat": repeat,
                "fold": fold_of[repeat],
                "event": matrix.event,
                "weight": matrix.weight,
                "risk": risk,
                "risk_low": low,
                "risk_high": high,
            }
        )
        for (model, name, repeat), (risk, low, high) in zip(tasks, results, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.astype({"person_id": "str", "model": "str", "feature_set": "str"})


def fit(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " rows"],
    columns: FeatureSet,
    *,
    seed: int,
    rows_per_person: int = 1,
    weight: Float[np.ndarray, " rows"] | float = 1.0,
    follow: FollowUp | None = None,
    later: pd.DataFrame | None = None,
    groups: np.ndarray | None = None,
) -> Any:
    """A model fitted to these rows; its `feature_names_in_` are the columns it uses.

    `weight` is of the person, whose rows share it; `follow`, of the rows, is for models that learn from time. `later`
    holds the next visit of each row, of which a model learns if it can, and which it never needs for a prediction.
    `groups` are rows that a model which sets some of them aside keeps together; without them, those of a person. A
    column that nobody has teaches nothing and is left out. Raises `RunError` for a model that has fewer events to learn
    from than it needs (`FewEventsError`), or no time.
    """
    known = [name for name in columns.columns if frame[name].notna().any()]
    if not known:
        raise RunError("no column of a feature set has a value for anyone: see the quality report")
    numbers = [name for name in columns.numbers if name in known]
    categories = {name: levels for name, levels in columns.categories.items() if name in known}
    shared = np.broadcast_to(weight, len(event)) / rows_per_person
    model = builder(seed, numbers, categories, rows_per_person)
    last = _classifier(model)
    events, needed = int(event.sum()) // rows_per_person, getattr(last, "fewest_events", 0)
    if events < needed:
        raise FewEventsError(
            f"{type(last).__name__}: {events} events to learn from are too few, it needs {needed}: widen the cohort or "
            "lengthen the horizon, or take a model that asks less of them under [models] names, such as logistic"
        )
    given: dict[str, Any] = {"risk__sample_weight": shared}
    if getattr(last, "learns_from_time", False):
        if follow is None:
            raise RunError(
                f"{type(last).__name__} learns from when the event came, and nobody was followed: take it out of names "
                "under [models], or give [outcome] events and horizon_years"
            )
        given["risk__follow"] = follow
    if later is not None and getattr(last, "learns_from_later", False):
        given["risk__later"] = later
    if getattr(last, "learns_in_groups", False):
        given["risk__groups"] = np.arange(len(event)) // rows_per_person if groups is None else groups
    return round_medians(model.fit(frame[known], event, **given))


def learns_from_time(builder: Builder) -> bool:
    """Whether a model is told when each person's follow-up ended, and how, instead of the event by the horizon alone.

    It then also learns from those who were lost before the horizon. Its classifier has `learns_from_time` set, and its
    `fit` takes `follow`.
    """
    return getattr(_classifier(builder(0, ("any",), {}, 1)), "learns_from_time", False)


def _classifier(model: Any) -> Any:
    """The last step of a model, which says what it needs."""
    return model[-1] if isinstance(model, Pipeline) else model


def refit(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    *,
    seed: int,
    train_draws: int,
    people: Int[np.ndarray, " some"] | None = None,
    population: Population | None = None,
) -> Any:
    """The model of one feature set fitted to everybody, or to some, for use on others.

    `population` is what the same people taught about the twins, learned here if it is not given.
    """
    columns = matrix.sets[name]
    some = np.arange(len(matrix.event)) if people is None else people
    block = None
    if draws is not None and columns.mechanistic:
        block = take(draws.features, draws.under(population or draws.learn(some), seed))
    told = (matrix.follow, matrix.later, matrix.groups)
    return _fit_people(builder, matrix.frame, matrix.event, columns, block, some, train_draws, seed, *told)


def _redrawn(draws: TwinDraws | None, fold: Int[np.ndarray, " people"], seed: int) -> list[np.ndarray]:
    """For each fold everybody's draws under the population that its training people come from."""
    if draws is None:
        return []
    return [draws.redrawn(np.flatnonzero(fold != number), seed) for number in np.unique(fold)]


def _fit_people(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    train: Int[np.ndarray, " some"],
    train_draws: int,
    seed: int,
    follow: FollowUp | None,
    later: pd.DataFrame | None,
    groups: np.ndarray,
) -> Any:
    weight = np.ones(len(train))
    if follow is not None and not learns_from_time(builder):      # then whoever was lost teaches nothing
        weight = follow.learning_weight(train)
        train, weight = train[weight > 0], weight[weight > 0]
    times = 1
    rows = frame[columns.columns].iloc[train]
    if draws is not None and columns.mechanistic:
        # Each person gets other draws, so that all of them together have the distribution of all draws.
        count = draws.shape[1]
        times = min(train_draws, count)
        which = (np.arange(len(draws))[:, None] + np.arange(times)[None, :] * count // times) % count
        rows = drawn_rows(frame, columns, np.take_along_axis(draws, which[:, :, None], axis=1), train)
    who = np.repeat(train, times)
    return fit(
        builder,
        rows,
        event[who],
        columns,
        seed=seed,
        rows_per_person=times,
        weight=np.repeat(weight, times),
        follow=None if follow is None else follow.of(who),
        later=None if later is None else later.iloc[who],
        groups=groups[who],
    )


def drawn_rows(
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"],
    some: Int[np.ndarray, " some"],
) -> pd.DataFrame:
    """A row for each draw of some people: their routine variables beside the drawn twin features."""
    routine = [name for name in columns.columns if name not in columns.mechanistic]
    rows = frame[routine].iloc[np.repeat(some, draws.shape[1])].reset_index(drop=True)
    # Side by side at once: column by column takes longer than the model for a person alone.
    drawn = pd.DataFrame(draws[some].reshape(len(rows), -1), columns=list(columns.mechanistic))
    return pd.concat([rows, drawn], axis=1)[columns.columns]


def _predict(
    builder: Builder,
    frame: pd.DataFrame,
    event: Int[np.ndarray, " people"],
    fold: Int[np.ndarray, " people"],
    columns: FeatureSet,
    drawn: tuple[Float[np.ndarray, "people draws features"], Sequence[np.ndarray]] | None,
    train_draws: int,
    seed: int,
    follow: FollowUp | None,
    later: pd.DataFrame | None,
    groups: np.ndarray,
) -> tuple[Float[np.ndarray, " people"], Float[np.ndarray, " people"], Float[np.ndarray, " people"]]:
    risk, low, high = (np.full(len(event), np.nan) for _ in range(3))
    for number in np.unique(fold):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        draws = None if drawn is None else take(drawn[0], drawn[1][number])
        estimator = _fit_people(builder, frame, event, columns, draws, train, train_draws, seed, follow, later, groups)
        each = predict_draws(estimator, frame, columns, draws, test)
        risk[test] = each.mean(axis=1)
        if draws is not None:
            known = ~failed(draws[test], columns, estimator)
            low[test[known]], high[test[known]] = np.quantile(each[known], INTERVAL, axis=1)
    return risk, low, high


def predict_draws(
    estimator: Any,
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    some: Int[np.ndarray, " some"],
) -> Float[np.ndarray, "some draws"]:
    """The risk of some people for each of their draws; one column where a model takes no twin features."""
    return put_through(
        lambda rows: estimator.predict_proba(rows)[:, 1:], estimator.feature_names_in_, frame, columns, draws, some
    )[:, :, 0]


def put_through(
    work: Callable[[pd.DataFrame], np.ndarray],
    taken: Sequence[str],
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: Float[np.ndarray, "people draws features"] | None,
    some: Int[np.ndarray, " some"],
) -> Float[np.ndarray, "some draws values"]:
    """What `work` gives for the columns `taken` of some people, for each of their draws."""
    if draws is None or not columns.mechanistic:
        return work(frame[taken].iloc[some])[:, None]
    parts = []
    for part in np.array_split(np.arange(len(some)), 1 + len(some) * draws.shape[1] // ROWS):
        rows = drawn_rows(frame, columns, draws, some[part])
        parts.append(work(rows[taken]).reshape(len(part), draws.shape[1], -1))
    return np.concatenate(parts)


def failed(
    draws: Float[np.ndarray, "people draws features"], columns: FeatureSet, estimator: Any
) -> Bool[np.ndarray, " people"]:
    """Who has no draws, or lacks in all of them a twin feature that the model takes."""
    lacks = np.isnan(draws).all(axis=1)
    heard = set(estimator.feature_names_in_)
    taken = np.array([name in heard for name in columns.mechanistic], dtype=bool)
    return lacks[:, taken].any(axis=1) | lacks.all(axis=1)
