"""How variables, units and levels are written in FHIR, so that any system understands them and ours reads them back."""

from __future__ import annotations

from functools import cache
from typing import Any

from pipeline.records.codes import YES_NO, targets
from pipeline.schema import Variable, variables

VARIABLE = "urn:tvilling:variable"
LEVEL = "urn:tvilling:level"
FLAG = "urn:tvilling:flag"
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
PANEL = {"system": LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional"}
ANSWERS = {
    ("smoking_status", "never"): "266919005",
    ("smoking_status", "former"): "8517006",
    ("smoking_status", "current"): "77176002",
}
YES_NO_SNOMED = {"yes": "373066001", "no": "373067005"}


@cache
def concept(name: str) -> dict[str, Any]:
    """The code of a variable: its LOINC code, else its name under a system of our own."""
    variable = variables()[name]
    coding = {"system": VARIABLE, "code": name}
    if variable.loinc and any(t.variable.name == name for t in targets("loinc", variable.loinc)):
        coding = {"system": LOINC, "code": variable.loinc}
    return {"coding": [coding], "text": variable.description}


def quantity(variable: Variable, value: float, comparator: str = "") -> dict[str, Any]:
    """A number in the variable's unit."""
    written = int(value) if value.is_integer() and abs(value) < 1e15 else value
    found = {"value": written, "unit": variable.unit, "system": UCUM, "code": variable.unit}
    return found | ({"comparator": comparator} if comparator else {})


def answer(variable: Variable, text: str) -> dict[str, Any]:
    """A level of a category, by SNOMED CT where there is a code for it."""
    if not variable.levels:
        return {"text": text}
    code = YES_NO_SNOMED.get(text) if variable.levels == YES_NO else ANSWERS.get((variable.name, text))
    known = [{"system": SNOMED, "code": code}] if code else []
    return {"coding": [*known, {"system": LEVEL, "code": text}], "text": text}
