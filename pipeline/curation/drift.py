"""What changed since an earlier delivery of the same source: people, variables, values, levels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.curation.columns import Array, Columns, equal_before
from pipeline.curation.concerns import Concern, concern
from pipeline.curation.other_units import changed_unit
from pipeline.curation.shown import Count, number, people, percent, unit
from pipeline.curation.stability import Shift, shift_of_answers, shift_of_numbers
from pipeline.curation.tables import kind_of, limit
from pipeline.delivery import Delivery, Finding
from pipeline.runs import RunError
from pipeline.schema import variables

TABLES = ("people", "readings")
WANTED = ({"person_id", "sex", "birth_date", "age_years"}, {"person_id", "at", "phase", "variable", "value", "text"})
UNMAPPED = ["system", "code", "display", "count"]


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):      # of pyarrow: no Parquet, or cut off
        raise RunError(f"{path} cannot be read as Parquet; give the folder that an earlier intake wrote") from None


class Changes(NamedTuple):
    """Readings of people who are in both deliveries, by person, variable and time."""

    same: Array          # for each variable of both
    changed: Array
    lost: Array
    new: Array
    first: Array         # row of the later delivery with the first changed value, or -1


class Drift(NamedTuple):
    """Everything that two deliveries of one source are compared by; pairs are before and after."""

    name: str                                   # of the earlier intake
    people: tuple[int, int]
    common: int                                 # people in both
    changes: Changes
    names: list[str]                            # of variables in either
    readings: dict[str, tuple[int, int]]        # by variable
    persons: dict[str, tuple[int, int]]
    medians: dict[str, tuple[float | None, float | None]]
    shifts: dict[str, Shift]
    codes: dict[str, int]                       # frequent ones without a variable: new, gone, before
    findings: dict[str, tuple[int, int]]        # of the readers, by kind


def read_before(folder: Path) -> Delivery:
    """The tables of an earlier intake; raises `RunError` where the folder holds none."""
    for name in TABLES:
        if not (folder / f"{name}.parquet").exists():
            raise RunError(f"{folder} holds no {name}.parquet: give the folder that an earlier intake wrote")
    tables = [_table(folder / f"{name}.parquet") for name in TABLES]
    for name, table, columns in zip(TABLES, tables, WANTED, strict=True):
        if lacking := sorted(columns - set(table)):
            raise RunError(f"{folder / name}.parquet lacks {', '.join(lacking)}: it is not of an intake")
    codes, told = folder / "unmapped.csv", folder / "findings.csv"
    unmapped = pd.read_csv(codes, keep_default_na=False) if codes.exists() else pd.DataFrame(columns=UNMAPPED)
    findings: tuple[Finding, ...] = ()
    if told.exists():
        rows = pd.read_csv(told, keep_default_na=False)
        findings = tuple(Finding(*row) for row in rows[list(Finding._fields)].itertuples(index=False, name=None))
    readings = tables[1].assign(flag=tables[1].get("flag", ""), source=tables[1].get("source", ""))
    return Delivery(tables[0], readings, unmapped, findings, {"file": folder.name})


def compare(earlier: Delivery, before: Columns, delivery: Delivery, after: Columns) -> Drift:
    """The figures of drift, exact; `describe` makes them fit to be shown."""
    order = {name: place for place, name in enumerate(variables())}
    names = sorted({*before.names, *after.names}, key=lambda name: (order.get(name, len(order)), name))
    shared = after.ids.get_indexer(before.ids)          # for each person before their number after, or -1
    kinds = sorted({finding.kind for finding in (*earlier.findings, *delivery.findings)})
    shifts = {name: _shift(before, after, name) for name in names}
    return Drift(
        name=str(earlier.identity["file"]),
        people=(before.people, after.people),
        common=int((shared >= 0).sum()),
        changes=_changes(before, after, shared, names),
        names=names,
        readings={name: (_readings(before, name), _readings(after, name)) for name in names},
        persons={name: (_persons(before, name), _persons(after, name)) for name in names},
        medians={name: (_median(before, name), _median(after, name)) for name in names},
        shifts={name: shift for name, shift in shifts.items() if shift is not None},
        codes=_codes(earlier.unmapped, delivery.unmapped),
        findings={kind: (_times(earlier, kind), _times(delivery, kind)) for kind in kinds},
    )


def _times(delivery: Delivery, kind: str) -> int:
    return sum(finding.times for finding in delivery.findings if finding.kind == kind)


def _persons(columns: Columns, name: str) -> int:
    return int(columns.persons[columns.names.index(name)]) if name in columns.names else 0


def _readings(columns: Columns, name: str) -> int:
    return int(columns.count[columns.names.index(name)]) if name in columns.names else 0


def _values(columns: Columns, name: str) -> Array:
    """The median value of each person."""
    if name not in columns.names:
        return np.array([])
    rows = columns.measured(columns.names.index(name))
    return pd.Series(columns.value[rows]).groupby(columns.person[rows]).median().to_numpy()


def _median(columns: Columns, name: str) -> float | None:
    values = _values(columns, name)
    return float(np.median(values)) if len(values) >= limit("median_people") else None


def _shift(before: Columns, after: Columns, name: str) -> Shift | None:
    known = variables().get(name)
    if known is None or known.kind == "number":
        sides = _values(before, name), _values(after, name)
        return shift_of_numbers(*sides) if min(map(len, sides)) >= limit("median_people") else None
    answers = [_answers(columns, name) for columns in (before, after)]
    if min(map(len, answers)) < limit("median_people"):
        return None
    codes, levels = pd.factorize(np.concatenate(answers))
    if not 2 <= len(levels) <= 20:
        return None
    return shift_of_answers(codes[: len(answers[0])], codes[len(answers[0]) :], len(levels))


def _answers(columns: Columns, name: str) -> Array:
    """The last answer of each person."""
    if name not in columns.names:
        return np.array([], dtype=object)
    rows = columns.rows(columns.names.index(name))
    rows = rows[columns.text[rows] >= 0]
    rows = rows[np.lexsort((columns.seconds[rows], columns.person[rows]))]
    last = np.append(~equal_before(columns.person[rows])[1:], True)[: len(rows)]
    return np.array(columns.texts, dtype=object)[columns.text[rows[last]]]


def _keys(columns: Columns, person: Array, names: list[str]) -> pd.DataFrame:
    """Readings of people of both deliveries; of several at one time each has its place by its value."""
    place = {name: number for number, name in enumerate(names)}
    code = np.array([place[name] for name in columns.names] or [0], dtype=np.int32)
    who = person[columns.person]
    rows = np.flatnonzero((who >= 0) & ~columns.empty)
    frame = pd.DataFrame(
        {
            "person": who[rows], "variable": code[columns.variable[rows]], "at": columns.seconds[rows],
            "phase": _hashes(columns.phases, columns.phase[rows]), "value": columns.value[rows],
            "text": _hashes(columns.texts, columns.text[rows]), "row": rows,
        }
    )  # fmt: skip
    keys = ["person", "variable", "at", "phase"]
    frame = frame.sort_values([*keys, "value", "text"], kind="stable", ignore_index=True)
    again = equal_before(*(frame[key].to_numpy() for key in keys))
    start = np.maximum.accumulate(np.where(again, 0, np.arange(len(frame)))) if len(frame) else again
    return frame.assign(place=np.arange(len(frame)) - start)


def _hashes(texts: list[str], codes: Array) -> Array:
    """The same number for the same text in every delivery."""
    known = pd.util.hash_array(np.array([*texts, ""], dtype=object)).astype(np.int64)
    return known[codes]


def _changes(before: Columns, after: Columns, shared: Array, names: list[str]) -> Changes:
    whose = np.where(np.isin(np.arange(after.people), shared), np.arange(after.people), -1)
    keys = ["person", "variable", "at", "phase", "place"]
    merged = _keys(before, shared, names).merge(_keys(after, whose, names), on=keys, how="outer", indicator=True)
    variable, count = merged["variable"].to_numpy(), len(names)
    both = (merged["_merge"] == "both").to_numpy()
    values = np.isclose(merged["value_x"], merged["value_y"], rtol=1e-9, atol=0, equal_nan=True)
    same = both & values & (merged["text_x"] == merged["text_y"]).to_numpy()
    tally = lambda rows: np.bincount(variable[rows], minlength=count)  # noqa: E731
    changed = np.flatnonzero(both & ~same)
    first = np.full(count, -1, dtype=np.int64)
    first[variable[changed[::-1]]] = merged["row_y"].to_numpy()[changed[::-1]].astype(np.int64)
    lost, new = ((merged["_merge"] == side).to_numpy() for side in ("left_only", "right_only"))
    return Changes(tally(same), tally(both & ~same), tally(lost), tally(new), first)


def concerns(drift: Drift, after: Columns, refused: Mapping[str, int]) -> list[Concern]:
    """What changed more than it should; readings that were refused, by variable, are not told again as lost."""
    told = []
    before, common = drift.people[0], drift.common
    if before and not common:
        told.append(concern("no person in common", "people", "of the earlier delivery are all gone", 1, 1))
    elif before - common >= max(limit("lost_share") * before, 1):
        what = "of the earlier delivery are not in this one"
        told.append(concern("people lost", "people", what, before - common, before))
    for place, name in enumerate(drift.names):
        told += _of_variable(drift, after, place, name, refused.get(name, 0))
    if times := drift.codes["new"] + drift.codes["gone"]:
        what = f"without a variable changed: {drift.codes['new']} frequent ones are new, {drift.codes['gone']} are gone"
        told.append(concern("codes changed", "codes", what, times, max(drift.codes["before"], times)))
    return told


def _of_variable(drift: Drift, after: Columns, place: int, name: str, refused: int) -> list[Concern]:
    told, changes = [], drift.changes
    readings, persons = drift.readings[name], drift.persons[name]
    if readings[0] and not readings[1]:
        what = "was in the earlier delivery and is not in this one"
        return [concern("variable lost", name, what, readings[0], readings[0])]
    kept = int(changes.same[place] + changes.changed[place])
    earlier = kept + int(changes.lost[place])
    lost = int(changes.lost[place]) - refused
    if lost >= max(limit("lost_share") * earlier, 1):
        what = "lacks readings that the same people had in the earlier delivery"
        told.append(concern("readings lost", name, what, lost, earlier))
    if changes.changed[place] >= max(limit("changed_share") * kept, 1):
        first = after.where(int(changes.first[place]))
        what = "has other values than before for the same person and time"
        told.append(concern("values changed", name, what, int(changes.changed[place]), kept, example=first))
    shares = [n / total if total else 0.0 for n, total in zip(persons, drift.people, strict=True)]
    if persons[0] >= limit("few") and shares[0] - shares[1] >= limit("less_often"):
        what = "is known of a smaller share of the people than before"
        missing = round((shares[0] - shares[1]) * drift.people[1])
        told.append(concern("measured less often", name, what, missing, drift.people[1]))
    shift, (level, now) = drift.shifts.get(name), drift.medians[name]
    if shift is None or not shift.has_shifted:
        return told
    way = changed_unit(level, now, variables()[name]) if level and now and name in variables() else None
    if way:
        what = f"has its median changed by what lies between two units, as if it were {way.words}"
        return [*told, concern("unit may have changed", name, what, readings[1], readings[1])]
    what = "is spread otherwise than in the earlier delivery"
    return [*told, concern("distribution shifted", name, what, readings[1], readings[1])]


def _codes(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, int]:
    """Codes without a variable that came or went, among those that are frequent in either."""
    few = limit("few")
    old, new = (
        {(s, c): int(n) for s, c, n in frame[["system", "code", "count"]].fillna("").itertuples(index=False) if c}
        for frame in (before, after)
    )
    return {
        "new": sum(count >= few for key, count in new.items() if key not in old),
        "gone": sum(count >= few for key, count in old.items() if key not in new),
        "before": sum(count >= few for count in old.values()),
    }


def describe(drift: Drift) -> dict[str, Any]:
    """The figures as they may be shown."""
    before, after = drift.people
    return {
        "before": drift.name,
        "people": {
            "before": people(before), "after": people(after), "common": people(drift.common, before, after),
            "lost": people(before - drift.common, before), "new": people(after - drift.common, after),
        },
        "codes": drift.codes,
        "findings": [
            {"kind": kind, "before": _shown(kind, times[0]), "after": _shown(kind, times[1])}
            for kind, times in drift.findings.items()
        ],
        "variables": [_row(drift, place, name) for place, name in enumerate(drift.names)],
    }  # fmt: skip


def _shown(kind: str, times: int) -> Count:
    return people(times) if kind_of(kind).touches == "people" else times


def _row(drift: Drift, place: int, name: str) -> dict[str, Any]:
    known, shift = variables().get(name), drift.shifts.get(name)
    shown = [people(n, total) for n, total in zip(drift.persons[name], drift.people, strict=True)]
    readings, changes = drift.readings[name], drift.changes
    hidden = any(0 < n < limit("few") for n in readings)
    tally = lambda counts: None if hidden else int(counts[place])  # noqa: E731
    rounded = lambda value, digits: None if value is None else round(value, digits)  # noqa: E731
    return {
        "variable": name,
        "description": known.description if known else "not a variable of the library",
        "unit": unit(known),
        "state": "lost" if not readings[1] else "new" if not readings[0] else "both",
        "people_percent": [percent(n, total) for n, total in zip(shown, drift.people, strict=True)],
        "same": tally(changes.same),
        "changed": tally(changes.changed),
        "lost": tally(changes.lost),
        "new": tally(changes.new),
        "medians": [None if median is None else number(median) for median in drift.medians[name]],
        "psi": None if shift is None else round(shift.psi, 3),
        "psi_threshold": None if shift is None else round(shift.psi_threshold, 3),
        "shift_sd": rounded(shift and shift.sd, 2),
        "shift_threshold": rounded(shift and shift.sd_threshold, 2),
        "shifted": shift is not None and shift.has_shifted,
    }
