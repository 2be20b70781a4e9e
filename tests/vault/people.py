"""Invented people for a vault."""

import pandas as pd

from pipeline.delivery import Delivery

# Values, names and words that occur nowhere else, so that every byte of a file can be searched for them.
CANARY_ID = "19500401-1234 Kanarina Fågelström"
CANARY_VALUE = 151.4829731
CANARY_TEXT = "I63.9 Hjärninfarkt kanariefågel"
CANARY_SOURCE = "kanarina_journal.json"
CANARY_BIRTH = "1950-04-01"


def deliver(
    *person_ids: str,
    variables: tuple[str, ...] = ("sbp_mmhg", "weight_kg", "hba1c_mmol_mol", "peth_umol_l"),
    times: int = 1,
    birth_date: str | None = CANARY_BIRTH,
) -> Delivery:
    """People with one reading a variable and time; values differ everywhere."""
    rows = [
        (who, f"2024-01-{1 + time:02d}", "", name, 50.0 + number + 7 * place + time / 8, None, "", f"{who} {place}")
        for number, who in enumerate(person_ids)
        for place, name in enumerate(variables)
        for time in range(times)
    ]  # fmt: skip
    return delivery([(who, "female", birth_date, None if birth_date else 61.5) for who in person_ids], rows)


def canary() -> Delivery:
    """One person who can be found in any file that holds a plain value of hers."""
    rows = [
        (CANARY_ID, "2024-01-05", "", "weight_kg", CANARY_VALUE, None, "", CANARY_SOURCE),
        (CANARY_ID, None, "arrival", "icd10", None, CANARY_TEXT, "", CANARY_SOURCE),
    ]
    return delivery([(CANARY_ID, "female", CANARY_BIRTH, None)], rows)


def delivery(people: list[tuple], rows: list[tuple]) -> Delivery:
    """Tables in the library's form."""
    table = pd.DataFrame(people, columns=["person_id", "sex", "birth_date", "age_years"])
    table = table.astype({"person_id": "str", "sex": "str", "birth_date": "datetime64[s]", "age_years": float})
    columns = ["person_id", "at", "phase", "variable", "value", "text", "flag", "source"]
    readings = pd.DataFrame(rows, columns=columns)
    texts = dict.fromkeys(("person_id", "phase", "variable", "text", "flag", "source"), "str")
    readings = readings.astype(texts | {"at": "datetime64[s]", "value": float})
    return Delivery(table, readings, pd.DataFrame(), (), {})
