"""A data set of a person -> a file of nobody: by profile and rules, signed, and searched for what was left.

Pixels stay byte for byte. What cannot be removed without spoiling the image refuses the file instead.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pydicom import dcmwrite
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID

from pipeline.imaging.files import Refusal, quiet, value_bytes
from pipeline.imaging.identity import (
    DIGITS,
    NOBODY,
    Identity,
    holds,
    is_date,
    is_person_number,
    of_code,
    of_date,
    of_name,
    of_uid,
    value_texts,
)
from pipeline.imaging.images import patient_key
from pipeline.imaging.planes import numbers
from pipeline.imaging.profile import NUMBERS, rule
from pipeline.imaging.search import find_leftovers
from pipeline.imaging.stand_ins import StandIns, cap_age, move_date, move_moment, turn_time
from pipeline.imaging.vocabulary import is_plain, known_codes

REMOVED = "REMOVED"
DUMMIES: dict[str, Any] = {
    **dict.fromkeys(NUMBERS, 0), **dict.fromkeys(("OB", "OW", "OF", "OD", "OL", "OV", "UN"), bytes(8)),
    **dict.fromkeys(("AS", "DA", "DT", "TM", "SQ", "AT", "UI"), None),
}  # fmt: skip
LONGEST_WHOLE = 8        # digits of a whole number (IS) that measures something
LEADING_ZERO = 7         # digits of a number that begins with 0, as telephone numbers do
IMPLEMENTATION = UID("2.25.179536482034791246092115236714408313605")      # drawn once for this program
IMPLEMENTATION_NAME = "TVILLING"
METHODS = (      # code values of PS3.16 CID 7050
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)
LUTS = {      # a table, and the descriptor that says how long it is
    0x00283006: 0x00283002, 0x00281201: 0x00281101, 0x00281202: 0x00281102, 0x00281203: 0x00281103,
    0x00281204: 0x00281104,
}  # fmt: skip
SAFE_PRIVATE = ("113111", "Retain Safe Private Option")
# Without these the pixels cannot be read or placed: where one holds something of a person, the file is refused.
ESSENTIAL = frozenset(
    tag
    for keyword in (
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "ImagePositionPatient",
        "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "Rows", "Columns", "BitsAllocated", "BitsStored",
        "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames",
        "PlanarConfiguration", "RescaleSlope", "RescaleIntercept", "RescaleType",
    )
    if (tag := tag_for_keyword(keyword)) is not None
)  # fmt: skip


class Person(NamedTuple):
    """Whose data set it is, and what stands for it."""

    patient: str
    stand_ins: StandIns
    identity: Identity
    notes: set[str]      # what happened: "safe private", or the name of an essential element that holds an identity


class Clean(NamedTuple):
    """A file of nobody, ready to be written."""

    data: bytes
    pseudonym: str
    study: str
    series: str
    instance: str


@quiet()
def deidentify(dataset: FileDataset, stand_ins: StandIns) -> Clean | Refusal:
    """The data set as bytes of a de-identified file, or why it is refused; the data set itself is used up."""
    patient = patient_key(dataset)
    pixels = value_bytes(dataset)
    person = Person(patient, stand_ins, gather(dataset), set())
    dates: set[str] = set()
    _clean(dataset, person, dates)
    if stuck := person.notes - {"safe private"}:
        return Refusal("left identity", f"in {', '.join(sorted(stuck))}, which the image needs")
    pseudonym = stand_ins.person(patient)
    _sign(dataset, pseudonym, "safe private" in person.notes)
    buffer = io.BytesIO()
    try:
        dcmwrite(buffer, dataset, enforce_file_format=True)
    except Exception as fault:      # pydicom raises a dozen kinds; their words may quote values
        return Refusal("corrupt", f"cannot be written again ({type(fault).__name__})")
    data = buffer.getvalue()
    if where := find_leftovers(data, person.identity, pseudonym, dates, pixels):
        return Refusal("left identity", where)
    uids = (str(dataset[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
    return Clean(data, pseudonym, *uids)


def gather(dataset: Dataset) -> Identity:
    """Everything in the elements of a data set that identifies somebody."""
    found = NOBODY
    for tag in list(dataset.keys()):
        element = _element(dataset, tag)
        if element is None:
            continue
        vr = str(element.VR)
        if vr == "SQ":
            for item in element.value or ():
                found |= gather(item)
            continue
        known = rule(element.tag, vr, _creator(dataset, element.tag))
        for text in value_texts(element.value):
            if vr == "PN" or known.search == "word":
                found |= of_name(text)
            elif known.search == "code":
                found |= of_code(text)
            elif vr in {"DA", "DT"}:
                found |= of_date(text)
            elif vr == "UI" and known.action in {"uid", "remove"}:
                found |= of_uid(text)
    return found


def is_telling(text: str, vr: str, identity: Identity) -> bool:
    """Whether a number is rather somebody's: one of the person's, a personal number, a date, a telephone number."""
    digits = re.fullmatch(r"[+-]?(\d+)", text.strip())
    if digits is None or len(digits[1]) < DIGITS:
        return False
    number = digits[1]
    return (
        holds(number, identity) != ""
        or is_person_number(number)
        or (len(number) == 8 and is_date(number))
        or (number.startswith("0") and len(number) >= LEADING_ZERO)
        or (vr == "IS" and len(number) > LONGEST_WHOLE)
    )


def _clean(dataset: Dataset, person: Person, dates: set[str]) -> None:
    creators = {tag: _creator(dataset, tag) for tag in list(dataset.keys()) if tag.is_private}
    kept_blocks = set()
    for tag in list(dataset.keys()):
        if tag.is_private and tag.element < 0x100:
            continue      # creators go with their blocks, below
        element = _element(dataset, tag)
        if element is None:
            _drop(dataset, tag, person)
            continue
        known = rule(tag, str(element.VR), creators.get(tag, ""))
        before = element.value
        if element.is_empty and known.action != "remove":
            continue
        after = ACTIONS[known.action](element, dataset, person)
        if after is None:
            _drop(dataset, tag, person)
        elif known.action == "clean":
            for item in after:
                _clean(item, person, dates)
        elif after is not before:
            element.value = after
        if known.action == "shift" and tag in dataset:
            dates.update(value_texts(element.value))
        if tag.is_private and tag in dataset:
            kept_blocks.add((tag.group, tag.element >> 8))
            person.notes.add("safe private")
    for tag in list(dataset.keys()):
        if tag.is_private and tag.element < 0x100 and (tag.group, tag.element) not in kept_blocks:
            del dataset[tag]


def _drop(dataset: Dataset, tag: Any, person: Person) -> None:
    if tag in ESSENTIAL:
        person.notes.add(keyword_for_tag(tag))
    else:
        del dataset[tag]


def _element(dataset: Dataset, tag: Any) -> Any:
    """The element, or None if its value is not of its kind: pydicom raises a dozen kinds of faults."""
    try:
        return dataset[tag]
    except Exception:
        return None


def _creator(dataset: Dataset, tag: Any) -> str:
    if not tag.is_private or tag.element < 0x1000:
        return ""
    owner = _element(dataset, (tag.group, tag.element >> 8))
    return str(owner.value or "") if owner is not None else ""


def _each(element: Any, change: Callable[[str], str | None]) -> Any:
    """Every value of an element changed; None, which removes it, if one cannot be."""
    several = hasattr(element.value, "append")
    changed = [change(str(value)) for value in (element.value if several else [element.value])]
    if any(value is None for value in changed):
        return None
    return changed if several else changed[0]


def _remove(element: Any, dataset: Dataset, person: Person) -> Any:
    return None


def _empty(element: Any, dataset: Dataset, person: Person) -> Any:
    return [] if element.VR == "SQ" else ""


def _replace(element: Any, dataset: Dataset, person: Person) -> Any:
    return DUMMIES.get(str(element.VR), REMOVED)


def _uid(element: Any, dataset: Dataset, person: Person) -> Any:
    return _each(element, person.stand_ins.uid)


def _shift(element: Any, dataset: Dataset, person: Person) -> Any:
    days, seconds = person.stand_ins.days(person.patient), person.stand_ins.seconds(person.patient)
    moves: dict[str, Callable[[str], str | None]] = {
        "DA": lambda text: move_date(text, days),
        "TM": lambda text: turn_time(text, seconds),
        "DT": lambda text: move_moment(text, days, seconds),
    }
    move = moves.get(str(element.VR))
    return _each(element, move) if move else None


def _age(element: Any, dataset: Dataset, person: Person) -> Any:
    return _each(element, cap_age)


def _keep(element: Any, dataset: Dataset, person: Person) -> Any:
    return element.value


def _text(element: Any, dataset: Dataset, person: Person) -> Any:
    def change(text: str) -> str:
        return text if is_plain(text) and not holds(text, person.identity) else REMOVED

    return _each(element, change)


def _code(element: Any, dataset: Dataset, person: Person) -> Any:
    """A code stays if it is one of a public scheme, or too short and plain to be anybody's."""
    values = {value for _, value in known_codes()}
    return element.value if str(element.value) in values else _text(element, dataset, person)


