"""Fatty-liver patients and matched controls of Olmsted County: measurements, dated events and death over 20 years.

Time zero is the index date of the patient, for controls that of their patient. A group is a matched set, so that
cross-validation keeps it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from pipeline.cohorts.packaged import PACKAGES, locate
from pipeline.cohorts.source import Defect, Part, Source, as_levels, checked_range, long_table
from pipeline.runs import hash_file
from pipeline.schema import TableError, Variable
from pipeline.sections import NafldCohort
from pipeline.units import convert

PEOPLE, TESTS, EVENTS = "nafld1.csv", "nafld2.csv", "nafld3.csv"
COLUMNS = {
    PEOPLE: {"id", "age", "male", "weight", "height", "bmi", "case.id", "futime", "status"},
    TESTS: {"id", "days", "test", "value"},
    EVENTS: {"id", "days", "event"},
}
OLDEST_D = 1826.25            # what was measured more than 5 years before the index date says little
LOWEST_FIB4 = 2.67            # the file has none below: it was kept only where it was high
NUMBERS = {                   # test -> variable, unit, and what is possible
    "sbp": ("sbp_mmhg", "mm[Hg]", 60.0, 260.0),
    "hdl": ("hdl_mmol_l", "mg/dL", 10.0, 150.0),
}
SIZES = (                     # column, variable, and what is usual
    ("weight", "weight_kg", 0.0, np.inf),
    ("height", "height_cm", 140.0, 210.0),
    ("bmi", "bmi_kg_m2", 15.0, 60.0),
)
COPIES = {"chol": "hdl", "dbp": "sbp"}      # tests whose values are those of another
CONDITIONS = {                # event -> the condition known from then on
    "nafld": "fatty_liver",
    "diabetes": "diabetes",
    "htn": "hypertension",
    "dyslipidemia": "dyslipidaemia",
    "ang/isc": "angina",
    "MI": "heart_attack",
    "stroke": "stroke",
    "heart failure": "heart_failure",
    "afib": "atrial_fibrillation",
    "cardiac arrest": "cardiac_arrest",
}

Note = Callable[[str, str, "pd.Series | np.ndarray", str], None]      # what, column, which rows, what was done


def load(cohort: NafldCohort, known: Mapping[str, Variable]) -> Source:
    """Everybody, with measurements of the five years before the index date and after it, and first events."""
    paths = {name: locate("nafld", cohort.folder, name) for name in COLUMNS}
    tables = {name: pd.read_csv(path, float_precision="round_trip") for name, path in paths.items()}
    for name, wanted in COLUMNS.items():
        if absent := sorted(wanted - set(tables[name].columns)):
            raise TableError(f"{name}: no column {', '.join(absent)}")
    raw, tests, events = (tables[name] for name in (PEOPLE, TESTS, EVENTS))
    defects: list[Defect] = []

    def note(what: str, column: str, where: pd.Series | np.ndarray, done: str) -> None:
        defects.append(Defect(what, column, int(np.sum(where)), None, done))

    person_id = raw["id"].astype(str)
    people = pd.DataFrame(
        {
            "person_id": person_id,
            "group_id": _sets(raw, note),
            "age_years": raw["age"].astype(float),
            "sex": raw["male"].map({0: "female", 1: "male"}).astype("str"),
        }
    )
    observations = pd.concat(
        [
            long_table(person_id, np.zeros(len(raw)), _sizes(raw, known, note)),
            long_table(person_id, np.zeros(len(raw)), _conditions(raw, events, tests, known, note)),
            *_measured(tests, known, note),
        ],
        ignore_index=True,
    )
    package = PACKAGES["nafld"]
    identity = {
        "file": PEOPLE,
        "sha256": hash_file(paths[PEOPLE]),
        "licence": f"{package.licence}. {package.terms}",
        "citation": package.citation,
        "rows": len(raw),
        "note": "Matched on age and sex: shares of people and of events are those of the sample, not of a population.",
    }
    offered = tuple(dict.fromkeys(observations["variable"]))
    conversions = {"hdl_mmol_l": {"mg/dL": int((tests["test"] == "hdl").sum())}}
    first = _first_events(raw, events, note)
    return Source(people, observations, offered, identity, conversions, defects, first)


def _sets(raw: pd.DataFrame, note: Note) -> pd.Series:
    """The matched set of each person; whoever has none, or whose patient is absent, is a set alone."""
    unknown = raw["case.id"].isna()
    absent = ~unknown & ~raw["case.id"].isin(raw["id"])
    note("matched patient unknown", "case.id", unknown, "a set alone")
    note("matched patient not in the file", "case.id", absent, "kept as a set")
    return raw["case.id"].fillna(raw["id"]).astype("int64").astype("str")


def _sizes(raw: pd.DataFrame, known: Mapping[str, Variable], note: Note) -> list[Part]:
    note("bmi unknown", "bmi", raw["bmi"].isna(), "missing")
    parts = []
    for column, name, low, high in SIZES:
        odd = (raw[column] < low) | (raw[column] > high)
        note(f"{column} below {low:g} or above {high:g}", column, odd, "kept, flagged")
        flags = np.where(odd, "far from usual", "").astype(object)
        parts.append(checked_range(known[name], raw[column].to_numpy(dtype=float), flags))
    return parts


def _conditions(
    raw: pd.DataFrame, events: pd.DataFrame, tests: pd.DataFrame, known: Mapping[str, Variable], note: Note
) -> list[Part]:
    """What was known at the index date; a code that is not there is taken as "no"."""
    unknown = sorted(set(events["event"]) - set(CONDITIONS))
    if unknown:
        raise TableError(f"{EVENTS}: column event has {', '.join(unknown)}; known are {', '.join(CONDITIONS)}")
    before = events[events["days"] <= 0]
    parts = []
    for event, name in CONDITIONS.items():
        has = raw["id"].isin(before.loc[before["event"] == event, "id"])
        parts.append(as_levels(known[name], has.map({True: "yes", False: "no"})))
    fib4 = tests["test"] == "fib4"
    note("FIB-4 kept only where it was 2.67 or more", "fib4", fib4, "used as a flag")
    high = raw["id"].isin(tests.loc[fib4 & (tests["days"] <= 0) & (tests["value"] >= LOWEST_FIB4), "id"])
    return [*parts, as_levels(known["fib4_high"], high.map({True: "yes", False: "no"}))]


def _measured(tests: pd.DataFrame, known: Mapping[str, Variable], note: Note) -> list[pd.DataFrame]:
    """Readings with their day: pressure, HDL cholesterol and smoking."""
    repeated = tests.duplicated(["id", "days", "test", "value"])
    note("the same reading twice", "value", repeated, "once")
    tests = tests[~repeated]
    by_day = tests.set_index(["id", "days", "test"])["value"].unstack()
    for copy, of in COPIES.items():
        note(f"{copy} equal to {of} on the same day", copy, by_day[copy] == by_day[of], f"{copy} dropped: it is {of}")
    tables = []
    for test, (name, unit, low, high) in NUMBERS.items():
        rows = tests[tests["test"] == test]
        read, flags = rows["value"].to_numpy(dtype=float), np.full(len(rows), "", dtype=object)
        for where, words in ((read < low, f"below {low:g}"), (read > high, f"above {high:g}")):
            note(f"{test} {words} {unit}", test, where, "set missing, flagged")
            flags = np.where(where, f"{words} {unit}, set missing", flags)
        kept = np.where(flags == "", read, np.nan)
        old = (rows["days"] <= -OLDEST_D).to_numpy()
        note(f"{test} more than 5 years before the index date", test, old, "not used")
        part = checked_range(known[name], convert(kept, unit, known[name]), flags)
        part = Part(part.variable, part.values[~old], part.flags[~old])
        tables.append(long_table(rows["id"].astype(str)[~old], rows["days"].to_numpy()[~old], [part]))
    rows = tests[tests["test"] == "smoke"]
    smokes = as_levels(known["current_smoker"], rows["value"].map({0.0: "no", 1.0: "yes"}))
    return [*tables, long_table(rows["id"].astype(str), rows["days"].to_numpy(), [smokes])]


def _first_events(raw: pd.DataFrame, events: pd.DataFrame, note: Note) -> pd.DataFrame:
    end = raw.set_index("id")["futime"]
    note("event after the end of follow-up", "event", events["days"] > events["id"].map(end), "censored at its end")
    first = events.groupby(["event", "id"])["days"].min()
    tables = []
    for event, name in CONDITIONS.items():
        days = first[event].reindex(end.index)
        happened = days.notna() & (days <= end)
        tables.append(_rows(end.index, name, days.where(happened, end), happened))
    tables.append(_rows(end.index, "death", end, raw.set_index("id")["status"] == 1))
    return pd.concat(tables, ignore_index=True).astype({"event": "str", "time_d": float, "happened": int})


def _rows(ids: pd.Index, event: str, days: pd.Series, happened: pd.Series) -> pd.DataFrame:
    columns = {"time_d": days.to_numpy(), "happened": happened.to_numpy()}
    return pd.DataFrame({"person_id": ids.astype(str), "event": event, **columns})
