"""The variables of the library are sound, and every table is held to its contract with words a user can act on."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.schema import TableError, Variable, validate, variables

FILE = Path(__file__).parents[1] / "pipeline" / "variables.csv"
# How a name ends when its quantity has this UCUM unit.
ENDINGS = {
    "a": "years", "cm": "cm", "kg": "kg", "kg/m2": "kg_m2", "%": "percent", "mm[Hg]": "mmhg", "/min": "per_min",
    "Cel": "celsius", "mmol/L": "mmol_l", "m[IU]/L": "miu_l", "nmol/L": "nmol_l", "mmol/mol": "mmol_mol",
    "U/L": "u_l", "umol/L": "umol_l", "g/L": "g_l", "10*9/L": "1e9_l", "mL/min/{1.73_m2}": "ml_min_173m2",
    "mg/L": "mg_l", "ng/L": "ng_l", "mg/dL": "mg_dl", "dB/m": "db_m", "kPa": "kpa", "g/wk": "g_wk",
    "kcal/d": "kcal_d", "mL/min/kg": "ml_min_kg", "L/min": "l_min", "g/d": "g_d", "min/d": "min_d", "h": "h",
    "{PackYears}": "years", "/d": "per_day",
}  # fmt: skip


def rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_variable_has_one_name():
    counted = Counter(row["name"] for row in rows())
    assert [name for name, n in counted.items() if n > 1] == []
    assert list(counted) == list(variables())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["name"])
def test_a_variable_is_sound(row):
    assert row["name"].isidentifier()
    assert row["name"] == row["name"].lower()
    assert row["kind"] in {"number", "category"}
    assert row["unit"]
    assert row["description"]
    if row["kind"] == "category":
        assert row["unit"] == "1"
        assert row["min"] == row["max"] == ""
        levels = row["levels"].split("|")
        # A code system is the one category that is too long to list.
        assert row["name"] == "icd10" or (len(levels) > 1 and all(levels))
        assert len(set(levels)) == len(levels)
    else:
        assert float(row["min"]) < float(row["max"])
        assert row["levels"] == ""
    if row["unit"] not in {"1", "{score}"}:
        assert row["name"].endswith(f"_{ENDINGS[row['unit']]}")


def test_a_row_has_as_many_fields_as_the_heading():
    assert [row["name"] for row in rows() if None in row or None in row.values()] == []


def test_variables_cannot_be_changed():
    with pytest.raises(TypeError):
        variables()["age_years"] = None


def test_what_is_allowed_is_said_in_words():
    assert variables()["age_years"].allowed() == "0 to 120 a"
    assert variables()["sex"].allowed() == "one of female, male"
    assert variables()["inr"].allowed() == "0.5 to 20"
    assert Variable("x", "number", "kg", None, None, (), "x").allowed() == "-inf to inf kg"
    assert Variable("x", "category", "1", None, None, (), "x").allowed() == "any text"


TABLES = {
    "people": {
        "person_id": ["a", "b"], "group_id": ["g", "g"], "age_years": [40.0, 0.0], "sex": ["female", "male"],
    },
    "observations": {
        "person_id": ["a", "a"], "time_d": [0.0, -3.0], "variable": ["bmi_kg_m2", "smoking_status"],
        "value": [25.0, np.nan], "text": pd.Series([None, "never"], dtype="str"), "flag": ["", "implausible"],
    },
    "outcomes": {
        "person_id": ["a", "b"], "outcome": ["stroke", "stroke"], "event": [0, 1], "time_d": [np.nan, 30.0],
        "status": ["censored", "event"], "weight": [1.0, 1.2],
    },
    "fits": {
        "person_id": ["a", "a"], "twin": ["liver_fat"] * 2, "parameter": ["k", "v"], "unit": ["1", "L"],
        "mode": [1.0, np.nan], "sd": [0.1, np.nan], "prior_sd": [0.2, np.nan],
        "contraction": [0.75, np.nan], "unlikely": [False, True], "basis": ["measured", "none"],
        "status": ["ok", "missing weight_kg"],
    },
    "features": {"person_id": ["a", "b"], "weight_change": [0.1, np.nan]},
    "predictions": {
        "person_id": ["a", "a"], "model": ["logistic"] * 2, "feature_set": ["both", "routine"],
        "repeat": [0, 1], "fold": [0, 4], "event": [1, 1], "weight": [1.0, 0.0], "risk": [0.0, 1.0],
        "risk_low": [0.0, np.nan], "risk_high": [0.2, np.nan],
    },
}  # fmt: skip
OPEN = {"people", "features"}   # tables that take more columns than they need

# What may not be in a table: column, value of the second row.
WRONG = [
    ("people", "person_id", None),
    ("people", "person_id", "a"),
    ("people", "age_years", 121.0),
    ("people", "age_years", -1.0),
    ("people", "age_years", np.nan),
    ("people", "sex", "F"),
    ("people", "group_id", None),
    ("observations", "time_d", np.nan),
    ("observations", "variable", None),
    ("observations", "flag", None),
    ("outcomes", "event", 2),
    ("outcomes", "person_id", "a"),
    ("fits", "sd", -0.1),
    ("fits", "prior_sd", -0.1),
    ("fits", "basis", "guessed"),
    ("fits", "status", None),
    ("features", "person_id", "a"),
    ("predictions", "risk", 1.01),
    ("predictions", "risk", -0.01),
    ("predictions", "risk", np.nan),
    ("predictions", "risk_low", -0.1),
    ("predictions", "risk_high", 1.1),
    ("predictions", "event", 2),
    ("predictions", "fold", -1),
    ("predictions", "repeat", -1),
]


def frame(table: str) -> pd.DataFrame:
    return pd.DataFrame(TABLES[table])


@pytest.mark.parametrize("table", TABLES)
def test_a_right_table_is_given_back_as_it_is(table):
    right = frame(table)
    pd.testing.assert_frame_equal(validate(right, table, "right.parquet"), frame(table))


@pytest.mark.parametrize(("table", "column", "value"), WRONG)
def test_a_wrong_value_is_told_with_source_column_row_and_value(table, column, value):
    wrong = frame(table)
    wrong.loc[1, column] = value
    with pytest.raises(TableError) as raised:
        validate(wrong, table, "people/wrong.parquet")
    message = str(raised.value)
    assert message.startswith(f"people/wrong.parquet: column {column} breaks ")
    if not pd.isna(value):
        assert repr(value) in message
    assert "row 0" in message or "row 1" in message, message


def test_the_row_and_the_number_of_rows_are_right():
    people = frame("people")
    people = pd.concat([people] * 5, ignore_index=True).assign(person_id=[f"p{i}" for i in range(10)])
    people.loc[[6, 8], "age_years"] = [702.0, 130.0]
    with pytest.raises(TableError, match=r"column age_years breaks .*0, 120.* in 2 row\(s\), first in row 6: 702\.0"):
        validate(people, "people", "people.parquet")


def test_all_faults_are_told_at_once():
    people = frame("people")
    people["sex"] = ["F", "M"]
    people["age_years"] = [400.0, 500.0]
    with pytest.raises(TableError) as raised:
        validate(people.drop(columns="group_id"), "people", "people.parquet")
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert any("group_id is missing" in line for line in lines)


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_column_is_named(table):
    for column in frame(table):
        if table == "features" and column != "person_id":
            continue
        with pytest.raises(TableError, match=rf"^it: column {column} is missing or not known to table {table}$"):
            validate(frame(table).drop(columns=column), table, "it")


@pytest.mark.parametrize("table", TABLES)
def test_an_extra_column_is_named_unless_the_table_is_open(table):
    more = frame(table).assign(extra=1.0)
    if table in OPEN:
        assert "extra" in validate(more, table, "it")
    else:
        with pytest.raises(TableError, match=rf"^it: column extra is missing or not known to table {table}$"):
            validate(more, table, "it")


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("people", "age_years", ["40", "41"]),
        ("people", "person_id", [1, 2]),
        ("observations", "value", ["25", "26"]),
        ("outcomes", "event", [0.0, 1.0]),
        ("features", "person_id", [7, 8]),
        ("predictions", "risk", ["0.1", "0.2"]),
    ],
)
def test_a_column_of_another_type_is_told(table, column, values):
    with pytest.raises(TableError, match=rf"^it: column {column} breaks dtype"):
        validate(frame(table).assign(**{column: values}), table, "it")


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_needs_its_columns_too(table):
    with pytest.raises(TableError, match="person_id is missing"):
        validate(pd.DataFrame(), table, "it")
