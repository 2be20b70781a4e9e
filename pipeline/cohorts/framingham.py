"""The Framingham teaching data: three examinations six years apart and 24 years of follow-up.

Time zero is one examination, or each of them in turn (`exam = "every"`: then a row of `people` is a person at an
examination, and a group is a person). What earlier examinations found stands before time zero, what later ones found
after it. Outcome columns repeat on every row of a person, and PREV* of a later examination tells of earlier events:
neither becomes a variable of another examination.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.cohorts.packaged import PACKAGES, locate
from pipeline.cohorts.source import Defect, Part, Source, as_levels, checked_range, long_table
from pipeline.runs import hash_file
from pipeline.schema import TableError, Variable
from pipeline.sections import FraminghamCohort
from pipeline.units import convert

FILE = "framingham.csv"
EXAMS = (1, 2, 3)


class Number(NamedTuple):
    """A column of numbers, and the limits outside of which a value is kept and flagged."""

    variable: str
    unit: str
    usual: tuple[float, float] = (-np.inf, np.inf)


NUMBERS = {
    "BMI": Number("bmi_kg_m2", "kg/m2", (-np.inf, 50)),
    "SYSBP": Number("sbp_mmhg", "mm[Hg]"),
    "DIABP": Number("dbp_mmhg", "mm[Hg]"),
    "HEARTRTE": Number("heart_rate_per_min", "/min", (-np.inf, 150)),
    "TOTCHOL": Number("cholesterol_mmol_l", "mg/dL", (-np.inf, 500)),
    "HDLC": Number("hdl_mmol_l", "mg/dL"),
    "LDLC": Number("ldl_mmol_l", "mg/dL"),
    "GLUCOSE": Number("glucose_mmol_l", "mg/dL", (50, np.inf)),
    "CIGPDAY": Number("cigarettes_per_day", "/d"),
    "educ": Number("education_level", "1"),
}
YES_NO = {
    "CURSMOKE": "current_smoker",
    "DIABETES": "diabetes",
    "BPMEDS": "pressure_treatment",
    "PREVCHD": "coronary_disease",
    "PREVAP": "angina",
    "PREVMI": "heart_attack",
    "PREVSTRK": "stroke",
    "PREVHYP": "hypertension",
}
EVENTS = {      # kind -> columns: whether it happened, and when, in days from examination 1
    "cardiovascular_event": ("CVD", "TIMECVD"),
    "stroke": ("STROKE", "TIMESTRK"),
    "coronary_event": ("ANYCHD", "TIMECHD"),
    "hypertension": ("HYPERTEN", "TIMEHYP"),
    "death": ("DEATH", "TIMEDTH"),
}
SEX = {1: "male", 2: "female"}


def load(cohort: FraminghamCohort, known: Mapping[str, Variable]) -> Source:
    """Everybody at the chosen examinations, with all their examinations and follow-up."""
    path = locate("framingham", cohort.folder, FILE)
    raw = pd.read_csv(path, float_precision="round_trip")
    used = {"RANDID", "SEX", "AGE", "PERIOD", "TIME", *NUMBERS, *YES_NO} | {c for pair in EVENTS.values() for c in pair}
    if absent := sorted(used - set(raw.columns)):
        raise TableError(f"{path.name}: no column {', '.join(absent)}")
    defects = _count_defects(raw)
    index = raw[raw["PERIOD"].isin(EXAMS if cohort.exam == "every" else (cohort.exam,))]
    person_id = index["RANDID"].astype(str)
    if cohort.exam == "every":
        person_id = person_id + "." + index["PERIOD"].astype(str)
    at = pd.DataFrame({"person_id": person_id, "RANDID": index["RANDID"], "zero": index["TIME"]})
    people = pd.DataFrame(
        {
            "person_id": person_id,
            "group_id": index["RANDID"].astype(str),
            "age_years": index["AGE"].astype(float),
            "sex": index["SEX"].map(SEX).astype("str"),
        }
    ).reset_index(drop=True)
    visits = at.merge(raw, on="RANDID", how="left")
    parts = _parts(visits, known, defects)
    observations = long_table(visits["person_id"], (visits["TIME"] - visits["zero"]).to_numpy(), parts)
    once = raw.drop_duplicates("RANDID").set_index("RANDID")
    converted = {c: n for c, n in NUMBERS.items() if n.unit != known[n.variable].unit}
    conversions = {n.variable: {n.unit: int(visits[c].notna().sum())} for c, n in converted.items()}
    package = PACKAGES["framingham"]
    identity = {
        "file": FILE,
        "sha256": hash_file(path),
        "licence": f"{package.licence}. {package.terms}",
        "citation": package.citation,
        "rows": len(raw),
        "note": "Teaching data, method check only: the data were altered to protect the participants.",
    }
    offered = tuple(part.variable.name for part in parts)
    return Source(people, observations, offered, identity, conversions, defects, _first_events(at, once))


def _parts(visits: pd.DataFrame, known: Mapping[str, Variable], defects: list[Defect]) -> list[Part]:
    parts = []
    for column, number in NUMBERS.items():
        variable, read = known[number.variable], visits[column].to_numpy(dtype=float)
        low, high = number.usual
        flags = np.where((read < low) | (read > high), f"outside {low:g} to {high:g} {number.unit}", "").astype(object)
        part = checked_range(variable, convert(read, number.unit, variable), flags)
        implausible = int((pd.isna(part.values) & ~np.isnan(read)).sum())
        defects.append(Defect(f"outside {variable.allowed()}", column, implausible, None, "set missing, flagged"))
        parts.append(part)
    answers = {0.0: "no", 1.0: "yes"}
    return parts + [as_levels(known[name], visits[column].map(answers)) for column, name in YES_NO.items()]


def _first_events(at: pd.DataFrame, once: pd.DataFrame) -> pd.DataFrame:
    """First events from time zero on; a stroke's follow-up ends with death, which the file has later in a few."""
    tables = []
    died = once["TIMEDTH"].loc[at["RANDID"]].to_numpy(dtype=float)
    for kind, (happened, when) in EVENTS.items():
        days, is_event = (once[c].loc[at["RANDID"]].to_numpy() for c in (when, happened))
        days = np.where(is_event == 1, days, np.minimum(days, died)) - at["zero"].to_numpy()
        tables.append(
            pd.DataFrame({"person_id": at["person_id"].to_numpy(), "event": kind, "time_d": days, "happened": is_event})
        )
    return pd.concat(tables, ignore_index=True).astype({"event": "str", "time_d": float, "happened": int})


