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


def ask(trait: str, observations: pd.DataFrame, people: Sequence[Any]) -> Answers:
    """What was answered about one trait, none of it after time zero."""
    questions = [question for question in QUESTIONS if question.tells == trait]
    told = observations["variable"].isin([question.variable for question in questions])
    rows = observations[told & (observations["time_d"] <= 0)]
    variable, text = (rows[name].to_numpy(dtype=object) for name in ("variable", "text"))
    value, time = (rows[name].to_numpy(dtype=float) for name in ("value", "time_d"))
    has = np.full(len(rows), np.nan)
    for question in questions:
        asked = np.flatnonzero(variable == question.variable)
        if question.answers is None:
            has[asked] = np.where(np.isnan(value[asked]), np.nan, value[asked] > 0)
        else:
            has[asked] = [question.answers.get(answer, np.nan) for answer in text[asked]]
    answered = np.flatnonzero(~np.isnan(has))
    row = pd.Index(people).get_indexer(rows["person_id"].to_numpy(dtype=object)[answered])
    row, time, has = row[row >= 0], time[answered][row >= 0], has[answered][row >= 0]
    latest, least, most = (np.full(len(people), start) for start in (-np.inf, np.inf, -np.inf))
    np.maximum.at(latest, row, time)
    last = time == latest[row]
    np.minimum.at(least, row[last], has[last])
    np.maximum.at(most, row[last], has[last])
    both = least < most
    return Answers(np.where(least == most, least, np.nan), both)


def collect(observations: pd.DataFrame) -> Visits:
    """Readings of numbers by person and day, none after time zero."""
    value, time = (observations[name].to_numpy(dtype=float) for name in ("value", "time_d"))
    used = ~np.isnan(value) & (time <= 0)
    person, persons = pd.factorize(observations["person_id"].to_numpy(dtype=object)[used], sort=True)
    variable, names = pd.factorize(observations["variable"].to_numpy(dtype=object)[used])
    order = np.lexsort((time[used], person))
    person, variable, time, value = (a[order] for a in (person, variable, time[used], value[used]))
    first = np.ones(len(person), dtype=bool)
    first[1:] = (person[1:] != person[:-1]) | (time[1:] != time[:-1])
    shape = (len(names), int(first.sum()))
    cell = variable * shape[1] + np.cumsum(first) - 1
    count = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cell, weights=value, minlength=shape[0] * shape[1]).reshape(shape)
    mean = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
    pairs = (dict(zip(names, part, strict=True)) for part in (mean, count))
    return Visits(persons[person[first]], time[first], *pairs)


def read(sensor: Sensor, visits: Visits, people: Sequence[Any]) -> Readings:
    """The latest visits of each person at which the sensor read something."""
    with np.errstate(all="ignore"):
        found = sensor.read(visits)
    at_visit = np.flatnonzero(~np.isnan(found))
    person, day = visits.person[at_visit], visits.time_d[at_visit]
    last = np.append(person[1:] != person[:-1], True)[: len(person)]       # visits are sorted by person and day
    place = np.flatnonzero(last)[np.cumsum(last) - last] - np.arange(len(person))        # 0: the latest
    row = pd.Index(people).get_indexer(person)
    kept = (place < LATEST) & (row >= 0)
    at = (row[kept], place[kept])
    shape = (len(people), int(at[1].max(initial=0)) + 1)
    value, years, there, times = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool), np.ones(shape)
    value[at], years[at], there[at] = found[at_visit][kept], day[kept] / YEAR, True
    if sensor.days in visits.number:
        times[at] = np.maximum(visits.number[sensor.days][at_visit][kept], 1)
    return Readings(value, years, _whitening(sensor, years, there, times))


def read_rows(table: pd.DataFrame, years: Float[np.ndarray, " people"] | float = 0.0) -> list[Readings]:
    """What every sensor reads in a table of one visit a person, so many years from today.

    `table` has a column a variable. How many readings a number is the mean of is not known from it: one is assumed.
    """
    rows = np.arange(len(table))
    mean = {str(name): table[name].to_numpy(dtype=float) for name in table.select_dtypes("number")}
    visits = Visits(rows, YEAR * np.broadcast_to(years, len(table)), mean, {})
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
