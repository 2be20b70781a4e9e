"""Which kind of delivery a path holds."""

import pytest

from pipeline.intake import READERS, detect, read
from pipeline.runs import RunError
from pipeline.schema import TableError
from tests.records.resources import ndjson, panel, patient
from tests.repository import ROOT


def test_each_kind_is_told_by_what_it_holds(tmp_path):
    assert detect(ROOT / "data" / "openchart" / "charts") == "charts"
    (tmp_path / "person.csv").write_text("person_id,gender_concept_id,year_of_birth\n1,8507,1960\n", encoding="utf-8")
    assert detect(tmp_path) == "omop"
    bundle = tmp_path / "bundle.json"
    bundle.write_text("{}", encoding="utf-8")
    assert detect(bundle) == "fhir"
    released = tmp_path / "1.0.0"
    released.mkdir()
    (released / "seal.sha256").write_text("", encoding="utf-8")
    assert detect(released) == "images"
    with pytest.raises(RunError, match="no such file"):
        detect(tmp_path / "nothing")


def test_charts_are_read_by_their_name():
    assert len(READERS["charts"](ROOT / "data" / "openchart" / "charts").people) == 50


def test_options_go_to_the_readers_that_have_them_and_others_say_who_does(tmp_path):
    folder = ROOT / "data" / "openchart" / "charts"
    assert len(read(folder, delivered=None).people) == 50
    words = "delivered is an option of fhir and omop; .*charts is read as charts, which does not have it"
    with pytest.raises(RunError, match=words):
        read(folder, delivered="2024-01-01")
    with pytest.raises(RunError, match="colour is an option of no kind of delivery"):
        read(folder, colour="red")
    with pytest.raises(RunError, match="kind is 'xml'; allowed: fhir, omop, charts, images"):
        read(folder, "xml")
    with pytest.raises(RunError, match="no such file or folder"):
        read(tmp_path / "nothing", "omop")
    bundle = ndjson(tmp_path / "x.ndjson", patient(), panel(120, 80))
    assert read(bundle, delivered="2024-06-30").identity["delivered"] == "2024-06-30"
    with pytest.raises(TableError, match="allowed: id, identifier"):
        read(bundle, identify_by="name")
