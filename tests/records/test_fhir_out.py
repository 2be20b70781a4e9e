"""What is written as FHIR is R4 to the models, and comes back the same."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.records import read_fhir, write_fhir
from pipeline.records.r4 import model
from pipeline.runs import RunError
from pipeline.schema import TableError, variables
from tests.records.frames import frames

KEY = ["person_id", "at", "variable", "value", "text", "flag"]


def ordered(readings):
    return readings[KEY].sort_values(KEY).reset_index(drop=True)


@pytest.mark.parametrize("name", ["x.json", "x.ndjson", "folder"])
def test_a_thousand_readings_come_back_the_same(tmp_path, name):
    people, readings = frames(1000, np.random.default_rng(2))
    write_fhir(people, readings, tmp_path / name)
    back = read_fhir(tmp_path / name, delivered="2023-12-31")
    pd.testing.assert_frame_equal(ordered(back.readings), ordered(readings), check_exact=True)
    pd.testing.assert_frame_equal(back.people, people)
    assert {f.kind for f in back.findings} <= {"value is a limit", "date partial"}
    assert back.unmapped.empty
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_every_resource_is_valid_to_the_models_of_fhir_resources(tmp_path):
    people, readings = frames(600, np.random.default_rng(3))
    write_fhir(people, readings, tmp_path / "x.json")
    whole = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    found = model("Bundle").model_validate(whole)
    assert len(found.entry) == len(whole["entry"])
    panels = [e["resource"] for e in whole["entry"] if "component" in e["resource"]]
    assert panels
    codes = {c["code"]["coding"][0]["code"] for p in panels for c in p["component"]}
    assert codes == {"8480-6", "8462-4"}
    assert {p["code"]["coding"][0]["code"] for p in panels} == {"85354-9"}
    quantities = [e["resource"]["valueQuantity"] for e in whole["entry"] if "valueQuantity" in e["resource"]]
    assert {q["system"] for q in quantities} == {"http://unitsofmeasure.org"}
    assert {q["code"] for q in quantities} <= {v.unit for v in variables().values()}
    assert any(q.get("comparator") == "<" for q in quantities)


def test_a_person_whose_id_is_no_id_of_fhir_is_known_by_the_identifier(tmp_path):
    people, readings = frames(5, np.random.default_rng(4))
    people.loc[0, "person_id"] = "Åsa 1"
    readings["person_id"] = pd.Series(["Åsa 1"] * len(readings), dtype="str")
    write_fhir(people, readings, tmp_path / "x.ndjson")
    back = read_fhir(tmp_path / "x.ndjson", identify_by="identifier", delivered="2023-12-31")
    assert back.people["person_id"].tolist() == people["person_id"].tolist()
    assert set(back.readings["person_id"]) == {"Åsa 1"}


def test_what_cannot_be_written_is_said_and_nothing_is_left(tmp_path):
    people, readings = frames(5, np.random.default_rng(4))
    with pytest.raises(TableError, match="have a phase instead of a date"):
        write_fhir(people, readings.assign(phase="admission"), tmp_path / "x.json")
    with pytest.raises(TableError, match="are not in people"):
        write_fhir(people[:1], readings.assign(person_id="other"), tmp_path / "x.json")
    with pytest.raises(TableError, match="variable shoe_size is not of the library"):
        write_fhir(people, readings.assign(variable="shoe_size"), tmp_path / "x.json")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match="is not empty"):
        write_fhir(people, readings, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
