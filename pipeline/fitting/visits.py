"""From observations to what a fit needs: readings by visit, whitened by their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.fitting.sensors import QUESTIONS, SENSORS, YEAR, Sensor, Visits

LATEST = 6      # visits of one sensor that are used, the latest: earlier ones say little more


class Readings(NamedTuple):
    """What one sensor read, for all people; zero where there was no visit."""

    value: Float[np.ndarray, "people visits"]
    years: Float[np.ndarray, "people visits"]             # before today, so at most 0
    whiten: Float[np.ndarray, "people visits visits"]     # from errors to standard normal numbers; 0 without a visit

    @property
    def number(self) -> np.ndarray:
        """How many visits each person has."""
        return (np.abs(self.whiten).sum(axis=2) > 0).sum(axis=1)


def gather(people: pd.DataFrame, observations: pd.DataFrame) -> tuple[dict[str, Any], list[Readings]]:
    """Age and sex of people, and what each of `SENSORS` read of them by time zero."""
    ids, visits = people["person_id"].to_numpy(dtype=str), collect(observations)
    known = {"age_years": people["age_years"].to_numpy(dtype=float), "male": (people["sex"] == "male").to_numpy(float)}
    return known, [read(sensor, visits, ids) for sensor in SENSORS]


class Answers(NamedTuple):
    """Whether each person has a trait, by the latest visit at which it was asked for."""

    has: Float[np.ndarray, " people"]       # 1 or 0; NaN where nothing was answered, or both
    both: Float[np.ndarray, " people"]      # whether the visit says that the person has it and has not


def ask(trait: str, observations: pd.DataFrame, people: Sequence[str]) -> Answers:
    """What was answered about one trait, none of it after time zero."""
    found = []
    for question in (q for q in QUESTIONS if q.tells == trait):
        rows = observations[(observations["variable"] == question.variable) & (observations["time_d"] <= 0)]
        if question.answers is None:
            has = (rows["value"] > 0).astype(float).where(rows["value"].notna())
        else:
            has = rows["text"].map(question.answers).astype(float)
        found.append(rows[["person_id", "time_d"]].assign(has=has))
    visits = pd.concat(found).dropna().groupby(["person_id", "time_d"], sort=True)["has"].agg(["min", "max"])
    latest = visits.groupby("person_id").last().reindex(people)
    both = (latest["min"] < latest["max"]).to_numpy()
    return Answers(np.where(both, np.nan, latest["min"].to_numpy(float)), both)


def collect(observations: pd.DataFrame) -> Visits:
    """Readings of numbers by person and day, none after time zero."""
    known = observations[observations["value"].notna() & (observations["time_d"] <= 0)]
    grouped = known.groupby(["person_id", "time_d", "variable"], sort=True)["value"]
    return Visits(grouped.mean().unstack("variable"), grouped.size().unstack("variable"))


def read(sensor: Sensor, visits: Visits, people: Sequence[str]) -> Readings:
    """The latest visits of each person at which the sensor read something."""
    found = sensor.read(visits).dropna()
    person, day = (found.index.get_level_values(level).to_numpy() for level in (0, 1))
    last = np.append(person[1:] != person[:-1], True)[: len(person)]       # visits are sorted by person and day
    place = np.flatnonzero(last)[np.cumsum(last) - last] - np.arange(len(person))        # 0: the latest
    row = pd.Index(people).get_indexer(person)
    kept = (place < LATEST) & (row >= 0)
    at = (row[kept], place[kept])
    shape = (len(people), int(at[1].max(initial=0)) + 1)
    value, years, there, times = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool), np.ones(shape)
    value[at], years[at], there[at] = found.to_numpy()[kept], day[kept] / YEAR, True
    if sensor.days in visits.count:
        counted = visits.count[sensor.days].reindex(found.index[kept])
        times[at] = counted.fillna(1.0).clip(lower=1.0)
    return Readings(value, years, _whitening(sensor, years, there, times))


def read_rows(table: pd.DataFrame, years: Float[np.ndarray, " people"] | float = 0.0) -> list[Readings]:
    """What every sensor reads in a table of one visit a person, so many years from today.

    `table` has a column a variable. How many readings a number is the mean of is not known from it: one is assumed.
    """
    rows = np.arange(len(table)).astype(str)
    times = YEAR * np.broadcast_to(years, len(table))
    index = pd.MultiIndex.from_arrays([rows, times], names=["person_id", "time_d"])
    mean = table.select_dtypes("number").set_axis(index)
    visits = Visits(mean, mean.notna().astype(float))
    return [read(sensor, visits, list(rows)) for sensor in SENSORS]


def _whitening(sensor: Sensor, years: np.ndarray, there: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Inverse Cholesky factors of the errors: of a visit, shared by all, and of the wandering since the visit."""
    since = np.minimum(np.abs(years)[:, :, None], np.abs(years)[:, None, :])
    covariance = sensor.drift**2 * since + sensor.shared**2
    diagonal = np.arange(years.shape[1])
    covariance[:, diagonal, diagonal] += sensor.sd**2 / times
    both = there[:, :, None] & there[:, None, :]
    whole = np.where(both, covariance, np.eye(years.shape[1]))
    return np.where(both, np.linalg.inv(np.linalg.cholesky(whole)), 0.0)
