"""Deliveries of invented people: sound ones, and faults to put into them."""

import numpy as np
import pandas as pd

from pipeline.delivery import Delivery, Finding

DELIVERED = "2024-06-30"
READINGS = ["person_id", "at", "phase", "variable", "value", "text", "flag", "source"]
# Per visit: variable, mean, between people, within a person, decimals.
MEASURED = (
    ("weight_kg", 80, 14, 1.5, 1), ("sbp_mmhg", 132, 13, 8, 0), ("dbp_mmhg", 78, 6, 4, 0),
    ("hba1c_mmol_mol", 42, 7, 2, 0), ("cholesterol_mmol_l", 5.1, 0.8, 0.3, 1), ("creatinine_umol_l", 82, 14, 5, 0),
    ("alt_u_l", 32, 7, 4, 0),
)  # fmt: skip


def clean(count=90, visits=7, seed=1):
    """A delivery without any fault: adults with visits over three years, several variables at each."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["female", "male"], count)
    born = np.datetime64("1940-01-01", "s") + rng.integers(2, 40 * 365, count) * 86_400
    born[(born.astype("datetime64[D]") == born.astype("datetime64[Y]").astype("datetime64[D]"))] += 86_400
    ids = np.array([f"secret-{seed}-{number:05d}" for number in range(count)])
    people = pd.DataFrame({"person_id": ids, "sex": sex, "birth_date": born, "age_years": np.nan})
    person = np.repeat(np.arange(count), visits)
    at = np.datetime64("2021-01-04", "s") + rng.integers(0, 1200, len(person)) * 86_400
    at = at + rng.integers(7 * 3600, 17 * 3600, len(person)) // 60 * 60
    frames = []

    def reading(variable, value=np.nan, text=None):
        frames.append(pd.DataFrame({"who": person, "at": at, "variable": variable, "value": value, "text": text}))

    height = rng.normal(np.where(sex == "male", 178, 165), 6).clip(150, 190).round(0)[person]
    reading("height_cm", height)
    for variable, mean, between, within, decimals in MEASURED:
        low, high = (46, 160) if variable == "weight_kg" else (0.4 * mean, 1.8 * mean)
        value = rng.normal(mean, between, count)[person] + rng.normal(0, within, len(person))
        value = value.clip(low, high).round(decimals)
        if variable == "dbp_mmhg":
            value = np.minimum(value, frames[-1]["value"] - 15)
        reading(variable, value)
        if variable == "weight_kg":
            reading("bmi_kg_m2", (value / (height / 100) ** 2).round(1))
    reading("smoking_status", text=rng.choice(["never", "former", "current"], count)[person])
    table = pd.concat(frames, ignore_index=True)
    table = table.drop_duplicates(["who", "at", "variable"], ignore_index=True)
    return delivery(people, table.assign(person_id=ids[table["who"]]))


def delivery(people, readings, findings=(), unmapped=(), **identity):
    """A delivery of these tables; what a column lacks is filled in."""
    readings = pd.DataFrame(readings).assign(**{n: "" for n in ("phase", "flag") if n not in readings})
    if "source" not in readings:
        readings = readings.assign(source=[f"Observation.ndjson, line {n}" for n in range(1, len(readings) + 1)])
    kept = {"phase": "str", "flag": "str", "source": "str", "variable": "str", "person_id": "str", "value": float}
    readings = readings[READINGS].astype({**kept, "at": "datetime64[s]", "text": "str"})
    people = people.astype({"person_id": "str", "sex": "str", "birth_date": "datetime64[s]", "age_years": float})
    codes = pd.DataFrame(list(unmapped), columns=["system", "code", "display", "count"])
    told = {"file": "export", "rows": len(readings), "note": "invented", "delivered": DELIVERED, "sha256": "ab" * 32}
    told |= {"licence": "none", "citation": "nobody"}
    return Delivery(people, readings.reset_index(drop=True), codes, tuple(findings), told | identity)


def changed(source, readings=None, people=None, findings=None):
    """The delivery with other tables or findings."""
    return source._replace(
        readings=source.readings if readings is None else readings.reset_index(drop=True),
        people=source.people if people is None else people.reset_index(drop=True),
        findings=source.findings if findings is None else tuple(findings),
    )


def rows_of(source, variable, share=1.0, seed=3):
    """Numbers of a share of the readings of a variable."""
    rows = np.flatnonzero(source.readings["variable"] == variable)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(rows, max(1, round(share * len(rows))), replace=False))


def finding(kind, severity="refused", place="loinc 29463-7 (weight_kg)", times=1, what="is wrong", example=""):
    return Finding(kind, severity, place, what, times, example)
