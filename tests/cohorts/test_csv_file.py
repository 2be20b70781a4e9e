from pathlib import Path

import pytest

from pipeline.cohorts import baseline, build
from pipeline.config import read_study
from pipeline.schema import TableError
from pipeline.sections import Column

STUDY = read_study(Path(__file__).parents[2] / "configs" / "example_csv.toml")
TEXT = STUDY.cohort.path.read_text(encoding="utf-8")


@pytest.fixture
def study_on(tmp_path):
    """The example study on another text, with other columns or other settings of the cohort."""

    def make(text=TEXT, columns=None, **settings):
        path = tmp_path / "clinic.csv"
        path.write_text(text, encoding="utf-8")
        update = {"path": path, "columns": {**STUDY.cohort.columns, **(columns or {})}, **settings}
        return STUDY.model_copy(update={"cohort": STUDY.cohort.model_copy(update=update)})

    return make


def table_of(study):
    cohort = build(study)
    return baseline(cohort.people, cohort.observations, study.known_variables())


def test_mixed_units_become_one_unit(study_on):
    table = table_of(study_on())
    assert table["weight_kg"]["A02"] == 88.0
    assert table["weight_kg"]["A03"] == pytest.approx(174 * 0.45359237)     # 78.925 kg
    assert table["cholesterol_mmol_l"]["A01"] == 4.6
    assert table["cholesterol_mmol_l"]["A02"] == pytest.approx(5.19786)     # 201 mg/dL * 0.02586
    assert table["hba1c_mmol_mol"]["A11"] == pytest.approx(38.801)          # 10.93 * 5.7 - 23.50
    assert table["bmi_kg_m2"]["A02"] == pytest.approx(88 / 1.81**2)
    assert table["sex"]["A01"] == "female"
    assert table["smoking_status"]["A02"] == "former"
    assert table["daily_steps"].isna().sum() == 1


def test_exactly_the_limit_is_an_event():
    outcomes = build(STUDY).outcomes.set_index("person_id")["event"]
    assert outcomes["A11"] == 1
    assert outcomes.sum() == 9


def test_conversions_are_counted():
    found = {v["name"]: v["converted"] for v in build(STUDY).quality["variables"]}
    assert found["weight_kg"] == {"lb": 6}
    assert found["cholesterol_mmol_l"] == {"mg/dL": 8}
    assert found["hba1c_mmol_mol"] == {"%": 20}
    assert found["height_cm"] == {}


def test_one_value_outside_the_range_is_set_missing_flagged_and_counted(study_on):
    cohort = build(study_on(TEXT.replace(",112,70,", ",900,70,"), include=()))
    row = cohort.observations.query("person_id == 'A01' and variable == 'sbp_mmhg'").iloc[0]
    assert str(row["value"]) == "nan"
    assert "40 to 300 mm[Hg]" in row["flag"]
    assert next(v for v in cohort.quality["variables"] if v["name"] == "sbp_mmhg")["implausible"] == 1


def test_identifiers_stay_text(study_on):
    assert build(study_on(TEXT.replace("A01,", "007,"))).people["person_id"].iloc[0] == "007"


def test_byte_order_mark_and_blank_rows_do_no_harm(study_on):
    cohort = build(study_on("\ufeff" + TEXT.replace("A02,", "\n,,,,,,,,,,,,,,\nA02,")))
    assert len(cohort.people) == 20
    assert [(d["what"], d["found"]) for d in cohort.quality["defects"]] == [("blank row", 2)]