def _count_defects(raw: pd.DataFrame) -> list[Defect]:
    """What is odd in the file, counted over all examinations unless said."""
    first = raw["PERIOD"] == 1
    high = (raw["SYSBP"] >= 140) | (raw["DIABP"] >= 90)
    once = raw.drop_duplicates("RANDID")
    found = [
        *((f"casual glucose missing, examination {n}", "GLUCOSE",
           raw["GLUCOSE"].isna() & (raw["PERIOD"] == n), "missing") for n in EXAMS),
        ("glucose 126 mg/dL or more without diabetes", "GLUCOSE",
         (raw["GLUCOSE"] >= 126) & (raw["DIABETES"] == 0), "kept"),
        ("glucose below 50 mg/dL", "GLUCOSE", raw["GLUCOSE"] < 50, "kept, flagged"),
        ("no known hypertension at 140/90 mmHg or more, examination 1", "PREVHYP",
         first & high & (raw["PREVHYP"] == 0), "kept: PREVHYP needs two readings"),
        ("cholesterol above 500 mg/dL", "TOTCHOL", raw["TOTCHOL"] > 500, "kept, flagged"),
        ("body mass index above 50", "BMI", raw["BMI"] > 50, "kept, flagged"),
        ("heart rate above 150", "HEARTRTE", raw["HEARTRTE"] > 150, "kept, flagged"),
        ("treatment unknown, examination 3", "BPMEDS", raw["BPMEDS"].isna() & (raw["PERIOD"] == 3), "missing"),
        ("stroke followed up beyond death", "TIMESTRK", once["TIMESTRK"] > once["TIMEDTH"], "ends with death"),
        ("alive, lost to follow-up of cardiovascular events before 10 years", "TIMECVD",
         (once["CVD"] == 0) & (once["TIMECVD"] < 3652.5) & (once["TIMEDTH"] > once["TIMECVD"]), "censored"),
    ]  # fmt: skip
    return [Defect(what, column, int(where.sum()), None, done) for what, column, where, done in found]
