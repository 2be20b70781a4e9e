"""Conversion of measured values to the unit of their variable.

Three kinds: a ratio of units (pint), mass to amount of a known analyte, and HbA1c, whose two scales are
joined by a line with an intercept. The limits of a study's rules go through the same function as its data, so
that a limit of 5.7 % and a measurement of 5.7 % are the same number.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.schema import TableError, Variable

if TYPE_CHECKING:
    import pint


class Analyte(NamedTuple):
    """How an amount follows from another kind of quantity of the same substance."""

    unit: str          # of the other quantity
    factor: float      # variable's unit per that unit


class _Unit(NamedTuple):
    scale: float       # 1e9 of 10*9/L
    unit: Any          # of pint


# Factors are those of variables.csv, where each stands beside the LOINC code of the other quantity.
ANALYTES = {
    "glucose_mmol_l": Analyte("mg/dL", 0.0555),
    "glucose_fasting_mmol_l": Analyte("mg/dL", 0.0555),
    "cholesterol_mmol_l": Analyte("mg/dL", 0.02586),
    "hdl_mmol_l": Analyte("mg/dL", 0.02586),
    "ldl_mmol_l": Analyte("mg/dL", 0.02586),
    "triglycerides_mmol_l": Analyte("mg/dL", 0.01129),
    "creatinine_umol_l": Analyte("mg/dL", 88.42),
    "bilirubin_umol_l": Analyte("mg/dL", 17.10),
    "insulin_miu_l": Analyte("pmol/L", 1 / 6.00),
    "c_peptide_nmol_l": Analyte("ng/mL", 0.331),
    "ethanol_mmol_l": Analyte("mg/dL", 0.217),
    "peth_umol_l": Analyte("ng/mL", 1 / 702.98),
}
HBA1C = "hba1c_mmol_mol"

# Other units in which people write a variable of the given unit: for hints, no limit of what is accepted.
COMMON = {
    "cm": ("m", "mm", "in", "ft"),
    "kg": ("g", "lb"),
    "mm[Hg]": ("kPa",),
    "kcal/d": ("kJ/d", "MJ/d"),
    "U/L": ("ukat/L",),
    "g/L": ("g/dL",),
    "Cel": ("[degF]",),
    "g/d": ("g/wk",),
    "g/wk": ("g/d",),
    "min/d": ("h/d",),
    "h": ("min",),
    "a": ("mo", "d"),
    "d": ("wk", "mo", "a"),
    "%": ("1",),
    "10*9/L": ("10*3/uL",),
    "mg/L": ("mg/dL",),
    "m[IU]/L": ("u[IU]/mL",),
    "mmol/L": ("umol/L",),
    "umol/L": ("mmol/L",),
}

_SPELLINGS = {
    "[lb_av]": "lb", "[in_i]": "in", "[ft_i]": "ft", "[degF]": "degF", "[oz_av]": "oz", "[IU]": "IU",
    "mm[Hg]": "mmHg", "Cel": "degC", "µ": "u", "μ": "u", "%": "percent",
}  # fmt: skip


def convert(values: np.ndarray, unit: str, variable: Variable) -> np.ndarray:
    """The values, given in `unit`, in the unit of `variable`.

    Raises `TableError` naming the variable, the unit and the units that would fit.

    >>> from pipeline.schema import variables
    >>> convert(np.array([6.0]), "%", variables()["hba1c_mmol_mol"]).round(2).tolist()
    [42.08]
    """
    values = np.asarray(values, dtype=float)
    unit = unit.strip()
    if unit == variable.unit:
        return values.copy()
    if variable.name == HBA1C:       # before pint, which would take per cent as ten mmol/mol
        if unit == "%":
            return 10.93 * values - 23.50    # IFCC from NGSP: Hoelzel W et al., Clin Chem 2004;50:166-174
        raise _unfit(unit, variable)
    source = _parse(unit, variable)
    target = _parse(variable.unit, variable)
    if source.unit.is_compatible_with(target.unit):
        return _ratio(values, source, target)
    analyte = ANALYTES.get(variable.name)
    if analyte is not None:
        other = _parse(analyte.unit, variable)
        if source.unit.is_compatible_with(other.unit):
            return _ratio(values, source, other) * analyte.factor
    raise _unfit(unit, variable)


def possible_units(variable: Variable) -> tuple[str, ...]:
    """Units in which the variable is commonly written, its own first."""
    if variable.name == HBA1C:
        return (variable.unit, "%")
    analyte = ANALYTES.get(variable.name)
    other = (analyte.unit,) if analyte else ()
    return tuple(dict.fromkeys((variable.unit, *other, *COMMON.get(variable.unit, ()))))


def likely_units(values: np.ndarray, unit: str, variable: Variable) -> tuple[str, ...]:
    """Units other than `unit` under which every value would be plausible: what the writer may have meant."""
    return tuple(
        other
        for other in possible_units(variable)
        if other != unit and not is_implausible(convert(values, other, variable), variable).any()
    )


def is_unit(unit: str) -> bool:
    """Whether this can be read as a unit at all."""
    return _read(unit.strip()) is not None


def is_same_kind(unit: str, other: str) -> bool:
    """Whether both are units of the same kind of quantity, as mg/dL and g/L are, but mmol/L is not."""
    one, two = _read(unit.strip()), _read(other.strip())
    return one is not None and two is not None and bool(one.unit.is_compatible_with(two.unit))


def is_implausible(values: np.ndarray, variable: Variable) -> np.ndarray:
    """True where a value, in the variable's unit, lies outside its plausible range; false where missing."""
    low = -np.inf if variable.low is None else variable.low
    high = np.inf if variable.high is None else variable.high
    return (values < low) | (values > high)


