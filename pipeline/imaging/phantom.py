"""A made-up abdomen with a known share of fat in its liver, as DICOM: a fat-fraction series and a mask.

The liver is an ellipsoid; around it lie muscle, a ring of fat and air, whose fat fraction is noise. For trying the rest
out, and for tests: nobody was imaged.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage, generate_uid

from pipeline.imaging.files import quiet

MUSCLE, SPLEEN, FAT = 3.0, 1.0, 92.0      # per cent of fat
STEP = 0.1                                # per cent a stored number
GIVEN = ("Alva", "Bosse", "Cecilia", "Dagmar", "Edvin", "Folke", "Greta", "Hilding", "Ingegerd", "Jerker")
FAMILY = ("Abborrsson", "Björkvist", "Cederlöf", "Dunkelberg", "Ekstubbe", "Flodstedt", "Granrot", "Harstierna")


class Shape(NamedTuple):
    """Size of a phantom."""

    slices: int = 12
    rows: int = 80
    columns: int = 96
    spacing_mm: float = 4.0
    thickness_mm: float = 8.0


class Visit(NamedTuple):
    """One made-up examination, and the truth about it."""

    patient: str
    name: str
    birth: date
    sex: str
    day: date
    pdff_percent: float


class Volume(NamedTuple):
    """Fat fraction in per cent and the mask of the liver, axes slices, rows, columns."""

    percent: np.ndarray
    liver: np.ndarray


def draw(pdff_percent: float, *, noise_points: float = 2.0, shape: Shape = Shape(), seed: int = 0) -> Volume:  # noqa: B008
    """A phantom whose liver has `pdff_percent` of fat, with normal noise of that spread, cut off at 0 and 100."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:3]), indexing="ij")
    around = (x / 0.9) ** 2 + (y / 0.85) ** 2
    liver = ((x + 0.3) / 0.42) ** 2 + ((y + 0.1) / 0.5) ** 2 + (z / 0.85) ** 2 < 1
    spleen = ((x - 0.55) / 0.18) ** 2 + ((y - 0.2) / 0.25) ** 2 + (z / 0.6) ** 2 < 1
    truth = np.where(around < 0.75, MUSCLE, FAT)
    truth = np.where(spleen & ~liver, SPLEEN, np.where(liver, pdff_percent, truth))
    noisy = truth + rng.normal(0, noise_points, truth.shape)
    noisy = np.where(around < 1, noisy, rng.uniform(0, 100, truth.shape))
    return Volume(np.clip(noisy, 0, 100), liver)


def invent(people: int, visits: int, *, seed: int = 0) -> list[Visit]:
    """People who do not exist, each seen so many times some months apart, with 2 to 30 % of fat in the liver."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(people):
        birth = date(1940, 1, 1) + timedelta(days=int(rng.integers(0, 20_000)))
        name = f"{FAMILY[rng.integers(len(FAMILY))]}^{GIVEN[rng.integers(len(GIVEN))]}"
        patient = f"{birth:%Y%m%d}-{rng.integers(1000, 9999)}"
        day, sex = date(2019, 1, 1) + timedelta(days=int(rng.integers(0, 1500))), "MF"[number % 2]
        for _ in range(visits):
            found.append(Visit(patient, name, birth, sex, day, float(np.round(rng.uniform(2, 30), 1))))
            day += timedelta(days=int(rng.integers(60, 400)))
    return found


def write_visit(
    folder: Path,
    visit: Visit,
    volume: Volume,
    *,
    shape: Shape = Shape(),  # noqa: B008
    seed: int = 0,
    planted: bool = False,
) -> list[Path]:
    """Write the fat-fraction series and the segmentation of one examination; the paths, the mask's last.

    If `planted`, what tells of the person also stands in comments, sequences, private elements and the file header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entropy = [str(seed), visit.patient, visit.day.isoformat()]
    names = ("study", "series", "mask", "frame")
    uid: dict[str, str] = {name: generate_uid(entropy_srcs=[*entropy, name]) for name in names}
    paths, references = [], []
    for index, (percent, height) in enumerate(zip(volume.percent, heights(shape), strict=True)):
        image = _start(visit, MRImageStorage, generate_uid(entropy_srcs=[*entropy, f"image {index}"]), uid)
        image.Modality, image.SeriesInstanceUID, image.SeriesNumber = "MR", uid["series"], 5
        image.SeriesDescription = f"PDFF {visit.name.split('^')[0]}"
        image.ImageType = ["DERIVED", "PRIMARY", "M", "FAT_FRACTION"]
        image.InstanceNumber = index + 1
        image.ImagePositionPatient = [*_corner(shape), height]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = [shape.spacing_mm] * 2, shape.thickness_mm
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = STEP, 0, "%"
        _pixels(image, np.round(percent / STEP).astype("<u2"), 16)
        if planted:
            _plant(image, visit)
        paths.append(_write(folder / f"IM{index + 1:04d}", image))
        references.append(image.SOPInstanceUID)
    mask = _mask(visit, volume.liver, shape, uid, generate_uid(entropy_srcs=[*entropy, "mask image"]), references)
    return [*paths, _write(folder / "SEG0001", mask)]


def heights(shape: Shape) -> np.ndarray:
    """Where along the body the slices lie, in millimetres."""
    return (np.arange(shape.slices) - shape.slices / 2) * shape.thickness_mm


