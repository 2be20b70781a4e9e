"""OMOP CDM 5.4: what its concepts mean, what is missing in sentences, and our own export back again."""

import tracemalloc

import duckdb
import numpy as np
import pandas as pd
import pytest

from pipeline.records import is_omop, read_omop, write_omop
from pipeline.runs import RunError
from pipeline.schema import TableError
from tests.records.frames import frames
from tests.records.resources import kinds, settled

DAY = "2024-06-30"


def measurements(*rows):
    columns = [
        "measurement_id", "person_id", "measurement_concept_id", "measurement_date", "measurement_datetime",
        "value_as_number", "value_as_concept_id", "unit_concept_id", "unit_source_value", "operator_concept_id",
        "measurement_source_value",
    ]  # fmt: skip
    filled = [(n, 1, *(row + (None,) * (9 - len(row)))) for n, row in enumerate(rows, 1)]
    frame = pd.DataFrame(filled, columns=columns)
    frame["measurement_date"] = pd.to_datetime(frame["measurement_date"]).dt.date
    frame["measurement_datetime"] = pd.to_datetime(frame["measurement_datetime"])
    whole = ["measurement_concept_id", "value_as_concept_id", "unit_concept_id", "operator_concept_id"]
    return frame.astype({**dict.fromkeys(whole, "Int64"), "value_as_number": float})


PERSON = pd.DataFrame(
    {
        "person_id": [1, 2, 3],
        "gender_concept_id": [8532, 8507, 0],
        "year_of_birth": [1960, 1950, 1975],
        "month_of_birth": pd.array([5, None, 2], dtype="Int64"),
        "day_of_birth": pd.array([1, None, 3], dtype="Int64"),
        "person_source_value": ["A-1", "A-2", "A-3"],
    }
)


@pytest.fixture
def read(tmp_path):
    def of(form="parquet", options=None, **tables):
        tables = {"person": PERSON, **tables}
        if form == "duckdb":
            path = tmp_path / "x.duckdb"
            with duckdb.connect(str(path)) as connection:
                connection.execute("CREATE SCHEMA cdm")
                for name, frame in tables.items():
                    connection.register("frame", frame)
                    connection.execute(f"CREATE TABLE cdm.{name.upper()} AS SELECT * FROM frame")
        else:
            path = tmp_path / "tables"
            path.mkdir(exist_ok=True)
            for name, frame in tables.items():
                if form == "csv":
                    frame.to_csv(path / f"{name}.csv", index=False)
                else:
                    frame.to_parquet(path / f"{name.upper()}.parquet", index=False)
        assert is_omop(path)
        delivery = read_omop(path, delivered=DAY, **(options or {}))
        assert settled(delivery)
        return delivery

    return of


TWO = measurements(
    (3004249, "2024-01-15", "2024-01-15 08:30:00", 141.0, None, 8876),
    (3012888, "2024-01-15", "2024-01-15 08:30:00", 86.0, None, 8876),
    (3004501, "2024-01-15", None, 95.0, None, 8840),
    (3025315, "2024-01-15", None, 180.0, None, 8739),
    (3004410, "2024-01-15", None, 6.5, None, 8554),
    (3004501, "2024-02-15", None, 101.0, None, 0, "mg/dL"),          # the unit in the source's words
    (3020460, "2024-02-15", None, 0.6, None, 8751, None, 4171756),   # below
    (4999999, "2024-02-15", None, 1.0, None, 8751),                  # no variable
)


@pytest.mark.parametrize("form", ["parquet", "csv", "duckdb"])
def test_measurements_arrive_by_concept_in_the_units_of_their_variables(read, form):
    delivery = read(form, measurement=TWO)
    rows = delivery.readings.sort_values("source", kind="stable")[["variable", "value", "flag"]].to_numpy().tolist()
    assert [r[0] for r in rows] == [
        "sbp_mmhg", "dbp_mmhg", "glucose_mmol_l", "weight_kg", "hba1c_mmol_mol", "glucose_mmol_l", "crp_mg_l",
    ]  # fmt: skip
    expected = [141, 86, 95 * 10 / 180.156, 81.6466266, 47.545, 101 * 10 / 180.156, 0.6]
    assert [r[1] for r in rows] == pytest.approx(expected, rel=1e-3)
    assert [r[2] for r in rows] == ["", "", "", "", "", "", "below"]
    assert delivery.readings["at"].min() == pd.Timestamp("2024-01-15")
    assert delivery.unmapped[["system", "code", "count"]].to_numpy().tolist() == [["OMOP", "4999999", 1]]
    assert delivery.readings["source"].iloc[0].startswith("MEASUREMENT, measurement_id ")


