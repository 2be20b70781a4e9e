"""The same person in both systems of units is the same to the twins."""

import pytest

from pipeline.records import read_fhir
from pipeline.schema import variables
from tests.records.resources import DELIVERED, amount, ndjson, observation, patient

# Variable; code, unit and value of one system; code and unit of the other, and by how much its numbers are larger,
# from molar masses (g/mol) and definitions, not from our factors.
PAIRS = [
    ("glucose_mmol_l", "14749-6", "mmol/L", 5.6, "2345-7", "mg/dL", 180.156 / 10),
    ("glucose_fasting_mmol_l", "14771-0", "mmol/L", 5.2, "1558-6", "mg/dL", 180.156 / 10),
    ("cholesterol_mmol_l", "14647-2", "mmol/L", 5.4, "2093-3", "mg/dL", 386.65 / 10),
    ("hdl_mmol_l", "14646-4", "mmol/L", 1.3, "2085-9", "mg/dL", 386.65 / 10),
    ("ldl_mmol_l", "22748-8", "mmol/L", 3.4, "13457-7", "mg/dL", 386.65 / 10),
    ("triglycerides_mmol_l", "14927-8", "mmol/L", 1.5, "2571-8", "mg/dL", 885.4 / 10),
    ("creatinine_umol_l", "14682-9", "umol/L", 78, "2160-0", "mg/dL", 113.12 / 10_000),
    ("bilirubin_umol_l", "14631-6", "umol/L", 12, "1975-2", "mg/dL", 584.66 / 10_000),
    ("c_peptide_nmol_l", "14633-2", "nmol/L", 0.7, "1986-9", "ng/mL", 3.0203),
    ("insulin_miu_l", "20448-7", "m[IU]/L", 9, "14796-7", "pmol/L", 6.00),
    ("ethanol_mmol_l", None, "mmol/L", 10, "5643-2", "mg/dL", 46.069 / 10),
    ("peth_umol_l", "97607-6", "umol/L", 0.12, "97607-6", "ng/mL", 703.0),
    ("albumin_g_l", "1751-7", "g/L", 42, "1751-7", "g/dL", 0.1),
    ("hemoglobin_g_l", "718-7", "g/L", 141, "718-7", "g/dL", 0.1),
    ("alt_u_l", "1742-6", "ukat/L", 0.5, "1742-6", "U/L", 60),
    ("ast_u_l", "1920-8", "ukat/L", 0.4, "1920-8", "U/L", 60),
    ("alp_u_l", "6768-6", "ukat/L", 1.1, "6768-6", "U/L", 60),
    ("ggt_u_l", "2324-2", "ukat/L", 0.6, "2324-2", "[IU]/L", 60),
    ("wbc_1e9_l", "6690-2", "10*9/L", 6.2, "6690-2", "/uL", 1000),
    ("platelets_1e9_l", "777-3", "10*9/L", 240, "777-3", "10*3/uL", 1),
    ("weight_kg", "29463-7", "kg", 82, "29463-7", "[lb_av]", 1 / 0.45359237),
    ("height_cm", "8302-2", "cm", 171, "8302-2", "[in_i]", 1 / 2.54),
    ("waist_cm", "8280-0", "cm", 95, "8280-0", "[in_i]", 1 / 2.54),
    ("sbp_mmhg", "8480-6", "mm[Hg]", 135, "8480-6", "kPa", 0.133322),
    ("dbp_mmhg", "8462-4", "mm[Hg]", 85, "8462-4", "kPa", 0.133322),
    ("crp_mg_l", "1988-5", "mg/L", 3, "1988-5", "mg/dL", 0.1),
]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    def of(system):
        rows = []
        for number, (name, *one, value, code, unit, times) in enumerate(PAIRS):
            if system == 1:
                own = {"system": "urn:tvilling:variable", "code": name}
                code, unit, times = one[0] or {"coding": [own]}, one[1], 1
            rows.append(observation(code, amount(value * times, unit), number=number))
        hba1c = ("59261-8", "mmol/mol", 53) if system == 1 else ("4548-4", "%", (53 + 23.50) / 10.93)
        rows.append(observation(hba1c[0], amount(hba1c[2], hba1c[1]), number=98))
        heat = (37.0, "Cel") if system == 1 else (98.6, "[degF]")
        rows.append(observation("8310-5", amount(*heat), number=99))
        folder = tmp_path_factory.mktemp("units")
        return read_fhir(ndjson(folder / "x.ndjson", patient(), *rows), delivered=DELIVERED)

    return of


def test_one_person_in_both_systems_is_the_same_within_one_per_cent(read):
    si, conventional = read(1), read(2)
    assert si.findings == conventional.findings == ()
    one, two = (d.readings.set_index("variable")["value"] for d in (si, conventional))
    assert set(one.index) == {name for name, *_ in PAIRS} | {"hba1c_mmol_mol", "body_temp_celsius"}
    for name in one.index:
        assert two[name] == pytest.approx(one[name], rel=0.01), name


def test_every_variable_that_is_written_as_mass_or_amount_is_among_them():
    """Those whose note gives a factor between two codes."""
    marks = ("mass (", "molar", "affine", "ukat")
    told = {name for name, variable in variables().items() if any(mark in variable.note for mark in marks)}
    assert len(told) > 15
    assert told - {"hba1c_mmol_mol"} <= {name for name, *_ in PAIRS}
