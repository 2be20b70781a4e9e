"""People to simulate in tests: one by name, or many at random within what adults have."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pipeline.twins import NO_CHANGE

DATA = Path(__file__).parents[1] / "data"
YEAR = 365.25

MAN = {
    "male": 1.0,
    "age_years": 45.0,
    "height_cm": 175.0,
    "weight_kg": 90.0,
    "body_fat_percent": 28.0,
    "activity_level": 1.5,
    "carbohydrate_fraction": 0.45,
    "fat_fraction": 0.37,
    "pdff_percent": 6.0,
    "sbp_mmhg": 142.0,
    "dbp_mmhg": 84.0,
    "cigarettes_per_day": 10.0,
    "atrial_fibrillation": 0.0,
    "diabetes": 0.0,
    "alcohol_g_d": 25.0,
}


def many(number: int, seed: int) -> dict[str, np.ndarray]:
    """`number` different adults; ranges are wider than most cohorts have."""
    rng = np.random.default_rng(seed)
    male = rng.integers(0, 2, number).astype(float)
    height = 162.0 + 13.0 * male + rng.normal(0.0, 6.5, number)
    return {
        "male": male,
        "age_years": rng.uniform(18.0, 85.0, number),
        "height_cm": height,
        "weight_kg": rng.uniform(18.5, 45.0, number) * (height / 100.0) ** 2,
        "body_fat_percent": rng.uniform(12.0, 48.0, number),
        "activity_level": rng.uniform(1.2, 2.4, number),
        "carbohydrate_fraction": rng.uniform(0.25, 0.60, number),
        "fat_fraction": rng.uniform(0.20, 0.38, number),
        "pdff_percent": np.exp(rng.uniform(np.log(0.5), np.log(35.0), number)),
        "sbp_mmhg": rng.uniform(95.0, 190.0, number),
        "dbp_mmhg": rng.uniform(55.0, 94.0, number),
        "cigarettes_per_day": rng.uniform(0.0, 20.0, number),
        "atrial_fibrillation": rng.integers(0, 2, number).astype(float),
        "diabetes": rng.integers(0, 2, number).astype(float),
        "alcohol_g_d": rng.uniform(0.0, 80.0, number),
    }


def as_floats(person: dict[str, float]) -> dict[str, np.ndarray]:
    """A person as arrays, so that another person does not compile again."""
    return {name: np.asarray(float(value)) for name, value in person.items()}


def changed(**inputs: float) -> dict[str, np.ndarray]:
    """The inputs of one segment, as arrays; what is not named is as at the visit."""
    return {name: np.asarray(float(v)) for name, v in (NO_CHANGE.arrays()[0] | inputs).items()}


def read_rows(name: str, scenario: str) -> dict[str, np.ndarray]:
    """Columns of one scenario of a reference table; NaN where the table says nothing."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    rows = [r for r in csv.DictReader(x for x in lines if not x.startswith("#")) if r["scenario"] == scenario]
    return {c: np.array([float(r[c] or "nan") for r in rows]) for c in rows[0] if c != "scenario"}