def test_people_have_sex_and_birth_date_and_their_own_identifier_if_wished(read):
    delivery = read(measurement=TWO, options={"identify_by": "identifier"})
    assert delivery.people["person_id"].tolist() == ["A-1", "A-2", "A-3"]
    assert delivery.people["sex"].fillna("").tolist() == ["female", "male", ""]
    assert delivery.people["birth_date"].astype(str).tolist() == ["1960-05-01", "1950-01-01", "1975-02-03"]
    assert set(delivery.readings["person_id"]) == {"A-1"}
    notes = kinds(delivery, notes=True)
    assert notes["birth date partial"] == notes["sex neither female nor male"] == 1


def dated(name, start, **columns):
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({f"{name}_id": range(1, rows + 1), **columns})
    return frame.assign(person_id=1, **{start: "2020-03-04"})


CONCEPT = pd.DataFrame(
    [
        (4999999, "LOINC", "8280-0", "Waist circumference"),
        (35206882, "ICD10CM", "E11.9", "Type 2 diabetes"),
        (40000001, "RxNorm", "999999", "lisinopril 40 MG Oral Tablet"),
        (40000002, "RxNorm", "999998", "something of A10B"),
        (21600744, "ATC", "A10B", "Blood glucose lowering drugs"),
        (9000001, "UCUM", "[in_i]", "inch"),
        (2000001, "SNOMED", "8517006", "Ex-smoker"),
    ],
    columns=["concept_id", "vocabulary_id", "concept_code", "concept_name"],
)
ANCESTOR = pd.DataFrame(
    [(1308216, 40000001), (21600744, 40000002)], columns=["ancestor_concept_id", "descendant_concept_id"]
)


def test_diagnoses_drugs_deaths_and_periods_are_readings(read):
    diagnoses, drugs = [201826, 4329847, 1], [1308216, 1503297, 1550023]
    delivery = read(
        condition_occurrence=dated("condition_occurrence", "condition_start_date", condition_concept_id=diagnoses),
        drug_exposure=dated("drug_exposure", "drug_exposure_start_date", drug_concept_id=drugs),
        death=pd.DataFrame({"person_id": [1], "death_date": ["2024-05-06"]}),
        observation_period=dated(
            "observation_period", "observation_period_start_date", observation_period_end_date=["2024-05-06"]
        ),
    )
    said = delivery.readings.set_index("variable")["text"]
    assert said.drop("under_observation").to_dict() == {
        "diabetes": "yes", "heart_attack": "yes", "coronary_disease": "yes", "pressure_treatment": "yes",
        "glucose_lowering_pills": "yes", "insulin_treatment": "yes", "died": "yes",
    }  # fmt: skip
    followed = delivery.readings[delivery.readings["variable"] == "under_observation"]
    assert followed[["at", "text"]].astype(str).to_numpy().tolist() == [["2020-03-04", "yes"], ["2024-05-06", "no"]]
    assert delivery.unmapped["code"].tolist() == ["1"]


def test_the_vocabulary_of_the_source_says_what_the_table_does_not(read):
    delivery = read(
        measurement=measurements((4999999, "2024-02-15", None, 36.0, None, 9000001)),
        condition_occurrence=dated("condition_occurrence", "condition_start_date", condition_concept_id=[35206882]),
        drug_exposure=dated("drug_exposure", "drug_exposure_start_date", drug_concept_id=[40000001, 40000002]),
        observation=dated(
            "observation", "observation_date", observation_concept_id=[43054909], value_as_concept_id=[2000001]
        ),
        concept=CONCEPT,
        concept_ancestor=ANCESTOR,
    )
    said = delivery.readings.set_index("variable")
    assert said.loc["waist_cm", "value"] == pytest.approx(91.44)
    assert said.drop("waist_cm")["text"].to_dict() == {
        "diabetes": "yes", "pressure_treatment": "yes", "glucose_lowering_pills": "yes", "smoking_status": "former",
    }  # fmt: skip


