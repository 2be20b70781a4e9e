"""A folder of charts as people and readings in the library's variables."""

import pytest

from pipeline.charts import deliver
from pipeline.runs import RunError
from pipeline.schema import TableError, validate, variables
from tests.charts.material import CHARTS

CHART = """id: {id}
kon: K
alder: 71
tidigare_sjukdomar: Hypertoni, DM typ 2, insulinbehandlad.
aktuellt: Ingen känd hjärtsvikt. Troligen stroke. CRP 30 hemma.
hereditet: Far hjärtinfarkt.
rokning: {smoking}
sbp: {sbp}
dbp: 80
temp: ej taget
lab: CRP <5. Hb 11,2 g/dl. TnI 20. Puls 70.
bedomning: Metformin insätts. BT 100/60.
huvuddiagnos_001: I63.9 Hjärninfarkt
_validation_status: ok
"""


@pytest.fixture
def folder(tmp_path):
    def make(**charts):
        for name, text in charts.items():
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def chart(id="1", smoking="Aldrig", sbp="150"):
    return CHART.format(id=id, smoking=smoking, sbp=sbp)


def readings_of(delivery, variable):
    frame = delivery.readings
    return frame[frame["variable"] == variable]


def test_the_examples_keep_the_contract_of_the_tables():
    delivery = deliver(CHARTS)
    validate(delivery.people, "delivered_people", "people")
    validate(delivery.readings, "delivered_readings", "readings")
    assert len(delivery.people) == delivery.identity["rows"] == 50
    assert delivery.people["sex"].value_counts().to_dict() == {"female": 29, "male": 21}     # kon of dataset.csv
    assert set(delivery.readings["variable"]) <= variables().keys()
    assert set(delivery.readings["phase"]) == {"arrival", "before arrival", "after treatment", "history"}
    assert delivery.readings["at"].isna().all()
    counts = delivery.readings["variable"].value_counts()
    assert (counts["sbp_mmhg"], counts["hypertension"], counts["icd10"]) == (47, 21, 48)
    assert list(delivery.unmapped.columns) == ["system", "code", "display", "count"]


def test_numbers_are_in_the_unit_of_their_variable_and_flagged_where_not_exact(folder):
    delivery = deliver(folder(a=chart()))
    (haemoglobin,) = readings_of(delivery, "hemoglobin_g_l").itertuples()
    assert haemoglobin.value == pytest.approx(112.0)
    crp = readings_of(delivery, "crp_mg_l")
    assert list(zip(crp["phase"], crp["value"], crp["flag"], strict=True)) == [
        ("before arrival", 30.0, ""), ("arrival", 5.0, "written as <5"),
    ]  # fmt: skip
    pressure = readings_of(delivery, "sbp_mmhg")
    assert dict(zip(pressure["phase"], pressure["value"], strict=True)) == {"arrival": 150.0, "after treatment": 100.0}


def test_the_source_of_a_reading_is_its_span(folder):
    place = folder(a=chart())
    text = (place / "a.txt").read_text(encoding="utf-8")
    (reading,) = readings_of(deliver(place), "hemoglobin_g_l").itertuples()
    name, _, start, _, end = reading.source.replace(",", "").split()
    assert (name, text[int(start) : int(end)]) == ("a.txt", "Hb 11,2 g/dl")


def test_only_what_is_certain_and_the_patients_becomes_an_answer(folder):
    delivery = deliver(folder(a=chart()))
    answers = {row.variable: row.text for row in delivery.readings.itertuples() if variables()[row.variable].levels}
    assert answers == {
        "hypertension": "yes", "diabetes": "yes", "heart_failure": "no", "insulin_treatment": "yes",
        "current_smoker": "no", "smoking_status": "never",
    }  # fmt: skip
    told = {(f.kind, f.place) for f in delivery.findings}
    assert {("only possible", "stroke"), ("only possible", "heart_attack")} <= told


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("Nej", {"current_smoker": "no"}), ("Slutade 2010", {"smoking_status": "former", "current_smoker": "no"}),
     ("Ja", {"smoking_status": "current", "current_smoker": "yes"}), ("Okänt", {}), ("Röker e-cigaretter", {})],
)  # fmt: skip
def test_no_to_smoking_says_nothing_of_the_time_before(folder, said, wanted):
    frame = deliver(folder(a=chart(smoking=said))).readings
    smoking = frame[frame["variable"].isin(["smoking_status", "current_smoker"])]
    assert dict(zip(smoking["variable"], smoking["text"], strict=True)) == wanted


def test_implausible_and_unreadable_values_are_findings_and_no_numbers(folder):
    delivery = deliver(folder(a=chart(sbp="1500"), b=chart(id="2", sbp="hög")))
    first = readings_of(delivery, "sbp_mmhg").iloc[0]
    assert first.isna()["value"]
    assert first["flag"].startswith("implausible")
    told = {(f.kind, f.place, f.times) for f in delivery.findings}
    assert ("implausible value", "sbp_mmhg", 1) in told
    assert ("field not read", "sbp", 1) in told
    assert "temp" not in {f.place for f in delivery.findings if f.kind == "field not read"}     # "ej taget" says so


def test_a_field_and_prose_that_differ_are_a_finding(folder):
    text = chart().replace("lab: ", "C: BT 190/100\nlab: ")
    (finding,) = (f for f in deliver(folder(a=text)).findings if f.kind == "field against prose" and "sbp" in f.place)
    assert finding.severity == "suspect"
    assert "150" not in finding.what


def test_said_and_denied_is_yes_with_a_flag(folder):
    text = chart().replace("Ingen känd hjärtsvikt.", "Ingen hypertoni.")
    delivery = deliver(folder(a=text))
    (reading,) = readings_of(delivery, "hypertension").itertuples()
    assert (reading.text, reading.flag) == ("yes", "denied elsewhere in the chart")
    assert "said and denied" in {f.kind for f in delivery.findings}


def test_what_has_no_variable_is_counted(folder):
    text = chart().replace("Ingen känd", "Ingen feber eller hosta. Ingen känd")
    unmapped = deliver(folder(a=text)).unmapped.set_index("display")["count"].to_dict()
    assert unmapped["cough"] == 1
    assert "crp" not in unmapped
    assert any(name.startswith("afebrile") for name in unmapped)


def test_one_bad_file_is_told_and_the_others_are_read(folder):
    place = folder(a=chart())
    (place / "bad.txt").write_bytes(b"\x00\x01")
    (place / "again.txt").write_text(chart(), encoding="utf-8")
    delivery = deliver(place)
    assert list(delivery.people["person_id"]) == ["1"]
    assert {(f.kind, f.severity) for f in delivery.findings} >= {
        ("file not read", "refused"), ("same person twice", "refused"),
    }  # fmt: skip


def test_the_name_of_the_file_is_the_person_where_no_id_is_written(folder):
    text = chart().replace("id: 1\n", "id: NULL\n")
    assert list(deliver(folder(p77=text)).people["person_id"]) == ["p77"]


def test_nothing_to_read_ends_in_a_sentence(tmp_path):
    with pytest.raises(RunError, match="is no folder"):
        deliver(tmp_path / "absent")
    with pytest.raises(RunError, match=r"holds no \*\.txt"):
        deliver(tmp_path)
    (tmp_path / "a.txt").write_text("Dear doctor")
    with pytest.raises(TableError, match="none of the fields"):
        deliver(tmp_path)
