"""Whether values can be true, variable by variable: their level and spread, last digits, repeats, two groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pipeline.curation.columns import Array, Columns, equal_before
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.other_units import Groups, two_groups
from pipeline.curation.shown import number, unit
from pipeline.curation.tables import limit, usual
from pipeline.schema import Variable, variables

MOST_DECIMALS = 3
WRITTEN = 0.9           # of values that must have so many decimals for these to be how it was written
LADDERS = {1, 2, 5, 10, 20, 50, 100}      # steps in which people write
ROUND = {0, 5}          # last digits that people prefer
STEADY = {"height_cm", "pack_years", "education", "education_level"}       # of a person, from visit to visit
BIG = 200_000           # values of which the shape is looked at; more say no more


class Shape(NamedTuple):
    """What is seen of the values of one variable."""

    variable: Variable
    rows: Array                      # with a value
    digit: tuple[int, float] | None  # the most frequent last digit and its share
    repeated: float | None           # share of the most frequent value, where it stands out
    carried: float | None            # share of values equal to the person's one before
    groups: Groups | None


def shapes(columns: Columns) -> list[Shape]:
    """All measured variables, in the order of the library."""
    order = list(variables())
    numbers = sorted(columns.numeric, key=lambda i: order.index(columns.names[i]))
    limited = columns.flagged("value is a limit") | columns.flagged("value not exact")
    return [_shape(columns, i, limited) for i in numbers]


def _shape(columns: Columns, number: int, limited: Array) -> Shape:
    variable = variables()[columns.names[number]]
    rows = columns.measured(number)
    values = columns.value[rows]
    some = values[:: len(values) // BIG + 1]
    return Shape(
        variable,
        rows,
        last_digit(some),
        repeated(values[~limited[rows]]),
        None if variable.name in STEADY else _carried(columns, rows),
        two_groups(values, variable),
    )


def decimals(values: Array) -> int | None:
    """To how many decimals the values were written; None where they are converted or computed."""
    for count in range(MOST_DECIMALS + 1):
        scaled = values * 10.0**count
        if (np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(np.abs(scaled), 1)).mean() >= WRITTEN:
            return count
    return None


def last_digit(values: Array) -> tuple[int, float] | None:
    """The most frequent last digit and its share, of values that spread far enough for all ten to be as frequent."""
    if len(values) < limit("digit_readings"):
        return None
    places = decimals(values)
    if places is None:
        return None
    steps = values * 10.0**places
    low, high = np.quantile(steps, [0.05, 0.95])
    if high - low < limit("digit_steps"):
        return None
    whole = np.round(steps[np.abs(steps - np.round(steps)) < 1e-6 * np.maximum(np.abs(steps), 1)])
    whole = np.abs(whole).astype(np.int64)
    if int(np.gcd.reduce(whole)) not in LADDERS:      # converted: 0.1 mg/dL of bilirubin is 1.71 umol/L
        return None
    counts = np.bincount(whole % 10, minlength=10)
    return int(counts.argmax()), float(counts.max() / counts.sum())


def repeated(values: Array) -> float | None:
    """Share of the most frequent value, where it stands out from the second and the values are many."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < limit("repeated_values"):
        return None
    first, second = np.sort(counts)[::-1][:2]
    share = float(first / len(values))
    return share if share >= limit("repeated_share") and first >= limit("repeated_times") * second else None


def _carried(columns: Columns, rows: Array) -> float | None:
    """Share of dated values that equal the one before of the same person, at another time."""
    rows = rows[columns.dated[rows]]
    if len(np.unique(columns.value[rows][:BIG])) < limit("repeated_values"):
        return None
    rows = rows[np.lexsort((columns.seconds[rows], columns.person[rows]))]
    person, at, value = columns.person[rows], columns.seconds[rows], columns.value[rows]
    after = equal_before(person) & ~equal_before(person, at)
    pairs = int(after.sum())
    if pairs < limit("carried_pairs"):
        return None
    return float((equal_before(person, value) & after).sum() / pairs)


