"""What is known of each person at time zero, and at the next visit after it, as one row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.cohorts.outcome import DAYS_A_YEAR
from pipeline.schema import Variable
from pipeline.units import is_implausible

BMI = "bmi_kg_m2"


def baseline(people: pd.DataFrame, observations: pd.DataFrame, known: Mapping[str, Variable]) -> pd.DataFrame:
    """One row a person: each known variable that occurs, as last known at or before time zero.

    A number is the mean of its readings of that last day (three blood pressures, two recall days), a category
    the last answer. Age and sex come from `people`. Body mass index is worked out from weight and height
    where it was not recorded.
    """
    ids = pd.Index(people["person_id"])
    occurring = set(observations["variable"].unique()) - {"age_years", "sex"}
    names = [name for name in known if name in occurring]
    person = ids.get_indexer(pd.Index(observations["person_id"]))
    which = pd.Index(names, dtype="str").get_indexer(pd.Index(observations["variable"]))
    time = observations["time_d"].to_numpy(dtype=float)
    value = observations["value"].to_numpy(dtype=float)
    text = observations["text"].to_numpy(dtype=object)
    is_category = np.array([known[name].kind == "category" for name in names], dtype=bool)

    usable = (person >= 0) & (which >= 0) & (time <= 0)
    usable[usable] &= np.where(is_category[which[usable]], pd.notna(text[usable]), np.isfinite(value[usable]))
    person, which, time, value, text = (a[usable] for a in (person, which, time, value, text))
    cell = person * len(names) + which
    size = len(ids) * len(names)
    last = np.full(size, -np.inf)
    np.maximum.at(last, cell, time)
    is_last = time == last[cell]
    cell, which, value, text = (a[is_last] for a in (cell, which, value, text))

    of_number = ~is_category[which]
    count = np.bincount(cell[of_number], minlength=size)
    total = np.bincount(cell[of_number], weights=value[of_number], minlength=size)
    means = np.divide(total, count, out=np.full(size, np.nan), where=count > 0).reshape(len(ids), len(names))
    last_text = np.full(size, None, dtype=object)
    last_text[cell[~of_number]] = text[~of_number]
    answers = last_text.reshape(len(ids), len(names))

    columns: dict[str, pd.Series] = {
        "age_years": pd.Series(people["age_years"].to_numpy(dtype=float), index=ids),
        "sex": pd.Series(people["sex"].to_numpy(), index=ids, dtype="str"),
    }
    for j, name in enumerate(names):
        text_column = pd.Series(answers[:, j], index=ids, dtype="str")
        columns[name] = text_column if is_category[j] else pd.Series(means[:, j], index=ids)
    if BMI in known and {"weight_kg", "height_cm"} <= columns.keys():
        derived = columns["weight_kg"] / (columns["height_cm"] / 100) ** 2
        derived = derived.mask(is_implausible(derived.to_numpy(), known[BMI]))
        columns[BMI] = columns[BMI].fillna(derived) if BMI in columns else derived
    table = pd.DataFrame(columns, index=ids)
    return table[[name for name in known if name in columns]]


def next_visit(observations: pd.DataFrame, known: Mapping[str, Variable]) -> pd.DataFrame | None:
    """The first readings of each person after time zero: `years` after it, and a column a number; None without any.

    What a model may learn from and never predict with. Several readings of that day are averaged.
    """
    numbers = [name for name in known if known[name].kind == "number"]
    after = observations[(observations["time_d"] > 0) & observations["value"].notna()]
    after = after[after["variable"].isin(numbers)]
    if after.empty:
        return None
    day = after.groupby("person_id")["time_d"].transform("min")
    table = after[after["time_d"] == day].pivot_table(index="person_id", columns="variable", values="value")
    table.columns.name = None
    return table.assign(years=after.groupby("person_id")["time_d"].min() / DAYS_A_YEAR)