def _corner(shape: Shape) -> tuple[float, float]:
    return -shape.columns * shape.spacing_mm / 2, -shape.rows * shape.spacing_mm / 2


def _start(visit: Visit, sop_class: str, instance: str, uid: dict[str, str]) -> FileDataset:
    """A data set with everything that a scanner writes about whose it is."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = sop_class, instance
    image.StudyInstanceUID, image.FrameOfReferenceUID = uid["study"], uid["frame"]
    image.PatientName, image.PatientID = visit.name, visit.patient
    image.PatientBirthDate, image.PatientSex = f"{visit.birth:%Y%m%d}", visit.sex
    image.PatientAge = f"{(visit.day - visit.birth).days // 365:03d}Y"
    image.PatientWeight, image.PatientSize = 80.5, 1.74
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = f"{visit.day:%Y%m%d}"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "101530"
    image.AccessionNumber, image.StudyID = f"SE{visit.day:%y%m%d}{visit.patient[-4:]}", "77012"
    image.ReferringPhysicianName, image.OperatorsName = "Läkare^Remitterande", "Röntgensköterska^Rut"
    image.InstitutionName, image.InstitutionAddress = "Påhittade sjukhuset", "Storgatan 1, 012-34 56 78"
    image.Manufacturer, image.ManufacturerModelName, image.StationName = "TVILLING", "PHANTOM", "MRFANTOM1"
    image.StudyDescription = f"MR lever {visit.name.replace('^', ' ')}"
    image.BodyPartExamined, image.PatientPosition = "ABDOMEN", "HFS"
    return image


def _plant(image: FileDataset, visit: Visit) -> None:
    """Write the person into places where scanners, archives and people at consoles leave it."""
    spoken = " ".join(reversed(visit.name.split("^")))
    image.OtherPatientIDs, image.PatientTelephoneNumbers = visit.patient.replace("-", ""), "070-123 45 67"
    image.PatientAddress, image.PatientMotherBirthName = f"{spoken}, Storgatan 1", visit.name
    image.ImageComments = f"{spoken} {visit.patient}, ring 070-123 45 67"
    image.AdditionalPatientHistory = f"Undersökt {visit.day:%d/%m/%Y}, f. {visit.birth:%Y-%m-%d}"
    image.BodyPartExamined, image.SequenceName = "ABDOMEN", visit.name.split("^")[0][:16]
    request, code, step = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = visit.patient[-11:], "99LOCAL", spoken
    step.ScheduledProcedureStepDescription, step.RequestedProcedureCodeSequence = spoken, [code]
    request.RequestedProcedureID, request.RequestedContrastAgent = visit.patient[-11:], spoken
    request.ScheduledProtocolCodeSequence = [code]
    image.RequestAttributesSequence, image.AnatomicRegionSequence = [request], [code]
    image.add_new(0x00400260, "SQ", [step])
    block = image.private_block(0x0029, f"LOCAL {visit.name.split('^')[0]}"[:64], create=True)
    block.add_new(0x01, "LO", spoken)
    block.add_new(0x02, "OB", f"{spoken} {visit.patient}".encode("utf-16-le"))
    image.file_meta.SourceApplicationEntityTitle = "ROENTGEN1"
    image.preamble = f"{spoken}".encode().ljust(128, b"\0")


def _mask(
    visit: Visit, liver: np.ndarray, shape: Shape, uid: dict[str, str], instance: str, references: list[str]
) -> FileDataset:
    """A binary segmentation of the slices in which there is liver."""
    mask = _start(visit, SegmentationStorage, instance, uid)
    mask.Modality, mask.SeriesInstanceUID, mask.SeriesNumber, mask.InstanceNumber = "SEG", uid["mask"], 6, 1
    mask.ImageType, mask.SegmentationType = ["DERIVED", "PRIMARY"], "BINARY"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = 1, "Liver", "MANUAL"
    mask.SegmentSequence = [segment]
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [shape.spacing_mm] * 2, shape.thickness_mm
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    mask.SharedFunctionalGroupsSequence = [shared]
    marked = [index for index in range(len(liver)) if liver[index].any()]
    mask.PerFrameFunctionalGroupsSequence = [
        _frame(_corner(shape), heights(shape)[index], references[index]) for index in marked
    ]
    mask.NumberOfFrames = len(marked)
    bits = np.packbits(liver[marked].astype(np.uint8).ravel(), bitorder="little")
    _pixels(mask, liver[0].astype("<u2"), 1, bits.tobytes())
    return mask


def _frame(corner: tuple[float, float], height: float, reference: str) -> Dataset:
    place, segment, source, derived, frame = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [*corner, float(height)]
    segment.ReferencedSegmentNumber = 1
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = MRImageStorage, reference
    derived.SourceImageSequence = [source]
    frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [place], [segment]
    frame.DerivationImageSequence = [derived]
    return frame


def _pixels(image: FileDataset, plane: np.ndarray, bits: int, data: bytes = b"") -> None:
    image.Rows, image.Columns = plane.shape
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = bits, bits, bits - 1
    stored = data or plane.tobytes()
    image.PixelData = stored + b"\0" * (len(stored) % 2)
    image["PixelData"].VR = "OB" if bits == 1 else "OW"


def _write(path: Path, dataset: Any) -> Path:
    draft = path.with_name(f".{path.name}.draft")
    with quiet():
        dcmwrite(draft, dataset, enforce_file_format=True)
    return draft.replace(path)
