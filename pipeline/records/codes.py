"""What codes of health records mean in the library's variables: a table, looked up by system and code.

`codes.csv` holds a row for each code and variable. `match` is "is" for one code and "starts" for all that begin so
(ICD-10 and ATC, written without points); of several beginnings the longest counts for each variable, and one without a
variable takes back what shorter ones say. `unit` is the kind of unit that the code stands for, `fixed` says that where
no unit is written it can be no other. `level` is what a code says by itself (a diagnosis, an answer); variable "*" is
any yes-or-no variable.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pipeline.schema import Variable, variables

# Names of a code system in records; ICD-10 in any national edition.
SYSTEMS = {
    "http://loinc.org": "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "http://snomed.info/sct": "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
    "http://www.whocc.no/atc": "atc",
    "urn:oid:2.16.840.1.113883.6.73": "atc",
    "http://npu-terminology.org": "npu",
    "urn:oid:1.2.752.108.1": "npu",
    "urn:oid:1.2.208.176.2.1": "npu",
    "urn:oid:2.16.840.1.113883.6.3": "icd10",
    "urn:oid:2.16.840.1.113883.6.90": "icd10",
    "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full": "icd10",
    "urn:tvilling:variable": "tvilling",
    "urn:tvilling:level": "tvilling",
}
ICD10 = "http://hl7.org/fhir/sid/icd-10"      # -cm, -se, -gm and so on follow
# The same systems by the names of OMOP vocabularies.
VOCABULARIES = {
    "LOINC": "loinc", "SNOMED": "snomed", "RxNorm": "rxnorm", "ATC": "atc",
    "ICD10": "icd10", "ICD10CM": "icd10", "ICD10GM": "icd10", "ICD10CN": "icd10",
}  # fmt: skip
BY_BEGINNING = {"icd10", "atc"}
ANY = "*"
YES_NO = ("no", "yes")


class Target(NamedTuple):
    """What a code says: of which variable, in which kind of unit, or which level by itself."""

    variable: Variable
    unit: str = ""          # UCUM
    fixed: bool = False     # an absent unit can be no other
    level: str = ""
    flag: str = ""          # of each reading that comes by this code


def short(system: str) -> str:
    """The table's name of a code system; "" of one that it does not know."""
    return SYSTEMS.get(system) or ("icd10" if system.startswith(ICD10) else "")


@cache
def targets(system: str, code: str) -> tuple[Target, ...]:
    """What a code of the table's system (`short`) means, a target a variable; nothing where the table has no row."""
    if system == "tvilling":
        known = variables().get(code)
        return (Target(known, known.unit, True),) if known else ()
    rows = _exact().get((system, code), [])
    found = {row["variable"]: row for row in rows if row["variable"] != ANY}
    if system in BY_BEGINNING:
        text = re.sub(r"[^A-Z0-9]", "", code.upper())
        for end in range(1, len(text) + 1):
            for row in _beginnings().get((system, text[:end]), []):
                if row["variable"]:
                    found[row["variable"]] = row
                else:
                    found.clear()
    return tuple(_target(row) for row in found.values())


@cache
def level(variable: str, system: str, code: str) -> tuple[str, str] | None:
    """The level of a category that a coded answer gives, and the flag of it; None where the table does not say."""
    known = variables()[variable]
    if system == "tvilling":
        return (code, "") if code in known.levels else None
    for row in _exact().get((system, code), []):
        if row["variable"] == variable or (row["variable"] == ANY and known.levels == YES_NO):
            return (row["level"], row["flag"]) if row["level"] else None
    return None


def elsewhere(code: str) -> str:
    """The system in which the table has this code, whatever system it was given under; "" if none."""
    for system, name in (("loinc", "LOINC"), ("snomed", "SNOMED CT"), ("rxnorm", "RxNorm"), ("npu", "NPU")):
        if (system, code) in _exact():
            return name
    return ""


@cache
def units(system: str) -> dict[str, str]:
    """UCUM units by their code in a system of units, such as the concepts of OMOP."""
    return {row["code"]: row["unit"] for rows in _exact().values() for row in rows if row["system"] == system}


@cache
def codes(system: str) -> tuple[str, ...]:
    """All codes that the table has of a system."""
    return tuple(code for (known, code) in _exact() if known == system)


def _target(row: dict[str, str]) -> Target:
    return Target(variables()[row["variable"]], row["unit"], row["fixed"] == "yes", row["level"], row["flag"])


def _read(match: str) -> dict[tuple[str, str], list[dict[str, str]]]:
    text = files("pipeline.records").joinpath("codes.csv").read_text(encoding="utf-8")
    table: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["match"] == match:
            table.setdefault((row["system"], row["code"]), []).append(row)
    return table


@cache
def _exact() -> dict[tuple[str, str], list[dict[str, str]]]:
    return _read("is")


@cache
def _beginnings() -> dict[tuple[str, str], list[dict[str, str]]]:
    return _read("starts")