def _number(element: Any, dataset: Dataset, person: Person) -> Any:
    vr = str(element.VR)
    if vr not in NUMBERS:
        return None
    telling = any(is_telling(text, vr, person.identity) for text in value_texts(element.value))
    return None if telling else element.value


def _lut(element: Any, dataset: Dataset, person: Person) -> Any:
    """A lookup table stays if it has exactly the length that its descriptor beside it says."""
    descriptor = _element(dataset, LUTS.get(element.tag, 0))
    first = numbers(dataset, descriptor.keyword, 3) if descriptor is not None else None
    if first is None or not isinstance(element.value, bytes | list):
        return None
    entries = int(first[0]) or 1 << 16
    length = len(element.value) if isinstance(element.value, bytes) else 2 * len(element.value)
    return element.value if length in {entries, 2 * entries} else None


# What each action does: the new value of an element, or None to remove it.
ACTIONS: dict[str, Callable[[Any, Dataset, Person], Any]] = {
    "remove": _remove,
    "empty": _empty,
    "replace": _replace,
    "pseudonym": _replace,      # the one of the person is written when the data set is signed
    "uid": _uid,
    "shift": _shift,
    "age": _age,
    "keep": _keep,
    "text": _text,
    "code": _code,
    "number": _number,
    "lut": _lut,
    "clean": lambda element, dataset, person: element.value,
}


def _sign(dataset: FileDataset, pseudonym: str, safe_private: bool) -> None:
    """Write who it is now, that and how it was de-identified, and a file header with nothing else."""
    dataset.PatientName = pseudonym
    dataset.PatientID = pseudonym
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    methods = (*METHODS, SAFE_PRIVATE) if safe_private else METHODS
    dataset.DeidentificationMethod = ["DICOM PS3.15 Annex E", "Dates moved, text outside a word list removed"]
    dataset.DeidentificationMethodCodeSequence = [_coded(value, meaning) for value, meaning in methods]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128


def _coded(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