BAD = {
    "a column that is not there": (
        {"columns": {"weight_kg": Column(column="wieght", unit="kg")}},
        ["no column wieght", "weight_kg", "did you mean weight", "its columns are patient, age"],
    ),
    "a unit of another quantity": (
        {"columns": {"weight_kg": Column(column="weight", unit="mmHg")}},
        ["column weight (weight_kg)", "'mmHg' does not fit", "possible: kg, g, lb"],
    ),
    "such a unit in one row": (
        {"text": TEXT.replace("61.5,kg", "61.5,mmHg")},
        ["row 2", "weight_unit", "'mmHg'"],
    ),
    "a row without a unit": (
        {"text": TEXT.replace("61.5,kg", "61.5,")},
        ["row 2", "weight_unit", "such as kg"],
    ),
    "codes not mapped": (
        {"text": TEXT.replace(",F,", ",K,")},
        ["row 2, column sex", "'K'", "one of female, male", 'codes = { "K" =', "10 in all"],
    ),
    "an identifier twice": (
        {"text": TEXT.replace("A03", "A01")},
        ["row 2", "row 4", "column patient", "'A01' stands in several rows", "cohort.columns.time_d"],
    ),
    "pressures exchanged": (
        {"text": TEXT.replace(",112,70,", ",70,112,")},
        ["row 2", "systolic, diastolic", "'70/112'", "exchanged?"],
    ),
    "equal pressures": ({"text": TEXT.replace(",112,70,", ",80,80,")}, ["row 2", "'80/80'"]),
    "a height in metres": (
        {"text": TEXT.replace(",166,", ",1.66,")},
        ["row 2, column height_cm", "'1.66'", "40 to 230 cm", 'unit = "m"'],
    ),
    "a negative age": (
        {"text": TEXT.replace("A01,34", "A01,-34")},
        ["row 2, column age", "'-34'", "0 to 120 a"],
    ),
    "an age not given": ({"text": TEXT.replace("A01,34", "A01,")}, ["row 2, column age", "is missing"]),
    "text in a number": (
        {"text": TEXT.replace(",112,70,", ",high,70,")},
        ["row 2, column systolic", "'high' is not a number", "40 to 300"],
    ),
    "a word for missing": (
        {"text": TEXT.replace(",112,70,", ",n/a,70,")},
        ["row 2, column systolic", "'n/a'", 'missing = ["", "NA", "n/a"]'],
    ),
    "a decimal comma": ({"text": TEXT.replace(",61.5,", ',"61,5",')}, ["row 2", "'61,5'", "with a point"]),
    "a column in another unit": (
        {"columns": {"hba1c_mmol_mol": Column(column="hba1c_percent")}},
        ["column hba1c_percent", "10 to 200 mmol/mol", 'set unit = "%"', "20 in all"],
    ),
    "an empty file": ({"text": ""}, ["is empty"]),
    "headings alone": ({"text": TEXT.splitlines()[0]}, ["no rows"]),
    "another separator": ({"text": TEXT.replace(",", ";")}, ["one heading only", "separator"]),
    "a row too long": ({"text": TEXT.replace("A03,52", "A03,52,3")}, ["row 4 has 16 cells", "15"]),
    "rules that nobody passes": (
        {"include": (STUDY.cohort.include[0].model_copy(update={"min": 99.0}),)},
        ["nobody is left", "in the source file: 20 left", "aged 18 or more: 0 left"],
    ),
    "one outcome only": (
        {"text": TEXT.replace(",M,", ",F,"), "include": (STUDY.outcome.any_of[0],)},
        ["9 with it, 0 without"],
    ),
    "a rule on a variable not in the file": (
        {"include": (STUDY.cohort.include[0].model_copy(update={"variable": "alt_u_l"}),)},
        ["needs alt_u_l", "it has age_years"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_words(study_on, case):
    settings, parts = BAD[case]
    with pytest.raises(TableError) as fault:
        build(study_on(**settings))
    message = str(fault.value)
    assert message.startswith("clinic.csv: ")
    for part in parts:
        assert part in message


def test_file_in_another_encoding_is_refused_in_words(study_on):
    study = study_on()
    study.cohort.path.write_bytes(TEXT.replace("A01", "Å01").encode("cp1252"))
    with pytest.raises(TableError, match="not text in encoding utf-8"):
        build(study)


def test_all_faults_are_told_at_once_and_not_too_many(study_on):
    text = TEXT.replace(",112,70,", ",70,112,").replace("A02,41", "A02,-41").replace(",E,", ",Q,")
    with pytest.raises(TableError) as fault:
        build(study_on(text))
    lines = str(fault.value).splitlines()
    assert {"'70/112'", "'-41'", "'Q'"} <= {part for line in lines for part in line.split()}
    with pytest.raises(TableError) as fault:
        build(study_on(text.replace(",M,", ",X,").replace(",kg,", ",kilo,").replace("A1", "A0")))
    assert len(str(fault.value).splitlines()) <= 21


VISITS = """patient,age,sex,day,sbp,hba1c,weight
1,50,F,-20,120,5.0,70
1,51,F,0,130,5.2,71
1,51,F,30,180,9.9,72
2,60,M,-3,140,6.0,80
3,70,M,5,150,6.5,90
4,44,F,0,118,,60
"""


def visits(study_on, text=VISITS):
    study = study_on(text)
    columns = {
        "age_years": Column(column="age"),
        "sex": Column(column="sex", codes={"F": "female", "M": "male"}),
        "time_d": Column(column="day"),
        "sbp_mmhg": Column(column="sbp"),
        "weight_kg": Column(column="weight"),
        "hba1c_mmol_mol": Column(column="hba1c", unit="%"),
    }
    cohort = study.cohort.model_copy(update={"columns": columns, "include": ()})
    return study.model_copy(update={"cohort": cohort})


def test_visits_are_read_as_last_known_at_time_zero(study_on):
    study = visits(study_on)
    cohort = build(study)
    table = baseline(cohort.people, cohort.observations, study.known_variables())
    assert table["sbp_mmhg"].to_dict() == {"1": 130.0, "2": 140.0}
    assert table["age_years"].to_dict() == {"1": 51.0, "2": 60.0}
    assert [(step["step"], step["removed"]) for step in cohort.flow[1:]] == [
        ("seen at or before time zero", 1),
        ("outcome known", 1),
    ]


def test_visits_need_a_time_and_one_sex(study_on):
    text = VISITS.replace("F,0,130", "M,,130")
    with pytest.raises(TableError) as fault:
        build(visits(study_on, text))
    assert "column day (time_d): '' is no time" in str(fault.value)
    assert "not the same in all rows" in str(fault.value)
