import shutil

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import JPEGLSLossless, RLELossless, generate_uid

from pipeline.delivery import Severity
from pipeline.imaging import FLAGGED, check
from pipeline.imaging.files import quiet
from pipeline.imaging.quality import as_findings, kinds
from tests.imaging.conftest import edit


def found(folder, **settings):
    """Kinds of what is wrong with a folder, and what was seen."""
    _, faults = check(folder, **settings)
    return {fault.kind: fault.seen for fault in faults}


def test_a_sound_examination_has_no_findings(visit):
    folder, _ = visit
    assert found(folder, use="liver_pdff") == {}


def test_a_missing_slice_is_found(visit):
    folder, paths = visit
    paths[2].unlink()
    assert found(folder) == {"missing slice": "1 in 1 gap"}


def test_two_missing_slices_are_counted(visit):
    folder, paths = visit
    paths[2].unlink()
    paths[3].unlink()
    assert found(folder) == {"missing slice": "2 in 1 gap"}


def test_a_slice_missing_from_three_is_found(visit):
    folder, paths = visit
    for path in (paths[1], paths[4], paths[5]):
        path.unlink()
    assert found(folder) == {"missing slice": "1 in 1 gap"}


def test_a_place_with_fewer_echoes_than_others_is_found(visit):
    folder, paths = visit
    for number, path in enumerate(paths[:5]):
        copy = folder / f"echo{number}"
        shutil.copy(path, copy)
        edit(copy, SOPInstanceUID=generate_uid(), InstanceNumber=50 + number)
    assert found(folder) == {"missing slice": "1 where other places have 2 images"}


def test_a_doubled_number_is_found(visit):
    folder, paths = visit
    shutil.copy(paths[0], folder / "copy")
    assert "doubled UID" in found(folder)
    edit(folder / "copy", SOPInstanceUID=generate_uid(), InstanceNumber=99)
    assert "doubled UID" not in found(folder)


@pytest.mark.parametrize("element", ["RescaleSlope", "RescaleIntercept"])
def test_an_absent_rescale_is_found(visit, element):
    folder, paths = visit
    edit(paths[3], **{element: None})
    assert found(folder) == {"absent rescale": "1 of 6 frames"}


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "different orientation"),
        ({"PixelSpacing": [8.0, 8.5]}, "different spacing"),
        ({"SliceThickness": 9.0}, "different spacing"),
        ({"ImagePositionPatient": [-192, -160, -2.0]}, "uneven slices"),
        ({"ImagePositionPatient": None}, "no positions"),
        ({"FrameOfReferenceUID": "1.2.3.4"}, "different frame of reference"),
        ({"Modality": "CT"}, "several kinds"),
        ({"InstanceNumber": 40}, "unsorted numbers"),
        ({"InstanceNumber": 1}, "unsorted numbers"),
        ({"ImagesInAcquisition": 7}, "fewer images"),
        ({"PatientID": "another"}, "several people"),
        ({"PatientSex": "F"}, "one number for two people"),
        ({"PatientBirthDate": "19870730"}, "one number for two people"),
        ({"PatientName": "Ek^Eva"}, "one number for two people"),
        ({"BurnedInAnnotation": "YES"}, "burned-in text"),
        ({"RecognizableVisualFeatures": "YES"}, "recognisable face"),
        ({"BodyPartExamined": "HEAD"}, "head"),
        ({"ConversionType": "WSD"}, "text not excluded"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "text not excluded"),
        ({"Columns": 47}, "pixel length"),
        ({"PixelData": b"\0" * 3838}, "pixel length"),
        ({"NumberOfFrames": 2}, "pixel length"),
        ({"NumberOfFrames": 10**9}, "corrupt"),
    ],
)
def test_each_fault_has_its_kind(visit, elements, kind):
    folder, paths = visit
    edit(paths[2], **elements)
    assert kind in found(folder)


def test_a_name_spelled_otherwise_is_no_other_person(visit):
    folder, paths = visit
    edit(paths[2], PatientName="FLODSTEDT^FOLKE E")
    assert found(folder) == {}


def test_a_modality_that_the_use_does_not_want_is_found(visit):
    folder, _ = visit
    assert found(folder, use="ct") == {"wrong modality": "CT or SEG is wanted"}


@pytest.mark.parametrize(("modality", "kept"), [("US", True), ("SC", True), ("OT", True), ("MR", False)])
def test_kinds_of_images_with_text_must_say_that_they_have_none(visit, modality, kept):
    folder, paths = visit
    for path in paths[:6]:
        edit(path, Modality=modality)
    assert ("text not excluded" in found(folder)) == kept
    assert "text not excluded" not in found(folder, allow=FLAGGED)
    for path in paths[:6]:
        edit(path, BurnedInAnnotation="NO")
    assert "text not excluded" not in found(folder)


def test_pixels_that_no_decoder_here_reads_are_found(visit):
    folder, paths = visit
    dataset = dcmread(paths[0])
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    dcmwrite(paths[0], dataset)
    assert found(folder) == {}
    with quiet():
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        dcmwrite(paths[0], dataset)
    assert "not decodable" in found(folder)


def test_drawn_text_is_found_in_the_pixels(visit, bright):
    folder, paths = visit
    from PIL import Image, ImageDraw

    drawing = Image.fromarray(bright.astype(np.uint8))
    ImageDraw.Draw(drawing).text((20, 20), "ANDERSSON ANNA 19121212", fill=255)
    rows, columns = bright.shape
    for path in paths[:6]:
        edit(path, Rows=rows, Columns=columns, PixelData=np.asarray(drawing).astype("<u2").tobytes())
    assert "text-like marks" in found(folder)
    for path in paths[:6]:
        edit(path, PixelData=bright.astype("<u2").tobytes())
    assert found(folder) == {}


def test_findings_of_one_kind_are_one_line_and_the_worst_comes_first(visit):
    folder, paths = visit
    for path in paths[:3]:
        edit(path, BurnedInAnnotation="YES")
    edit(paths[4], RescaleSlope=None)
    (folder / "notes.txt").write_text("x")
    _, faults = check(folder)
    findings = as_findings(faults, lambda path: path.name)
    assert [(f.kind, f.severity, f.times) for f in findings] == [
        ("burned-in text", "refused", 3), ("absent rescale", "suspect", 1), ("not DICOM", "note", 1)]  # fmt: skip


def test_every_kind_is_listed_once_with_words():
    assert {kind.severity for kind in kinds().values()} == set(Severity.__args__)
    verbs = {"has", "is", "says", "shows", "still", "leaves", "does"}
    assert {kind.what.split()[0] for kind in kinds().values()} == verbs
    assert set(FLAGGED) <= set(kinds())
