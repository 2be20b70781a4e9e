import io
import random
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from pipeline.imaging import search
from pipeline.imaging.deidentify import Clean, deidentify, gather
from pipeline.imaging.files import Refusal, quiet, read_bytes, read_header, read_whole, value_bytes
from pipeline.imaging.images import read_image
from pipeline.imaging.profile import rule
from tests.imaging.planting import Secrets, plant

SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"      # come with pydicom


def image(**elements):
    """A small image of somebody, with some elements of one's own."""
    dataset = read_bytes(_plain_image())
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def _plain_image():
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = pydicom.dataset.FileDataset("", {}, file_meta=meta)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["image"])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (generate_uid(entropy_srcs=[s]) for s in ("study", "series"))
    dataset.PatientName, dataset.PatientID = "Ångström^Åsa", "19121212-1212"
    dataset.PatientBirthDate, dataset.StudyDate = "19121212", "20240115"
    dataset.Modality, dataset.Rows, dataset.Columns = "MR", 4, 4
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelData = np.random.default_rng(0).integers(0, 4000, 16).astype("<u2").tobytes()
    return written(dataset)


def written(dataset):
    buffer = io.BytesIO()
    with quiet():
        dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def cleaned(dataset, stand_ins):
    result = deidentify(read_bytes(written(dataset)), stand_ins)
    assert isinstance(result, Clean), result
    return read_bytes(result.data)


def planted(seed, how_many=40):
    """A file with that many random secrets at random places, and the secrets."""
    rng = random.Random(seed)
    secrets, dataset = Secrets(rng), image()
    with quiet():
        try:
            plant(dataset, secrets, rng, how_many)
            secrets.known(dataset)
            return written(dataset), secrets
        except (TypeError, OSError, ValueError):      # a value that cannot be written as its kind
            return planted(seed + 1_000_000, how_many)


def check_planted(seeds, stand_ins):
    refused = 0
    for seed in seeds:
        data, secrets = planted(seed)
        assert len(secrets.found_in(data)) >= 6      # the search finds what was planted
        result = deidentify(read_bytes(data), stand_ins)
        if isinstance(result, Refusal):
            assert result.kind == "left identity"
            assert not secrets.found_in(result.seen.encode())
            refused += 1
            continue
        assert secrets.found_in(result.data) == set(), seed
        assert value_bytes(read_bytes(result.data)) == value_bytes(read_bytes(data))
    return refused


def test_of_identifiers_planted_anywhere_none_is_left(stand_ins):
    assert check_planted(range(30), stand_ins) <= 1


@pytest.mark.slow
def test_of_many_identifiers_planted_anywhere_none_is_left(stand_ins):
    assert check_planted(range(1000, 1600), stand_ins) <= 12


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("private", "Åsa Ångström"), ("nested", "19121212-1212"), ("comment", "ring 070-123 45 67"),
        ("nested", "ANGSTROM"), ("private", "15/1/2024"), ("code", "Ångström"), ("term", "ANGSTROM"),
    ],
)  # fmt: skip
def test_known_hiding_places(stand_ins, place, value):
    dataset = image()
    if place == "private":
        dataset.private_block(0x11, "SOMEBODY", create=True).add_new(1, "LO", value)
    elif place == "comment":
        dataset.ImageComments = value
    elif place == "term":
        dataset.BodyPartExamined = value
    else:
        inner, outer = Dataset(), Dataset()
        inner.CodeMeaning = value
        if place == "nested":
            inner.RequestedProcedureDescription = value
        outer.AnatomicRegionModifierSequence = [inner]
        dataset.AnatomicRegionSequence = [outer]
    data = written(dataset)
    result = deidentify(read_bytes(data), stand_ins)
    assert isinstance(result, Clean)
    shown = str(read_bytes(result.data)).casefold()
    assert value.encode() in data
    assert value.casefold() not in shown
    assert value.encode() not in result.data


