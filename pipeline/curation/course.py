"""When readings were made: how many a month, on which days, and where the level of a variable changes at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.curation.columns import DAY_S, Array, Columns
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.shown import number, unit
from pipeline.curation.tables import limit
from pipeline.schema import variables

GRAINS = {"month": 1, "quarter": 3, "year": 12}     # months of each
MOST_PERIODS = 120
EDGES = (0.005, 0.995)      # of dates: a few far away do not stretch the picture
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SPREAD = 1.349              # quartiles of a normal distribution lie so many standard deviations apart
SIDE = 3                    # periods on either side of a jump that are compared


class Jump(NamedTuple):
    """A change of level of one variable between two periods."""

    variable: str
    period: str
    before: float
    after: float
    size: float          # in spreads between readings
    readings: int        # on the side with fewer
    first: int           # row


class Periods(NamedTuple):
    """Readings by month, quarter or year."""

    grain: str
    labels: list[str]
    counts: Array        # of readings
    people: Array        # who were measured
    before: int          # readings that lie before and after
    after: int


def months(columns: Columns) -> Array:
    """Months since 1970 of the dated readings; meaningless for the others."""
    return columns.seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def periods(columns: Columns, dated_well: Array) -> Periods | None:
    """Readings over time, in as fine a grain as can be looked at; None without dates.

    `dated_well` marks readings whose date can be.
    """
    if not dated_well.any():
        return None
    dated = months(columns)[dated_well]
    first, last = (int(edge) for edge in np.quantile(dated, EDGES, method="nearest"))
    grain = next((g for g, size in GRAINS.items() if (last - first) // size < MOST_PERIODS), "year")
    size = GRAINS[grain]
    numbers, low, high = dated // size, first // size, last // size
    inside = (numbers >= low) & (numbers <= high)
    counts = np.bincount(numbers[inside] - low, minlength=high - low + 1)
    measured = inside & ~np.isnan(columns.value[dated_well])      # a diagnosis may have begun at any time
    person = columns.person[dated_well][measured].astype(np.int64)
    pairs = np.unique((numbers[measured] - low) * columns.people + person)
    persons = np.bincount(pairs // columns.people, minlength=high - low + 1)
    labels = [_label(number, grain) for number in range(low, high + 1)]
    return Periods(grain, labels, counts, persons, int((numbers < low).sum()), int((numbers > high).sum()))


def _label(period: int, grain: str) -> str:
    month = np.datetime64(period * GRAINS[grain], "M")
    year = str(month)[:4]
    return {"month": str(month), "quarter": f"{year} Q{int(str(month)[5:7]) // 3 + 1}", "year": year}[grain]


def sparse(people: Array) -> Array:
    """Periods, of these numbers of people, between the first and the last one that have almost nobody.

    Where most periods have nobody, as with a check-up once a year, that is how it is.
    """
    found = np.zeros(len(people), dtype=bool)
    some = np.flatnonzero(people)
    if len(some):
        inner = slice(some[0], some[-1] + 1)
        usual = float(np.median(people[inner]))
        if usual >= limit("gap_usual"):
            found[inner] = people[inner] < limit("gap_share") * usual
    return found


def jumps(columns: Columns, dated_well: Array) -> list[Jump]:
    """The largest sudden change of level of each measured variable, where there is one."""
    found, at = [], months(columns)
    for variable in columns.numeric:
        rows = columns.measured(variable)
        rows = rows[dated_well[rows]]
        if len(rows) < 4 * limit("jump_readings"):
            continue
        for grain, size in GRAINS.items():
            table = _levels(columns, rows, at[rows] // size)
            if len(table) >= 4:
                jump = _largest(columns, variable, rows, at[rows] // size, table, grain)
                found += [jump] if jump else []
                break
    return sorted(found, key=lambda jump: -jump.size)


def _levels(columns: Columns, rows: Array, period: Array) -> pd.DataFrame:
    """Median and spread of each period that has enough readings of enough people."""
    numbers, place = np.unique(period, return_inverse=True)
    people = columns.people
    pairs = np.unique(place.astype(np.int64) * people + columns.person[rows])
    persons = np.bincount(pairs // people, minlength=len(numbers))
    readings = np.bincount(place, minlength=len(numbers))
    enough = (readings >= limit("jump_readings")) & (persons >= limit("jump_people"))
    if enough.sum() < 4:
        return pd.DataFrame()
    kept = enough[place]
    grouped = pd.Series(columns.value[rows][kept]).groupby(numbers[place[kept]])
    quartiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()
    return pd.DataFrame({"median": quartiles[0.5], "spread": (quartiles[0.75] - quartiles[0.25]) / SPREAD})


def _largest(
    columns: Columns, variable: int, rows: Array, period: Array, table: pd.DataFrame, grain: str
) -> Jump | None:
    level, spread = table["median"].to_numpy(), float(table["spread"].median())
    if spread <= 0:
        return None
    best, where = 0.0, 0
    for spot in range(2, len(level) - 1):
        sides = np.median(level[max(spot - SIDE, 0) : spot]), np.median(level[spot : spot + SIDE])
        size = abs(sides[1] - sides[0]) / spread
        sudden = abs(level[spot] - level[spot - 1]) / spread
        if min(size, 2 * sudden) > best:
            best, where = float(min(size, 2 * sudden)), spot
    if best < limit("jump_sd"):
        return None
    start = int(table.index[where])
    later = period >= start
    fewer = later if later.sum() <= (~later).sum() else ~later
    before, after = np.median(level[max(where - SIDE, 0) : where]), np.median(level[where : where + SIDE])
    return Jump(
        columns.names[variable], _label(start, grain), number(float(before)), number(float(after)), round(best, 1),
        int(fewer.sum()), int(rows[np.flatnonzero(later)[0]]),
    )  # fmt: skip


def concerns(columns: Columns, over_time: Periods | None, found: list[Jump]) -> list[Concern]:
    """What is odd about the dates."""
    if over_time is None:
        return []
    told = []
    dated = int(columns.dated.sum())
    numbers = columns.dated & ~np.isnan(columns.value)
    midnight = numbers & (columns.seconds % DAY_S == 0)
    if numbers.any() and midnight.sum() >= limit("midnight_share") * numbers.sum():
        what = "of measured numbers are at midnight: only their day is known"
        first = columns.where(int(np.flatnonzero(midnight)[0]))
        told.append(concern("only midnights", "times", what, int(midnight.sum()), int(numbers.sum()), example=first))
    days, counts = np.unique(columns.seconds[columns.dated] // DAY_S, return_counts=True)
    top = int(days[counts.argmax()])
    theirs = columns.person[columns.dated & (columns.seconds // DAY_S == top)]
    many = len(np.unique(theirs)) >= limit("few")
    if many and counts.max() >= limit("one_day_share") * dated and days[-1] - days[0] >= limit("one_day_span"):
        what = f"of all kinds are dated to one day, {np.datetime64(top, 'D')}"
        told.append(concern("many on one day", "dates", what, int(counts.max()), dated))
    empty = sparse(over_time.people)
    if empty.any():
        first = over_time.labels[int(np.flatnonzero(empty)[0])]
        what = f"have less than {limit('gap_share'):.0%} of the people that are usually measured; the first is {first}"
        told.append(concern("time without readings", f"{over_time.grain}s", what, int(empty.sum()), len(empty)))
    for jump in found:
        words = unit(variables()[jump.variable])
        what = f"has its median change from {jump.before:g} to {jump.after:g} {words}".rstrip()
        what += f" at once, in {jump.period}"
        of = int(columns.count[columns.names.index(jump.variable)])
        told.append(concern("level jumps", jump.variable, what, jump.readings, of, example=columns.where(jump.first)))
    return told


def describe(columns: Columns, over_time: Periods | None, found: list[Jump]) -> dict[str, Any]:
    """The figures of the time course; counts alone where nothing has a date, or so few people are that it is theirs."""
    dated = {"dated": int(columns.dated.sum()), "undated": int((~columns.dated).sum())}
    if over_time is None or columns.people < limit("few"):
        return dated
    at = columns.seconds[columns.dated]
    weekday = np.bincount((at // DAY_S + 3) % 7, minlength=7)      # 1 January 1970 was a Thursday
    return {
        **dated,
        "grain": over_time.grain,
        "periods": [
            {"period": label, "readings": int(count), "sparse": bool(gap)}
            for label, count, gap in zip(over_time.labels, over_time.counts, sparse(over_time.people), strict=True)
        ],
        "before": over_time.before,
        "after": over_time.after,
        "weekdays": dict(zip(WEEKDAYS, weekday.tolist(), strict=True)),
        "weekend_percent": round(100 * float(weekday[5:].sum() / weekday.sum()), 1),
        "midnight_percent": round(100 * float((at % DAY_S == 0).mean()), 1),
        "jumps": [
            {
                "variable": jump.variable, "description": variables()[jump.variable].description,
                "unit": unit(variables()[jump.variable]), "period": jump.period, "median_before": jump.before,
                "median_after": jump.after, "size_sd": jump.size,
            }
            for jump in found
        ],
    }  # fmt: skip