def _ratio(values: np.ndarray, source: _Unit, target: _Unit) -> np.ndarray:
    quantity = _registry().Quantity(values * source.scale, source.unit)
    return np.asarray(quantity.to(target.unit).magnitude, dtype=float) / target.scale


def _unfit(unit: str, variable: Variable) -> TableError:
    return TableError(
        f"unit {unit!r} does not fit {variable.name}, which is kept in {variable.unit}; "
        f"possible: {', '.join(possible_units(variable))}"
    )


@cache
def _registry() -> pint.UnitRegistry:
    import pint

    registry: pint.UnitRegistry = pint.UnitRegistry()
    registry.define("international_unit = [biological_activity] = IU")
    return registry


def _parse(unit: str, variable: Variable) -> _Unit:
    read = _read(unit)
    if read is None:
        raise _unfit(unit, variable)
    return read


@lru_cache(maxsize=4096)
def _read(unit: str) -> _Unit | None:
    """A unit in UCUM or everyday spelling; what stands in braces is a remark and has no dimension.

    None where it is none, or so long or raised to such powers that reading it could take for ever.
    """
    if len(unit) > 60 or re.search(r"\*\*|\^.*\^|\^\W*\d{3}", unit):
        return None
    text = re.sub(r"^/", "1/", re.sub(r"/?\{[^}]*\}", "", unit))
    for spelling, name in _SPELLINGS.items():
        text = text.replace(spelling, name)
    text = re.sub(r"\bwk\b", "week", re.sub(r"\bmo\b", "month", text))
    text = re.sub(r"(?<=[a-z])([23])\b", r"**\1", text)
    text = re.sub(r"\b10[*^](\d+)", r"1e\1", text)
    try:
        parsed = _registry().parse_expression(text or "1")
        if isinstance(parsed, int | float):
            parsed = _registry().Quantity(parsed, "")
        return _Unit(float(parsed.magnitude), parsed.units)
    except Exception:    # pint raises a dozen kinds, down to tokenize.TokenError
        return None
