"""Without the packages of the extra, a sentence says how to get them."""

import sys

import pytest

from pipeline.records import r4, read_fhir, read_omop
from pipeline.runs import RunError
from tests.records.resources import ndjson, patient


@pytest.mark.parametrize(("package", "read"), [("fhir.resources", read_fhir), ("duckdb", read_omop)])
def test_a_missing_package_is_said(tmp_path, monkeypatch, package, read):
    path = ndjson(tmp_path / "x.ndjson", patient())
    monkeypatch.setitem(sys.modules, package, None)
    r4.model.cache_clear()
    with pytest.raises(RunError, match=r"need .*: pip install \"tvilling\[clinical\]\""):
        read(path)
    r4.model.cache_clear()
