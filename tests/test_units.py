"""Conversions against factors worked out by hand or printed elsewhere, never against our own output."""

import numpy as np
import pytest

from pipeline.schema import TableError, variables
from pipeline.units import convert, likely_units, possible_units

CASES = [
    # variable, unit, written, expected, from
    ("weight_kg", "lb", 100.0, 45.359237),                  # definition of the pound
    ("height_cm", "in", 70.0, 177.8),                       # definition of the inch
    ("height_cm", "ft", 6.0, 182.88),
    ("height_cm", "m", 1.72, 172.0),
    ("sbp_mmhg", "kPa", 16.0, 120.0099),                    # 1 kPa is 7.50062 mmHg
    ("body_temp_celsius", "[degF]", 98.6, 37.0),
    ("energy_intake_kcal_d", "kJ/d", 4184.0, 1000.0),       # thermochemical calorie
    ("alcohol_intake_g_wk", "g/d", 12.0, 84.0),
    ("glucose_mmol_l", "mg/dL", 100.0, 5.55),
    ("cholesterol_mmol_l", "mg/dL", 200.0, 5.172),
    ("cholesterol_mmol_l", "g/L", 2.0, 5.172),
    ("hdl_mmol_l", "mg/dl", 50.0, 1.293),
    ("triglycerides_mmol_l", "mg/dL", 150.0, 1.6935),
    ("creatinine_umol_l", "mg/dL", 1.0, 88.42),
    ("bilirubin_umol_l", "mg/dL", 1.0, 17.10),
    ("insulin_miu_l", "pmol/L", 60.0, 10.0),
    ("insulin_miu_l", "u[IU]/mL", 10.0, 10.0),
    ("alt_u_l", "ukat/L", 0.5, 30.0),                       # 1 µkat/L is 60 U/L
    ("platelets_1e9_l", "10*3/uL", 250.0, 250.0),
    ("albumin_g_l", "g/dL", 4.2, 42.0),
    ("hba1c_mmol_mol", "%", 6.5, 47.545),                   # IFCC and NGSP pair published as 6.5 % and 48
    ("pdff_percent", "1", 0.055, 5.5),
    ("age_years", "mo", 18.0, 1.5),
]


@pytest.mark.parametrize(("name", "unit", "written", "expected"), CASES)
def test_value_arrives_in_the_units_of_the_variable(name, unit, written, expected):
    assert convert(np.array([written]), unit, variables()[name])[0] == pytest.approx(expected, rel=1e-5)


def test_a_limit_and_a_measurement_of_the_same_percentage_are_the_same_number():
    variable = variables()["hba1c_mmol_mol"]
    data = convert(np.array([4.1, 5.7, 5.6, 9.9, 5.7]), "%", variable)
    limit = convert(np.array([5.7]), "%", variable)[0]
    assert (data >= limit).tolist() == [False, True, False, True, True]


def test_own_unit_changes_nothing_and_missing_stays_missing():
    values = np.array([5.1, np.nan])
    np.testing.assert_array_equal(convert(values, "mmol/L", variables()["glucose_mmol_l"]), values)
    assert np.isnan(convert(values, "mg/dL", variables()["glucose_mmol_l"])[1])


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("weight_kg", "mmHg"),
        ("weight_kg", "kilo"),
        ("hba1c_mmol_mol", "mg/dL"),
        ("sodium_mmol_l", "mg/dL"),
        ("height_cm", "(("),
    ],
)
def test_unit_that_does_not_fit_is_refused_with_those_that_do(name, unit):
    with pytest.raises(TableError) as fault:
        convert(np.array([1.0]), unit, variables()[name])
    assert name in str(fault.value)
    assert repr(unit) in str(fault.value)
    assert f"possible: {variables()[name].unit}" in str(fault.value)


@pytest.mark.parametrize("name", [name for name, v in variables().items() if v.kind == "number"])
def test_every_unit_offered_in_a_hint_can_be_converted(name):
    variable = variables()[name]
    for unit in possible_units(variable):
        assert np.isfinite(convert(np.array([1.0]), unit, variable)).all()


def test_hint_names_the_unit_that_makes_all_values_plausible():
    assert likely_units(np.array([1.18, 1.91]), "cm", variables()["height_cm"]) == ("m",)
    assert likely_units(np.array([5.1, 6.4]), "mmol/mol", variables()["hba1c_mmol_mol"]) == ("%",)
