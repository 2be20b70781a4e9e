import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from pipeline.imaging import Pdff, measure
from pipeline.imaging.files import quiet
from pipeline.imaging.planes import heights_mm, numbers, planes


def item(**elements):
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def enhanced(visit):
    """The six slices as frames of one file, in another order, with their scale in a real world value mapping."""
    _, paths = visit
    slices = [dcmread(path) for path in paths[:6]]
    order = [4, 0, 2, 1, 5, 3]
    whole = dcmread(paths[0])
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    whole.NumberOfFrames = 6
    whole.PixelData = b"".join(slices[i].PixelData for i in order)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleType",
                    "RescaleSlope", "RescaleIntercept"):
        del whole[keyword]
    mapping = item(
        RealWorldValueSlope=0.1, RealWorldValueIntercept=0.0, RealWorldValueFirstValueMapped=0,
        RealWorldValueLastValueMapped=1000, MeasurementUnitsCodeSequence=[item(CodeValue="%")],
    )  # fmt: skip
    whole.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=[item(PixelSpacing=[8.0, 8.0], SliceThickness=10.0)],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            RealWorldValueMappingSequence=[mapping],
        )
    ]
    whole.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=slices[i].ImagePositionPatient)]) for i in order
    ]
    path = paths[0].with_name("enhanced")
    with quiet():
        dcmwrite(path, whole)
    return path, paths


def test_frames_of_one_file_are_measured_as_files_of_one_frame(enhanced):
    path, paths = enhanced
    one, many = measure([path], paths[-1:]), measure(paths[:-1], paths[-1:])
    assert isinstance(one, Pdff)
    assert one.faults == ()
    assert one.percent == pytest.approx(many.percent, abs=1e-4)
    assert one.voxels == many.voxels


def test_places_come_from_shared_and_from_own_groups(enhanced):
    path, _ = enhanced
    found = planes(dcmread(path), 6)
    assert {plane.spacing_mm for plane in found} == {(8.0, 8.0)}
    assert {(plane.slope, plane.intercept, plane.unit) for plane in found} == {(0.1, 0.0, "%")}
    assert heights_mm(found).tolist() == [10.0, -30.0, -10.0, -20.0, 20.0, 0.0]


def test_heights_are_along_the_normal():
    tilted = item(ImageOrientationPatient=[1, 0, 0, 0, np.sqrt(0.5), np.sqrt(0.5)], PixelSpacing=[1, 1])
    frames = []
    for step in (0.0, 3.0):
        tilted.ImagePositionPatient = [0, -step * np.sqrt(0.5), step * np.sqrt(0.5)]
        frames += planes(tilted, 1)
    assert np.diff(heights_mm(frames)) == pytest.approx([3.0])


@pytest.mark.parametrize("value", [None, "", [1.0], [1.0, float("nan")]])
def test_numbers_that_are_not_there_are_none(value):
    assert numbers(item(PixelSpacing=value), "PixelSpacing", 2) is None
