"""People and readings as FHIR R4: a Patient each, an Observation a reading, both pressures of a moment as one panel.

What `read_fhir` reads back of it are the same people and readings: values, times, variables and flags.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from pipeline.records import r4
from pipeline.records.codes_out import FLAG, PANEL, answer, concept, quantity
from pipeline.records.times import written
from pipeline.runs import RunError
from pipeline.schema import TableError, variables

Resource = dict[str, Any]
LEGAL = re.compile(r"[A-Za-z0-9.-]{1,64}")
HEAD = '{"resourceType":"Bundle","type":"collection","entry":[\n'
PERSON = "urn:tvilling:person"
COMPARATORS = {"below": "<", "at most": "<=", "above": ">", "at least": ">="}
DEATH_DAY_UNKNOWN = "day of death not known"


def write_fhir(people: pd.DataFrame, readings: pd.DataFrame, path: Path) -> int:
    """Write people and readings as a bundle (`.json`), or a resource a line (`.ndjson`, or a folder of such).

    The id of a Patient is the person_id where FHIR allows it as an id; it always is the identifier. Readings without a
    value are left out. Returns how many resources were written.
    """
    if phases := int((readings["phase"] != "").sum()):
        raise TableError(f"readings: {phases} have a phase instead of a date; FHIR has no place for it")
    ids = patient_ids(people["person_id"])
    if unknown := sorted(set(readings["variable"]) - set(variables())):
        raise TableError(f"readings: variable {', '.join(unknown)} is not of the library")
    if strange := set(readings["person_id"]) - set(ids):
        raise TableError(f"readings: {len(strange)} person_id are not in people")
    return write(path, chain(_patients(people, readings, ids), _observations(readings, ids)))


def patient_ids(persons: pd.Series) -> dict[str, str]:
    """The id of each person's Patient: the person_id, or a running number where FHIR does not allow it as an id."""
    return {person: person if LEGAL.fullmatch(person) else f"person-{n}" for n, person in enumerate(persons, 1)}


def write(path: Path, resources: Iterator[Resource]) -> int:
    """Write resources, each checked against R4; nothing stands at `path` before all are written."""
    as_bundle, as_folder = path.suffix == ".json", path.suffix not in {".json", ".ndjson"}
    if as_folder and path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is not empty; give a new folder, or a file ending in .json or .ndjson")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft, count = path.with_name(f".{path.name}.draft"), 0
    try:
        with ExitStack() as stack:
            files: dict[str, TextIO] = {}
            for resource in resources:
                r4.check(resource)
                name = f"{resource['resourceType']}.ndjson" if as_folder else ""
                if name not in files:
                    (draft if as_folder else draft.parent).mkdir(exist_ok=True)
                    files[name] = stack.enter_context((draft / name if name else draft).open("w", encoding="utf-8"))
                    files[name].write(HEAD if as_bundle else "")
                else:
                    files[name].write(",\n" if as_bundle else "\n")
                files[name].write(f'{{"resource":{_line(resource)}}}' if as_bundle else _line(resource))
                count += 1
            for file in files.values():
                file.write("\n]}\n" if as_bundle else "\n")
        if not count:
            raise TableError(f"{path.name}: there is nothing to write")
        if path.is_dir():
            path.rmdir()
        draft.rename(path)
    finally:
        shutil.rmtree(draft) if draft.is_dir() else draft.unlink(missing_ok=True)
    return count


def _line(resource: Resource) -> str:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _patients(people: pd.DataFrame, readings: pd.DataFrame, ids: dict[str, str]) -> Iterator[Resource]:
    died = readings[(readings["variable"] == "died") & (readings["text"] == "yes")].drop_duplicates("person_id")
    deaths = {person: _time(at, flag) for person, at, flag in died[["person_id", "at", "flag"]].itertuples(index=False)}
    for person, sex, birth in people[["person_id", "sex", "birth_date"]].itertuples(index=False):
        resource: Resource = {
            "resourceType": "Patient",
            "id": ids[person],
            "identifier": [{"system": PERSON, "value": person}],
        }
        if not pd.isna(sex):
            resource["gender"] = sex
        if not pd.isna(birth):
            resource["birthDate"] = f"{birth:%Y-%m-%d}".rjust(10, "0")
        if person in deaths:
            resource |= {"deceasedDateTime": deaths[person]} if deaths[person] else {"deceasedBoolean": True}
        yield resource


def _observations(readings: pd.DataFrame, ids: dict[str, str]) -> Iterator[Resource]:
    has_value = readings["value"].notna() | readings["text"].notna()
    in_patient = (readings["variable"] == "died") & (readings["text"] == "yes")
    frame = readings[has_value & ~in_patient].reset_index(drop=True)
    partner = _partners(frame)
    columns = frame[["person_id", "at", "variable", "value", "text", "flag"]]
    rows = list(columns.itertuples(index=False, name=None))
    for number, (person, at, name, value, text, flag) in enumerate(rows):
        other = partner.get(number)
        if other == -1:     # stands in the panel of the other
            continue
        resource: Resource = {
            "resourceType": "Observation",
            "id": f"reading-{number + 1}",
            "status": "final",
            "code": concept(name) if other is None else {"coding": [PANEL]},
            "subject": {"reference": f"Patient/{ids[person]}"},
        }
        if flag:
            resource["extension"] = [{"url": FLAG, "valueString": flag}]
        if time := _time(at, flag):
            resource["effectiveDateTime"] = time
        if other is None:
            resource |= _value(name, value, text, flag)
        else:
            both = ((name, value), (rows[other][2], rows[other][3]))
            resource["component"] = [{"code": concept(n), **_value(n, v, None, "")} for n, v in both]
        yield resource


def _partners(frame: pd.DataFrame) -> dict[int, int]:
    """For each systolic pressure the row of the diastolic one of the same moment, which itself gets -1."""
    rows = frame.reset_index(names="row")
    sides = [rows[rows["variable"] == name].copy() for name in ("sbp_mmhg", "dbp_mmhg")]
    key = ["person_id", "at", "flag"]
    for side in sides:
        side["turn"] = side.groupby(key, dropna=False).cumcount()
    pairs = sides[0].merge(sides[1], on=[*key, "turn"], suffixes=("", "_other"))
    return {int(a): int(b) for a, b in zip(pairs["row"], pairs["row_other"], strict=True)} | {
        int(b): -1 for b in pairs["row_other"]
    }


def _value(name: str, value: float, text: str | None, flag: str) -> Resource:
    variable = variables()[name]
    if variable.kind == "category":
        return {"valueCodeableConcept": answer(variable, str(text))}
    comparator = next((mark for words, mark in COMPARATORS.items() if words in flag.split("; ")), "")
    return {"valueQuantity": quantity(variable, float(value), comparator)}


def _time(at: Any, flag: str) -> str:
    return "" if pd.isna(at) else written(int(pd.Timestamp(at).timestamp()), flag)