def test_two_series_of_one_person_keep_one_pseudonym_and_the_days_between(stand_ins):
    first = image(StudyDate="20240115", SeriesDate="20240116")
    second = image(StudyDate="20240302", PatientID=" 191212121212 ", StudyInstanceUID=generate_uid())
    other = image(PatientID="19121212-1213")
    one, two, three = (cleaned(dataset, stand_ins) for dataset in (first, second, other))
    assert one.PatientID == two.PatientID == one.PatientName != three.PatientID
    dates = [np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in (one.StudyDate, one.SeriesDate, two.StudyDate)]
    assert (np.diff(dates).astype(int) == [1, 46]).all()
    assert one.StudyDate != "20240115"
    assert one.StudyInstanceUID != two.StudyInstanceUID


def test_references_between_files_still_meet(stand_ins):
    target = image()
    reference = Dataset()
    reference.ReferencedSOPClassUID = target.SOPClassUID
    reference.ReferencedSOPInstanceUID = target.SOPInstanceUID
    referring = cleaned(image(SourceImageSequence=[reference], SOPInstanceUID=generate_uid()), stand_ins)
    meant = referring.SourceImageSequence[0]
    assert meant.ReferencedSOPInstanceUID == cleaned(target, stand_ins).SOPInstanceUID != target.SOPInstanceUID
    assert meant.ReferencedSOPClassUID == target.SOPClassUID


def test_a_file_says_how_it_was_de_identified(stand_ins):
    dataset = image(PatientAge="093Y", PatientSex="F", PatientWeight=71.5, PatientSize=1.63, EthnicGroup="X")
    clean = cleaned(dataset, stand_ins)
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    assert [item.CodeValue for item in clean.DeidentificationMethodCodeSequence] == ["113100", "113107", "113108"]
    kept = (clean.PatientAge, clean.PatientSex, clean.PatientWeight, clean.PatientSize)
    assert kept == ("090Y", "F", 71.5, 1.63)
    assert clean.PatientBirthDate == ""
    assert "EthnicGroup" not in clean


def test_the_file_header_and_the_preamble_hold_nothing_of_before(stand_ins):
    dataset = image()
    dataset.preamble = b"II*\0 Andersson".ljust(128, b"\1")
    dataset.file_meta.SourceApplicationEntityTitle = "ANGSTROM_PC"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3.4.5.6.7.8.9"
    dataset.file_meta.PrivateInformation = b"Andersson "
    data = written(dataset)
    clean = deidentify(read_bytes(data), stand_ins)
    assert clean.data[:128] == bytes(128)
    header = read_bytes(clean.data)
    assert len(header.file_meta) == 7
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
    assert b"Andersson" in data
    assert b"Andersson" not in clean.data


def test_numbers_of_makers_stay_and_say_so(stand_ins):
    dataset = image()
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 0.25)
    block.add_new(0x0F, "LO", "Ångström")
    clean = cleaned(dataset, stand_ins)
    assert clean.private_block(0x2005, "Philips MR Imaging DD 001")[0x0E].value == 0.25
    assert [element.tag.element for element in clean.group_dataset(0x2005)] == [0x10, 0x100E]
    assert clean.DeidentificationMethodCodeSequence[-1].CodeValue == "113111"


def test_overlays_curves_and_what_follows_the_pixels_go(stand_ins):
    dataset = image()
    for tag, vr in ((0x60003000, "OW"), (0x60021500, "LO"), (0x50003000, "OW"), (0xFFFCFFFC, "OB")):
        dataset.add_new(tag, vr, "label" if vr == "LO" else b"Andersson ")
    clean = cleaned(dataset, stand_ins)
    assert [str(element.tag) for element in clean if element.tag.group >= 0x5000] == ["(7FE0,0010)"]


