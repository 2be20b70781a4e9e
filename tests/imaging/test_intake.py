import csv
import json
import shutil

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from pipeline.imaging import add, check, intake, tell, verify
from pipeline.imaging.files import quiet, read_bytes
from pipeline.runs import RunError
from pipeline.schema import TableError
from tests.imaging.conftest import CARD, KEY, VISITS, edit


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_folder_becomes_a_draft_of_nobody(registry, scans):
    draft = registry / "phantoms" / "draft"
    images = sorted(draft.rglob("*.dcm"))
    assert len(images) == 3 * 7
    people = {path.relative_to(draft).parts[1] for path in images}
    assert len(people) == 2
    secrets = ["19860730", "Flodstedt", "Cederlöf", "Remitterande", "Storgatan", "MRFANTOM1", "77012", "20200406"]
    before = b"".join(path.read_bytes() for path in files(scans))
    assert [secret for secret in secrets if secret.encode() not in before] == []
    for path in files(draft):
        data = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in data] == [], path.name
    card = json.loads((draft / "card.json").read_text())
    assert card["counts"] == {"people": 2, "studies": 3, "series": 6, "images": 21,
                              "bytes": sum(path.stat().st_size for path in images)}
    assert verify(draft) == []


def test_a_person_of_two_visits_keeps_the_days_between(registry):
    with (registry / "phantoms/draft/series.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "fat_fraction"]
    by_person = {}
    for row in rows:
        text = row["study_date"]
        by_person.setdefault(row["person"], []).append(np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}"))
    days = sorted(int(np.ptp(np.array(dates)).astype(int)) for dates in by_person.values())
    assert days == [0, (VISITS[1].day - VISITS[0].day).days]
    assert sorted(row["age"] for row in rows) == ["033Y", "033Y", "090Y"]


def test_adding_again_gives_the_same_files(registry, scans):
    draft = registry / "phantoms" / "draft"
    before = {path.relative_to(draft): path.read_bytes() for path in draft.rglob("*.dcm")}
    add(registry, "phantoms", scans, CARD, KEY)
    assert {path.relative_to(draft): path.read_bytes() for path in draft.rglob("*.dcm")} == before


def test_data_sets_share_pseudonyms_only_within_a_scope(tmp_path, scans):
    people = []
    for name, scope in (("one", ""), ("two", ""), ("three", "project"), ("four", "project")):
        folder = add(tmp_path / "registry", name, scans / "0", CARD, KEY, scope=scope).folder
        people.append(next((folder / "dicom").iterdir()).name)
    assert people[2] == people[3]
    assert len(set(people)) == 3


def test_what_is_refused_stops_everything_and_leaves_nothing(tmp_path, visit):
    folder, paths = visit
    edit(paths[1], BurnedInAnnotation="YES")
    with pytest.raises(TableError, match="IM0002 says that text is burned into its pixels") as fault:
        add(tmp_path / "registry", "phantoms", folder, CARD, KEY)
    assert "nothing was taken over" in str(fault.value)
    assert not (tmp_path / "registry").exists()


def test_what_is_found_while_writing_leaves_nothing_either(tmp_path, visit):
    folder, paths = visit
    edit(paths[4], SliceThickness="198607303427")
    with pytest.raises(TableError, match="IM0005 still held something of the identity"):
        add(tmp_path / "registry", "phantoms", folder, CARD, KEY)
    assert [path.name for path in files(tmp_path / "registry")] == [".lock"]


def test_refused_files_can_be_left_out(tmp_path, visit):
    folder, paths = visit
    edit(paths[1], BurnedInAnnotation="YES")
    edit(paths[4], SliceThickness="198607303427")
    (folder / "notes.txt").write_text("x")
    added = add(tmp_path / "registry", "phantoms", folder, CARD, KEY, leave_out=True)
    assert (added.left_out, added.counts.images) == (2, 5)
    assert {finding.kind for finding in added.findings} == {
        "burned-in text", "left identity", "missing slice", "not DICOM"}  # fmt: skip
    stored = (added.folder / "findings.csv").read_text()
    assert "IM0002" not in stored
    assert "file 2 of the source" in stored


def test_findings_do_not_hide_what_many_files_have(tmp_path, visit):
    folder, _ = visit
    for number in range(30):
        (folder / f"text{number}").write_text("x")
    added = add(tmp_path / "registry", "phantoms", folder, CARD, KEY)
    assert tell(added.findings) == [
        "note: text0 has not the mark of a DICOM file and stays behind (30 times, first text0)"
    ]


def test_an_interrupted_intake_is_repeated(tmp_path, scans, monkeypatch):
    registry, calls = tmp_path / "registry", []

    def stop(image, stand_ins, real=intake._clean):
        calls.append(image)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(image, stand_ins)

    monkeypatch.setattr(intake, "_clean", stop)
    with pytest.raises(KeyboardInterrupt):
        add(registry, "phantoms", scans, CARD, KEY)
    assert not (registry / "phantoms" / "draft").exists()
    # As if the machine had stopped, so that nothing could be tidied up.
    (registry / "phantoms" / ".draft.draft" / "dicom").mkdir(parents=True)
    added = add(registry, "phantoms", scans, CARD, KEY)
    assert added.counts.images == 21
    assert sorted(path.name for path in (registry / "phantoms").iterdir()) == [".lock", "draft"]


@pytest.mark.parametrize("name", ["", "Liver", "1st", "a/b", "..", "a b"])
def test_a_name_must_be_one(tmp_path, scans, name):
    with pytest.raises(RunError, match="no name of a data set"):
        add(tmp_path, name, scans, CARD, KEY)


def test_a_source_must_be_there_outside_and_hold_images(tmp_path, registry):
    with pytest.raises(RunError, match="no such folder"):
        check(tmp_path / "nowhere")
    with pytest.raises(RunError, match="lies within"):
        add(registry, "more", registry / "phantoms", CARD, KEY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match="no image is left"):
        add(registry, "more", tmp_path / "empty", CARD, KEY)


def test_compressed_pixels_stay_compressed_and_must_decode(tmp_path, visit):
    folder, paths = visit
    dataset = dcmread(paths[0])
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    with quiet():
        dcmwrite(paths[0], dataset)
    added = add(tmp_path / "registry", "phantoms", folder, CARD, KEY)
    compressed = [
        copy for path in added.folder.rglob("*.dcm")
        if (copy := read_bytes(path.read_bytes())).file_meta.TransferSyntaxUID == RLELossless
    ]  # fmt: skip
    assert [copy.PixelData for copy in compressed] == [dataset.PixelData]
    with quiet():
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dcmwrite(paths[0], dataset)
    with pytest.raises(TableError, match="IM0001 has compressed pixels that cannot be decoded"):
        add(tmp_path / "registry", "phantoms", folder, CARD, KEY)


def test_names_of_files_and_folders_are_not_carried_over(tmp_path, visit):
    folder, _ = visit
    shutil.move(folder, tmp_path / "Flodstedt Folke")
    added = add(tmp_path / "registry", "phantoms", tmp_path / "Flodstedt Folke", CARD, KEY)
    told = "".join(str(path) + path.read_bytes().decode("latin-1") for path in files(added.folder))
    assert "Flodstedt" not in told


def test_what_stands_in_the_modality_is_carried_nowhere(tmp_path, visit):
    folder, paths = visit
    for path in paths[:6]:
        edit(path, Modality="FLODSTEDT")
    added = add(tmp_path / "registry", "phantoms", folder, CARD, KEY)
    told = "".join(path.read_bytes().decode("latin-1") for path in files(added.folder)) + "".join(tell(added.findings))
    assert "wrong modality" in {finding.kind for finding in added.findings}
    assert "FLODSTEDT" not in told.upper()
