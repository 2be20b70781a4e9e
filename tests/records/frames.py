"""Readings of all variables, invented, for round trips."""

import numpy as np
import pandas as pd

from pipeline.schema import variables


def frames(count, rng):
    """People and readings of all variables, with odd numbers and all kinds of flags."""
    people = pd.DataFrame(
        {
            "person_id": [f"person.{n}" for n in range(20)],
            "sex": ["female", "male", None, "female"] * 5,
            "birth_date": pd.to_datetime(["1950-01-02", "1961-12-31", None, "1975-06-01"] * 5).astype("datetime64[s]"),
            "age_years": np.nan,
        }
    ).astype({"person_id": "str", "sex": "str"})
    names = [name for name in variables() if name not in {"sex", "died", "dbp_mmhg"}]
    rows = []
    for number in range(count):
        variable = variables()[names[number % len(names)]]
        person = people["person_id"][int(rng.integers(20))]
        at = np.datetime64("2010-01-01", "s") + int(rng.integers(4e8))
        if variable.kind == "category":
            text = variable.levels[int(rng.integers(len(variable.levels)))] if variable.levels else "I63.9"
            rows.append((person, at, "", variable.name, np.nan, text, "", ""))
            continue
        low, high = variable.low, variable.high
        value = float(low + (high - low) * rng.random())
        flag = ["", "below", "date of issue", "by the older MDRD equation; stopped"][int(rng.integers(4))]
        if variable.name == "sbp_mmhg":      # some with a partner in a panel, some alone
            rows.append((person, at, "", "dbp_mmhg", value * 0.6, None, flag, ""))
            value, flag = float(max(value, 80)), flag if number % 2 else ""
        rows.append((person, at, "", variable.name, value, None, flag, ""))
    readings = pd.DataFrame(rows, columns=["person_id", "at", "phase", "variable", "value", "text", "flag", "source"])
    readings["at"] = readings["at"].astype("datetime64[s]")
    readings.loc[3, ["at", "flag"]] = [pd.Timestamp("2015-01-01"), "date known to the year"]
    readings.loc[4, ["at", "flag"]] = [pd.Timestamp("2015-03-01"), "date known to the month"]
    dead = ("person.3", np.datetime64("2023-05-06T07:08:09", "s"), "", "died", np.nan, "yes", "", "")
    readings.loc[len(readings)] = dead
    readings["at"] = readings["at"].astype("datetime64[s]")
    return people, readings.astype({"person_id": "str", "variable": "str", "text": "str", "flag": "str"})