def test_technical_elements_stay_as_they_were(stand_ins):
    told = {
        "ImageType": ["DERIVED", "PRIMARY", "M", "FAT_FRACTION"], "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Skyra", "SequenceName": "*fl3d5", "EchoTime": "1.15", "RepetitionTime": "8.9",
        "FlipAngle": "4", "MagneticFieldStrength": "3", "PatientPosition": "HFS", "BodyPartExamined": "LIVER",
        "RescaleSlope": "0.1", "RescaleIntercept": "0", "RescaleType": "%", "ImagePositionPatient": [-1.5, 2, 3.25],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1.5, 1.5], "InstanceNumber": "7",
    }  # fmt: skip
    clean = cleaned(image(**told), stand_ins)
    with_values = {keyword: clean[keyword].value for keyword in told}
    assert {k: str(v) for k, v in with_values.items()} == {k: str(image(**told)[k].value) for k in told}


def test_an_identity_in_what_the_image_needs_refuses_the_file(stand_ins):
    result = deidentify(read_bytes(written(image(SliceThickness="191212121212"))), stand_ins)
    assert isinstance(result, Refusal)
    assert result.kind == "left identity"
    assert "SliceThickness" in result.seen


@pytest.mark.parametrize("number", ["19500131", "0701234567", "8112189876", "123456789"])
def test_numbers_that_are_rather_somebodys_go_from_elements_that_the_image_can_do_without(stand_ins, number):
    clean = cleaned(image(NumberOfAverages="2", EchoTrainLength=number, SeriesNumber="12345"), stand_ins)
    assert "EchoTrainLength" not in clean
    assert (clean.NumberOfAverages, clean.SeriesNumber) == (2, 12345)


@pytest.mark.parametrize("gap", ["Manufacturer", "bytes", "pixels"])
def test_what_the_rules_let_through_the_search_still_finds(stand_ins, monkeypatch, gap):
    dataset = image()
    if gap == "Manufacturer":
        dataset.Manufacturer = "by Ångström"
    elif gap == "bytes":
        dataset.add_new(0x0028_2000, "OB", "Ångström".encode("utf-16-le"))
    else:
        dataset.PixelData = b"191212121212" + bytes(20)

    def lax(tag, vr, creator=""):
        known = rule(tag, vr, creator)
        return known._replace(action="keep") if tag in (0x00080070, 0x00282000) else known

    monkeypatch.setattr(sys.modules[deidentify.__module__], "rule", lax)
    result = deidentify(read_bytes(written(dataset)), stand_ins)
    assert isinstance(result, Refusal)
    assert result.kind == "left identity"


def test_the_search_reads_the_written_file_again(stand_ins):
    data = deidentify(image(), stand_ins).data
    identity = gather(image(PatientName="Björk^Eva"))
    pixels = value_bytes(read_bytes(data))
    assert search.find_leftovers(data, identity, "XXXXX-XXXXX", set(), pixels) == ""
    hidden = data.replace(b"MONOCHROME2 ", "Björk Eva  ".encode())
    assert hidden != data
    assert search.find_leftovers(hidden, identity, "XXXXX-XXXXX", set(), pixels).startswith("a name in Photometric")


def test_pixels_of_files_of_others_stay_byte_for_byte(stand_ins):
    assert check_pixels(stand_ins, "MR_small*") >= 8


@pytest.mark.slow
def test_pixels_of_all_files_that_come_with_pydicom_stay_byte_for_byte(stand_ins):
    """Many makers, encodings and compressions."""
    assert check_pixels(stand_ins, "*") >= 60


def check_pixels(stand_ins, pattern):
    tried = 0
    for number, path in enumerate(sorted(SAMPLES.rglob(pattern))):
        if isinstance(read_header(path), Refusal) or isinstance(read_image(path, number), Refusal):
            continue
        dataset = read_whole(path)
        if isinstance(dataset, Refusal):
            continue
        before = value_bytes(dataset)
        result = deidentify(dataset, stand_ins)
        assert isinstance(result, Clean), path.name
        assert value_bytes(read_bytes(result.data)) == before, path.name
        assert value_bytes(dcmread(io.BytesIO(result.data))) == before
        tried += 1
    return tried
