"""Values as written to the unit of their variable, group by group, or why that cannot be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.records.codes import Target
from pipeline.records.items import Unit
from pipeline.schema import TableError, Variable
from pipeline.units import convert, is_implausible, is_same_kind, is_unit, possible_units

# What people write where UCUM has another spelling.
SPELLINGS = {
    "beats/minute": "/min", "beats/min": "/min", "beats per minute": "/min", "bpm": "/min", "breaths/minute": "/min",
    "breaths/min": "/min", "breaths per minute": "/min", "per minute": "/min", "mm Hg": "mm[Hg]", "mmHG": "mm[Hg]",
    "C": "Cel", "°C": "Cel", "degrees Celsius": "Cel", "F": "[degF]", "°F": "[degF]", "[in_us]": "[in_i]",
    "K/uL": "10*3/uL", "K/µL": "10*3/uL", "x10^9/L": "10*9/L", "x10E9/L": "10*9/L", "x10^3/uL": "10*3/uL",
    "cells/uL": "/uL", "mL/min/1.73m2": "mL/min/{1.73_m2}", "mL/min/1.73 m2": "mL/min/{1.73_m2}",
    "mL/min/1.73m^2": "mL/min/{1.73_m2}", "mL/min/1.73 m^2": "mL/min/{1.73_m2}", "mL/min/1.73m²": "mL/min/{1.73_m2}",
    "INR": "1", "ratio": "1", "score": "1", "points": "1", "percent": "%", "MG/DL": "mg/dL", "[iU]/L": "[IU]/L",
    "mmol/mol Hb": "mmol/mol", "kg/m²": "kg/m2",
}  # fmt: skip
# The same number under another name, for variables of the given unit only.
EQUALS = {
    "U/L": {"IU/L": "U/L", "[IU]/L": "U/L"},
    "m[IU]/L": {"mU/L": "m[IU]/L", "mIU/L": "m[IU]/L", "uU/mL": "m[IU]/L", "µU/mL": "m[IU]/L", "uIU/mL": "m[IU]/L"},
}
NEAR = 1e-9
LONGEST = 60     # characters of a unit


class Converted(NamedTuple):
    """Values in the variable's unit; or none, with the kind of finding that says why."""

    values: np.ndarray | None
    kind: str = ""       # of finding; with values it is one of those that only flag
    what: str = ""
    flag: str = ""


def in_variable(values: np.ndarray, unit: Unit, target: Target) -> Converted:
    """The values, written in a unit, in that of the target's variable."""
    variable = target.variable
    text = _spelled(unit.text, variable)
    if not text:
        return _without(values, target)
    if len(text) > LONGEST:
        return Converted(None, "unit does not fit", f"unit of {len(text)} characters is none")
    try:
        converted = convert(values, text, variable)
    except TableError as fault:
        return Converted(None, "unit does not fit", str(fault))
    if unit.code and unit.words and _contradicts(_spelled(unit.words, variable), text, variable):
        what = f"unit is {unit.code!r} as code and {unit.words!r} in words; mend one of them"
        return Converted(None, "unit contradicts itself", what)
    if target.unit not in ("", text) and not is_same_kind(text, target.unit):
        what = f"comes in {text}, though its code stands for {target.unit}; converted by the unit that is written"
        return Converted(converted, "unit of another kind", what, f"in {text} under a code for {target.unit}")
    return Converted(converted)


def implausible(
    values: np.ndarray, written: np.ndarray, unit: str, variable: Variable
) -> tuple[np.ndarray, np.ndarray]:
    """Which values cannot be, and for each the unit under which it could (or "")."""
    outside = is_implausible(values, variable)
    likely = np.full(len(values), "", dtype=object)
    if outside.any():
        for other in reversed(possible_units(variable)):
            if other != unit:
                fits = ~is_implausible(convert(written, other, variable), variable)
                likely[outside & fits] = other
    return outside, likely


def spelled(unit: Unit, target: Target) -> str:
    """The unit in which the values were taken."""
    return _spelled(unit.text, target.variable) or target.unit


def _spelled(text: str, variable: Variable) -> str:
    text = SPELLINGS.get(text.strip(), text.strip())
    return EQUALS.get(variable.unit, {}).get(text, text)


def _without(values: np.ndarray, target: Target) -> Converted:
    variable = target.variable
    if variable.unit == "1" or variable.unit.startswith("{"):      # a count, score or ratio has none
        return Converted(values.copy())
    if not target.fixed:
        wanted = target.unit or variable.unit
        what = f"has no unit, and its code leaves it open; {variable.name} needs one, such as {wanted}"
        return Converted(None, "unit absent", what)
    what = f"has no unit; its code allows only {target.unit}, which was assumed"
    return Converted(convert(values, target.unit, variable), "unit assumed", what, f"unit assumed {target.unit}")


def _contradicts(words: str, code: str, variable: Variable) -> bool:
    """Whether words that are a unit say another one than the code."""
    if words == code or not is_unit(words):
        return False
    probe = np.array([1.0, 2.0])
    try:
        return not np.allclose(convert(probe, words, variable), convert(probe, code, variable), rtol=NEAR, atol=0)
    except TableError:
        return True
