"""Which kind of delivery a path holds."""

import pytest

from pipeline.intake import READERS, detect
from pipeline.runs import RunError
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
