"""How sure a risk is: what is unknown about the person apart from what is unknown about the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from joblib import delayed

from pipeline.fitting import Population
from pipeline.models.cross_validation import INTERVAL, Builder, failed, put_through, refit, split
from pipeline.models.matrix import FeatureSet, Matrix, TwinDraws, take
from pipeline.models.processes import spread_out
from pipeline.models.sums import Sums

TRIES = 100        # to draw people among whom some have the event and some have not


class Member(NamedTuple):
    """A model fitted to some people, and what they taught about the twins of others."""

    estimator: Any
    population: Population | None              # None without twin features, or of the literature
    seed: int                                  # that draws of a person are taken with

    def risks(
        self, frame: pd.DataFrame, columns: FeatureSet, draws: TwinDraws | None, some: Int[np.ndarray, " some"]
    ) -> tuple[Float[np.ndarray, "some draws"], Int[np.ndarray, "some draws"]]:
        """The risk of some people for each draw, and which draw it is; NaN where a twin that the model hears failed."""
        return risks_of([self], frame, columns, draws, some)[0]


def risks_of(
    members: Sequence[Member],
    frame: pd.DataFrame,
    columns: FeatureSet,
    draws: TwinDraws | None,
    some: Int[np.ndarray, " some"],
) -> list[tuple[Float[np.ndarray, "some draws"], Int[np.ndarray, "some draws"]]]:
    """`Member.risks` of each member; the rows of a person's draws are made once for all of them."""
    block = draws.features if draws is not None and columns.mechanistic else None

    each = [member.estimator for member in members]
    sums = Sums.of(each)

    def work(rows: pd.DataFrame) -> np.ndarray:
        if sums is not None:
            return sums.risks(rows)
        return np.stack([one.predict_proba(rows[one.feature_names_in_])[:, 1] for one in each], axis=1)

    every = put_through(work, columns.columns, frame, columns, block, some)
    found = []
    for member, risk in zip(members, np.moveaxis(every, 2, 0), strict=True):
        if draws is None or block is None:
            found.append((risk, np.zeros(risk.shape, dtype=np.int16)))
            continue
        which = draws.under(member.population, member.seed)
        lost = failed(take(block, which)[some], columns, member.estimator)
        taken = np.take_along_axis(risk, which[some].astype(np.int64), axis=1)
        found.append((np.where(lost[:, None], np.nan, taken), which[some]))
    return found


class RiskSamples(NamedTuple):
    """Risks of one model, for each refit to people drawn again and each draw of the person's twins."""

    person_id: np.ndarray
    risk: Float[np.ndarray, "people refits draws"]
    draw: Int[np.ndarray, "people refits draws"]       # which draw of the person each risk is of

    def parts(self) -> pd.DataFrame:
        """A row a person: mean, 95 % interval and the two parts of its spread, whose squares add up to all of it.

        `person_sd` is what draws of the twins differ by under one model, `model_sd` what refits differ by on the mean
        over draws. Without twin features a model knows of no doubt about the person, and its part is missing.
        """
        drawn = self.risk.shape[2] > 1
        person = np.sqrt(self.risk.var(axis=2).mean(axis=1)) if drawn else np.full(len(self.risk), np.nan)
        model = self.risk.mean(axis=2).std(axis=1)
        low, high = np.quantile(self.risk, INTERVAL, axis=(1, 2))
        return pd.DataFrame(
            {
                "person_id": self.person_id.astype(str),
                "risk": self.risk.mean(axis=(1, 2)),
                "low": low,
                "high": high,
                "person_sd": person,
                "model_sd": model,
            }
        )


def sample_risks(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    *,
    folds: int,
    refits: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> RiskSamples:
    """Risks of each person by `refits` models of the feature set `name`, each fitted without their fold.

    A refit learns from the training groups drawn again with replacement. Who has failed twins has NaN throughout.
    """
    fold = split(matrix.event, matrix.groups, folds=folds, seed=seed)
    used = draws if matrix.sets[name].mechanistic else None
    tasks = [(number, again) for number in range(folds) for again in range(refits)]
    calls = (
        delayed(_one)(matrix, used, builder, name, fold, number, (seed, number, again), train_draws)
        for number, again in tasks
    )
    risk = np.full((len(fold), refits, 1 if used is None else used.features.shape[1]), np.nan)
    draw = np.zeros(risk.shape, dtype=np.int16)
    results = spread_out(calls, jobs=jobs, label="refit", progress=progress)
    for (number, again), found in zip(tasks, results, strict=True):
        risk[fold == number, again], draw[fold == number, again] = found
    return RiskSamples(matrix.frame.index.to_numpy(dtype=str), risk, draw)


def learn_members(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    *,
    refits: int,
    seed: int,
    train_draws: int,
    jobs: int = 2,
    progress: bool = False,
) -> list[Member]:
    """The model of the feature set `name` fitted to everybody, and after it `refits` to people drawn again."""
    everybody = np.arange(len(matrix.event))
    drawn = [_drawn_again(matrix, everybody, np.random.default_rng((seed, again))) for again in range(refits)]
    calls = (
        delayed(_learn)(matrix, draws, builder, name, people, seed + number, train_draws)
        for number, people in enumerate([everybody, *drawn])
    )
    return list(spread_out(calls, jobs=jobs, label="model", progress=progress))


def _one(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    fold: Int[np.ndarray, " people"],
    number: int,
    seed: tuple[int, int, int],
    train_draws: int,
) -> tuple[Float[np.ndarray, "test draws"], Int[np.ndarray, "test draws"]]:
    member = refit_again(matrix, draws, builder, name, fold, number, seed, train_draws)
    return member.risks(matrix.frame, matrix.sets[name], draws, np.flatnonzero(fold == number))


def _learn(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    people: Int[np.ndarray, " some"],
    seed: int,
    train_draws: int,
) -> Member:
    heard = draws if matrix.sets[name].mechanistic else None
    population = None if heard is None else heard.learn(people)
    settings: dict[str, Any] = {"seed": seed, "train_draws": train_draws, "people": people, "population": population}
    return Member(refit(matrix, heard, builder, name, **settings), population, seed)


def refit_again(
    matrix: Matrix,
    draws: TwinDraws | None,
    builder: Builder,
    name: str,
    fold: Int[np.ndarray, " people"],
    number: int,
    seed: tuple[int, int, int],
    train_draws: int,
) -> Member:
    """One model of `sample_risks`, which never saw fold `number`.

    `seed` is that of the study, then fold and refit, so that whoever asks again gets the same model.
    """
    people = _drawn_again(matrix, np.flatnonzero(fold != number), np.random.default_rng(seed))
    return _learn(matrix, draws, builder, name, people, seed[0] + seed[2], train_draws)


def _drawn_again(
    matrix: Matrix, train: Int[np.ndarray, " train"], generator: np.random.Generator
) -> Int[np.ndarray, " drawn"]:
    """The people of as many groups as there are, drawn with replacement."""
    names, code = np.unique(matrix.groups[train].astype(str), return_inverse=True)
    for _ in range(TRIES):
        drawn = generator.integers(len(names), size=len(names))
        people = np.repeat(train, np.bincount(drawn, minlength=len(names))[code])
        if len(set(matrix.event[people])) == 2:
            break
    return people