def concerns(columns: Columns, seen: list[Shape]) -> list[Concern]:
    """What is odd about the distribution of a variable."""
    found = []
    for shape in seen:
        name, of = shape.variable.name, int(columns.count[columns.names.index(shape.variable.name)])
        n = len(shape.rows)

        def note(kind: str, what: str, times: int, row: int = -1, *, name: str = name, of: int = of) -> None:
            example = columns.where(row) if row >= 0 else ""
            found.append(concern(kind, name, what, times, of, example=example))

        if shape.digit and shape.digit[0] in ROUND and shape.digit[1] >= limit("digit_share"):
            digit, share = shape.digit
            what = f"ends in {digit} in {share:.0%} of its values, where a tenth is to be expected"
            note("digits preferred", what, round((share - 0.1) * n))
        if shape.repeated:
            what = f"has one and the same value in {shape.repeated:.0%} of its readings"
            note("one value repeated", what, round(shape.repeated * n))
        if shape.carried is not None and shape.carried >= limit("carried_share"):
            what = f"equals the person's value before in {shape.carried:.0%} of the readings that have one before"
            note("values carried forward", what, round(shape.carried * n))
        if shape.groups:
            rows = shape.rows[shape.groups.rows]
            share, words = len(rows) / n, shape.groups.reading.words
            what = f"has two groups of values, as if {share:.0%} were {words}, or the others"
            note("two groups of values", what, len(rows), int(rows[0]))
        if outside := _level(columns, shape):
            known = usual()[name]
            what = f"has its median outside of {known.low:g} to {known.high:g} {unit(shape.variable)}"
            note("level unlike adults", what, outside)
    return found


def _level(columns: Columns, shape: Shape) -> int:
    """Readings of adults outside of what is usual, where their median is."""
    known = usual().get(shape.variable.name)
    adults = columns.value[shape.rows[columns.is_adult[shape.rows]]]
    if known is None or len(adults) < limit("group_readings") or known.low <= np.median(adults) <= known.high:
        return 0
    return int(((adults < known.low) | (adults > known.high)).sum())


def describe(columns: Columns, seen: list[Shape]) -> list[dict[str, Any]]:
    """The figures of plausibility, a row a measured variable."""
    outside = columns.flagged("value implausible") | columns.outside
    rows = []
    for shape in seen:
        variable = shape.variable
        all_rows = columns.rows(columns.names.index(variable.name))
        many = len(all_rows) >= limit("few")
        known = usual().get(variable.name)
        digit = shape.digit if many else None
        rows.append(
            {
                "variable": variable.name,
                "description": variable.description,
                "unit": unit(variable),
                "allowed": [variable.low, variable.high],
                "usual": [known.low, known.high] if known else None,
                "outside": int(outside[all_rows].sum()),
                **_level_and_spread(columns, shape),
                "last_digit": None if digit is None else digit[0],
                "last_digit_percent": None if digit is None else round(100 * digit[1], 1),
                "repeated_percent": None if shape.repeated is None else round(100 * shape.repeated, 1),
                "carried_percent": None if shape.carried is None or not many else round(100 * shape.carried, 1),
                "second_group_percent": round(100 * float(shape.groups.rows.mean()), 1) if shape.groups else None,
                "second_group_unit": shape.groups.reading.words if shape.groups else None,
            }
        )
    return rows


def _level_and_spread(columns: Columns, shape: Shape) -> dict[str, Any]:
    """Median and as wide a middle as leaves ten people on either side; nothing where one person gives most of it."""
    shown: dict[str, Any] = {"median": None, "low": None, "high": None, "middle_percent": None}
    rows = shape.rows
    if not len(rows):
        return shown
    persons, counts = np.unique(columns.person[rows], return_counts=True)
    if len(persons) < limit("median_people") or counts.max() > limit("largest_share") * len(rows):
        return shown
    values = columns.value[rows]
    shown["median"] = number(float(np.median(values)))
    for percent, people in ((90, "tails_people"), (50, "quartiles_people")):
        if len(persons) >= limit(people):
            low, high = np.percentile(values, [50 - percent / 2, 50 + percent / 2])
            return shown | {"low": number(float(low)), "high": number(float(high)), "middle_percent": percent}
    return shown
