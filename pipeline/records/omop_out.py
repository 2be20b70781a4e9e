"""People and readings as OMOP CDM 5.4: a folder of Parquet files, one a table, which `read_omop` reads back.

Values stand in the variables' units. A variable without a standard concept of the same unit has concept 0 and its name
as the source's value, as the CDM has it for what could not be mapped. Flags are not carried, but for limits ("below"):
OMOP has no place for them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.records.codes import codes, targets, units
from pipeline.records.omop_in import OWN, SEX
from pipeline.records.omop_rows import OPERATORS
from pipeline.runs import RunError
from pipeline.schema import TableError, Variable, variables

EHR = 32817              # type concept: from an electronic health record
TREATMENTS = {"pressure_treatment", "insulin_treatment", "glucose_lowering_pills"}     # a group of drugs, no single one
YES_NO_CONCEPT = {"yes": 4188539, "no": 4188540}


def write_omop(people: pd.DataFrame, readings: pd.DataFrame, folder: Path) -> dict[str, int]:
    """Write PERSON, MEASUREMENT, OBSERVATION, CONDITION_OCCURRENCE, DEATH and OBSERVATION_PERIOD; returns their rows.

    person_id are running numbers; ours is the person_source_value. Readings without a value or a date are left out.
    """
    if folder.exists() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty; give a new folder")
    strange = set(readings["person_id"]) - set(people["person_id"])
    unknown = sorted(set(readings["variable"]) - set(variables()))
    if strange or unknown:
        raise TableError(
            f"readings: variables {', '.join(unknown)} are not of the library" if unknown
            else f"readings: {len(strange)} person_id are not in people"
        )  # fmt: skip
    numbers = pd.Series(np.arange(1, len(people) + 1), index=people["person_id"])
    said = readings[(readings["value"].notna() | readings["text"].notna()) & readings["at"].notna()]
    said = said.assign(person=said["person_id"].map(numbers)).reset_index(drop=True)
    tables = {"person": _person(people, numbers), **_statements(said)}
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(draft / f"{name}.parquet", index=False)
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)
    return {name: len(table) for name, table in tables.items()}


def _person(people: pd.DataFrame, numbers: pd.Series) -> pd.DataFrame:
    concepts = {sex: concept for concept, sex in SEX.items()}
    born = people["birth_date"]
    return pd.DataFrame(
        {
            "person_id": numbers.to_numpy(),
            "gender_concept_id": people["sex"].map(concepts).fillna(0).astype("int64"),
            "year_of_birth": born.dt.year.astype("Int64"),
            "month_of_birth": born.dt.month.astype("Int64"),
            "day_of_birth": born.dt.day.astype("Int64"),
            "birth_datetime": born.astype("datetime64[us]"),
            "race_concept_id": 0,
            "ethnicity_concept_id": 0,
            "person_source_value": people["person_id"].astype("str"),
        }
    )


def _statements(said: pd.DataFrame) -> dict[str, pd.DataFrame]:
    kind = said["variable"].map(lambda name: variables()[name].kind)
    death = (said["variable"] == "died") & (said["text"] == "yes") & ~said.duplicated(["person_id", "variable", "text"])
    period = said["variable"] == "under_observation"
    periods, paired = _periods(said[period])
    period &= said["person_id"].isin(paired)
    concept = said["variable"].map(lambda name: _condition(variables()[name]))
    condition = (concept != 0) & (said["text"] == "yes")
    number = kind == "number"
    rest = ~(death | period | condition | number)
    return {
        "measurement": _measurement(said[number]),
        "observation": _observation(said[rest]),
        "condition_occurrence": _dated(said[condition], "condition_occurrence", "condition_start", "condition").assign(
            condition_concept_id=concept[condition].to_numpy(dtype="int64")
        ),
        "death": pd.DataFrame(
            {
                "person_id": said["person"][death].to_numpy(),
                "death_date": said["at"][death].dt.date.to_numpy(),
                "death_datetime": said["at"][death].astype("datetime64[us]").to_numpy(),
                "death_type_concept_id": EHR,
            }
        ),
        "observation_period": periods,
    }


def _dated(said: pd.DataFrame, table: str, when: str, kind: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"{table}_id": np.arange(1, len(said) + 1),
            "person_id": said["person"].to_numpy(),
            f"{when}_date": said["at"].dt.date.to_numpy(),
            f"{when}_datetime": said["at"].astype("datetime64[us]").to_numpy(),
            f"{kind}_type_concept_id": EHR,
        }
    )


def _measurement(said: pd.DataFrame) -> pd.DataFrame:
    operators = {words: concept for concept, words in OPERATORS.items()}
    concepts = {unit: int(code) for code, unit in units("omop_unit").items()}
    unit = said["variable"].map(lambda name: variables()[name].unit)
    concept = said["variable"].map(lambda name: _measure(variables()[name]))
    limit = said["flag"].map(lambda flag: next((operators[w] for w in flag.split("; ") if w in operators), 0))
    return _dated(said, "measurement", "measurement", "measurement").assign(
        measurement_concept_id=concept.to_numpy(dtype="int64"),
        operator_concept_id=limit.to_numpy(dtype="int64"),
        value_as_number=said["value"].to_numpy(),
        value_as_concept_id=0,
        unit_concept_id=unit.map(concepts).fillna(0).to_numpy(dtype="int64"),
        measurement_source_value=(OWN + said["variable"]).to_numpy(),
        unit_source_value=unit.to_numpy(dtype=object),
    )


def _observation(said: pd.DataFrame) -> pd.DataFrame:
    answer = said["text"].map(YES_NO_CONCEPT).fillna(0)
    return _dated(said, "observation", "observation", "observation").assign(
        observation_concept_id=0,
        value_as_number=np.nan,
        value_as_string=said["text"].to_numpy(dtype=object),
        value_as_concept_id=answer.to_numpy(dtype="int64"),
        unit_concept_id=0,
        observation_source_value=(OWN + said["variable"]).to_numpy(),
    )


def _periods(said: pd.DataFrame) -> tuple[pd.DataFrame, set[str]]:
    """Starts and ends that pair up on whole days; and whose these are."""
    rows, paired = [], set()
    for person_id, group in said.groupby("person_id", sort=False):
        starts, ends = (sorted(group["at"][group["text"] == text]) for text in ("yes", "no"))
        whole = all(at == at.normalize() for at in (*starts, *ends))
        if whole and len(starts) == len(ends) and all(a <= b for a, b in zip(starts, ends, strict=True)):
            paired.add(str(person_id))
            rows += [(group["person"].iloc[0], a.date(), b.date()) for a, b in zip(starts, ends, strict=True)]
    frame = pd.DataFrame(rows, columns=["person_id", "observation_period_start_date", "observation_period_end_date"])
    frame.insert(0, "observation_period_id", np.arange(1, len(frame) + 1))
    return frame.assign(period_type_concept_id=EHR), paired


def _measure(variable: Variable) -> int:
    """The standard concept whose unit is the variable's own; 0 if the table has none."""
    for code in codes("omop"):
        for target in targets("omop", code):
            if target.variable.name == variable.name and target.unit == variable.unit and not target.flag:
                return int(code)
    return 0


def _condition(variable: Variable) -> int:
    """The standard concept of a diagnosis; 0 if the variable is none, or the table has none for it alone."""
    if variable.kind != "category" or variable.name in TREATMENTS:
        return 0
    for code in codes("omop"):
        meant = targets("omop", code)
        if len(meant) == 1 and meant[0].variable.name == variable.name and meant[0].level == "yes":
            return int(code)
    return 0
