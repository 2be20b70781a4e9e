import random
import struct
import tracemalloc

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pipeline.imaging import files
from pipeline.imaging.deidentify import Clean, deidentify
from pipeline.imaging.files import Refusal, list_files, quiet, read_header, read_whole
from pipeline.imaging.images import Image, read_image
from pipeline.imaging.pixels import first_frame, why_not_decoded

MIB = 1 << 20
PIXELS = struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW")
# The beginning of a sequence and of its first item, both without a length.
OPENED = struct.pack("<HH2sHLHHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)


def peak_bytes(run):
    tracemalloc.start()
    try:
        result = run()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def huge(tag, vr, length):
    """The head of an element that declares more than any file has."""
    group, element = tag
    return struct.pack("<HH2sHL", group, element, vr, 0, length)


def test_a_header_tells_what_the_pixels_are(visit):
    _, paths = visit
    header = read_header(paths[0])
    assert (header.pixels, header.declared, header.left) == ("OW", 40 * 48 * 2, 40 * 48 * 2)
    assert "PixelData" not in header.dataset


@pytest.mark.parametrize("tag", [(0x0008, 0x2111), (0x0009, 0x1001), (0x0020, 0x4000), (0x7FE0, 0x0010)])
@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFE])
def test_a_huge_declared_length_is_refused_and_not_asked_of_the_memory(visit, tag, length):
    _, paths = visit
    data = paths[0].read_bytes()
    at = data.index(PIXELS)
    paths[0].write_bytes(data[:at] + huge(tag, b"OW" if tag[0] == 0x7FE0 else b"UN", length) + data[at : at + 500])
    result, peak = peak_bytes(lambda: (read_image(paths[0], 1), read_whole(paths[0])))
    assert isinstance(result[1], Refusal)
    assert result[1].kind == "corrupt"
    assert peak < 8 * MIB


def test_huge_lengths_inside_sequences_are_refused(visit):
    _, paths = visit
    data = paths[0].read_bytes()
    at = data.index(PIXELS)
    paths[0].write_bytes(data[:at] + OPENED + huge((0x0008, 0x2111), b"UT", 0xFFFFFFF0) + data[at:])
    result, peak = peak_bytes(lambda: read_image(paths[0], 1))
    assert isinstance(result, Refusal)
    assert peak < 8 * MIB


def test_sequences_without_end_are_refused(visit):
    _, paths = visit
    data = paths[0].read_bytes()
    at = data.index(PIXELS)
    paths[0].write_bytes(data[:at] + OPENED * 5000)
    assert isinstance(read_image(paths[0], 1), Refusal)


def test_every_way_of_cutting_a_file_is_refused(visit):
    _, paths = visit
    data, rng = paths[0].read_bytes(), random.Random(0)
    cut = paths[0].with_name("cut")
    for length in [0, 1, 131, 132, 140, len(data) - 1, *(rng.randrange(len(data)) for _ in range(60))]:
        cut.write_bytes(data[:length])
        assert isinstance(read_whole(cut), Refusal) or isinstance(read_image(cut, 1), Refusal), length


def test_spoilt_bytes_never_end_in_a_traceback(visit, stand_ins):
    _, paths = visit
    rng = random.Random(1)
    spoilt, outcomes = paths[0].with_name("spoilt"), set()
    for _ in range(80):
        data = bytearray(rng.choice([paths[0], paths[-1]]).read_bytes())
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(132, 1800)] = rng.choice((0, 255, rng.randrange(256)))
        spoilt.write_bytes(data)
        image, dataset = read_image(spoilt, 1), read_whole(spoilt)
        if isinstance(image, Image) and not isinstance(dataset, Refusal):
            why_not_decoded(dataset)
            first_frame(dataset)
            outcomes.add(type(deidentify(dataset, stand_ins)))
    assert Clean in outcomes


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("text.txt", b"hello", "not DICOM"),
        ("empty", b"", "not DICOM"),
        ("zeros", bytes(1000), "not DICOM"),
        ("mark alone", bytes(128) + b"DICM", "corrupt"),
        ("mark and noise", bytes(128) + b"DICM" + b"\xff" * 400, "corrupt"),
    ],
)
def test_what_is_no_dicom_is_named(tmp_path, name, data, kind):
    path = tmp_path / name
    path.write_bytes(data)
    assert read_header(path).kind == kind


def test_images_without_pixels_without_numbers_and_of_no_known_kind(visit):
    _, paths = visit
    lost = {"PixelData": "no pixels", "PatientID": "no identity", "SeriesInstanceUID": "no identity"}
    for element, kind in lost.items():
        dataset = dcmread(paths[0])
        del dataset[element]
        dcmwrite(paths[1], dataset)
        assert read_image(paths[1], 1).kind == kind
    dataset = dcmread(paths[0])
    dataset.SOPClassUID = "1.3.12.2.1107.5.9.1"
    dcmwrite(paths[1], dataset)
    assert read_image(paths[1], 1).kind == "unknown object"


def test_compressed_headers_are_not_unpacked(visit):
    _, paths = visit
    dataset = dcmread(paths[0])
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.add_new(0x00091001, "UN", bytes(20 * MIB))      # twenty thousand bytes when deflated
    with quiet():
        dcmwrite(paths[1], dataset)
    assert paths[1].stat().st_size < MIB
    result, peak = peak_bytes(lambda: read_image(paths[1], 1))
    assert result.kind == "deflated"
    assert peak < MIB


def test_links_are_not_followed_and_large_files_not_read(visit, monkeypatch):
    folder, paths = visit
    (folder / "link").symlink_to(paths[0])
    assert folder / "link" in list_files(folder)
    assert read_header(folder / "link").kind == "link or device"
    monkeypatch.setattr(files, "LARGEST_BYTES", 1000)
    assert read_header(paths[0]).kind == "too large"


def test_what_is_refused_is_told_without_values(visit):
    _, paths = visit
    dataset = dcmread(paths[0])
    with quiet():
        dataset.add_new(0x00080022, "DA", "Andersson")
        inner = Dataset()
        inner.PatientName = "Andersson"
        dataset.add_new(0x00281050, "SQ", [inner])
        dcmwrite(paths[1], dataset)
    found = read_image(paths[1], 1)
    assert isinstance(found, Image) or "ndersson" not in found.seen