def test_defects_of_rows_are_findings(read):
    delivery = read(
        measurement=measurements(
            (3004249, "2024-01-15", "2024-01-15 08:30:00", 70.0, None, 8876),
            (3012888, "2024-01-15", "2024-01-15 08:30:00", 110.0, None, 8876),
            (3025315, "2024-01-15", None, 82.0, None, 8876),       # weight in mmHg
            (3025315, "2024-01-16", None, 82.0, None, 0),          # weight in nothing
            (3025315, "2025-01-16", None, 82.0, None, 9529),       # after the delivery
            (3025315, "2024-01-17", None, 82.0, None, 9529),
            (3025315, "2024-01-17", None, 82.0, None, 9529),       # again
            (3025315, None, None, 82.0, None, 9529),
            (3025315, "2024-01-18", None, None, None, 9529),
            (3004501, "2024-01-18", None, 95.0, None, 8753),       # mg/dL called mmol/L
        ).assign(person_id=[1] * 5 + [1, 1, 9, 1, 1])
    )
    assert kinds(delivery) == {
        "pressures exchanged": 2, "unit does not fit": 1, "unit absent": 1, "date in the future": 1,
        "duplicate reading": 1, "date absent": 1, "patient unknown": 1, "unit implausible": 1,
    }  # fmt: skip
    assert kinds(delivery, notes=True)["value absent"] == 1


def test_a_missing_column_or_table_is_said(read, tmp_path):
    with pytest.raises(TableError, match=r"table MEASUREMENT has no column unit_concept_id, which OMOP CDM 5\.4 has"):
        read(measurement=TWO.drop(columns="unit_concept_id"))
    (tmp_path / "tables" / "PERSON.parquet").unlink()
    with pytest.raises(TableError, match="has no table PERSON"):
        read_omop(tmp_path / "tables")
    with pytest.raises(RunError, match="is missing"):
        read_omop(tmp_path / "nowhere")
    (tmp_path / "x.duckdb").write_bytes(b"no database")
    with pytest.raises(TableError, match=r"x\.duckdb: is no DuckDB database"):
        read_omop(tmp_path / "x.duckdb")
    found = {f.place for f in read(measurement=TWO).findings if f.kind == "table absent"}
    assert found == {"OBSERVATION", "CONDITION_OCCURRENCE", "DRUG_EXPOSURE", "DEATH", "OBSERVATION_PERIOD"}


def test_a_damaged_table_is_said(tmp_path):
    (tmp_path / "person.parquet").write_bytes(b"PAR1 but nothing else")
    with pytest.raises(TableError, match="cannot be read"):
        read_omop(tmp_path)


def test_a_thousand_readings_come_back_the_same(tmp_path):
    people, readings = frames(1000, np.random.default_rng(2))
    follow = pd.DataFrame(
        {
            "person_id": ["person.1", "person.1"], "phase": "", "variable": "under_observation", "value": np.nan,
            "at": np.array(["2011-01-01", "2019-05-06"], dtype="datetime64[s]"), "text": ["yes", "no"], "flag": "",
            "source": "",
        }
    )  # fmt: skip
    readings = pd.concat([readings, follow], ignore_index=True)
    counts = write_omop(people, readings, tmp_path / "cdm")
    assert counts["person"] == 20
    assert counts["death"] == counts["observation_period"] == 1
    assert counts["condition_occurrence"] > 5
    back = read_omop(tmp_path / "cdm", identify_by="identifier", delivered="2023-12-31")
    assert settled(back)
    key = ["person_id", "at", "variable", "value", "text"]
    one, two = (r[key].sort_values(key).reset_index(drop=True) for r in (readings, back.readings))
    pd.testing.assert_frame_equal(two, one, check_exact=True)
    pd.testing.assert_frame_equal(back.people, people)
    assert (back.readings["flag"] == "below").sum() == readings["flag"].str.contains("below").sum()
    assert [path.name for path in tmp_path.iterdir()] == ["cdm"]
    with pytest.raises(RunError, match="is not empty"):
        write_omop(people, readings, tmp_path / "cdm")


def test_only_what_has_a_variable_is_brought_into_memory(tmp_path):
    """Two hundred thousand rows of a concept without a variable cost a count."""
    rows = 200_000
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.register("frame", PERSON)
        connection.execute("CREATE TABLE person AS SELECT * FROM frame")
        connection.execute(
            f"""CREATE TABLE measurement AS SELECT i AS measurement_id, 1 AS person_id,
            CASE WHEN i % 200 = 0 THEN 3025315 ELSE 7 END AS measurement_concept_id,
            DATE '2020-01-01' + CAST(i / 200 AS INTEGER) AS measurement_date, 80.0 AS value_as_number,
            0 AS value_as_concept_id, 9529 AS unit_concept_id FROM range({rows}) t(i)"""
        )
    tracemalloc.start()
    delivery = read_omop(tmp_path / "x.duckdb", delivered=DAY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(delivery.readings) == 1000
    assert delivery.unmapped["count"].tolist() == [199_000]
    assert peak < 20_000_000
