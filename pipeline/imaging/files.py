"""Reading files that may be DICOM: whole or not at all, and never more memory than the file has bytes."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage, UID_dictionary

LARGEST_BYTES = 1 << 30      # of one file, which is read whole once; a longer one would need another way
SHORT_BYTES = 1 << 16        # pydicom looks ahead by less than this, also beyond the end
UNDEFINED = 0xFFFFFFFF       # declared length of what ends with a delimiter
PREFIX_AT = 128
PIXELS = (0x7FE00010, 0x7FE00008, 0x7FE00009)      # integers, single and double floats


class Refusal(NamedTuple):
    """Why a file is not taken: a kind of `quality.csv`, and what was seen, without any value of a person."""

    kind: str
    seen: str = ""


class Header(NamedTuple):
    """All of a file before its pixels, and what it declares of them."""

    dataset: FileDataset
    bytes: int                     # of the file
    pixels: str                    # "" without pixels, else the element's VR ("" in implicit VR becomes "OW")
    declared: int | None           # length of the pixels; None where it is undefined
    left: int                      # bytes of the file from the first of the pixels on


class _Bounded(io.BufferedReader):
    """A file in which nobody reads more than is there.

    A length of four gigabytes in a file of one kilobyte would otherwise be asked of the memory first.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise ValueError("asks for all at once")       # only deflated data sets do
        if size > SHORT_BYTES and size > self.size - self.tell():
            raise EOFError("declares more than the file holds")
        return super().read(size)


@contextmanager
def quiet() -> Iterator[None]:
    """What pydicom warns of is checked here by other means, and its warnings quote values."""
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def list_files(folder: Path) -> list[Path]:
    """Everything in the folder that is no folder, in an order that does not depend on the machine."""
    return sorted((path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()), key=str)


@quiet()
def read_header(path: Path) -> Header | Refusal:
    """The file without its pixels, or why it is not taken."""
    if path.is_symlink() or not path.is_file():
        return Refusal("link or device")
    if (bytes_ := path.stat().st_size) > LARGEST_BYTES:
        return Refusal("too large", f"{bytes_ / 2**30:.1f} GiB of at most {LARGEST_BYTES >> 30}")
    if (early := _prefix(path)) is not None:
        return early
    with _Bounded(path) as file:
        dataset = _parsed(file, stop_before_pixels=True)
        if isinstance(dataset, Refusal):
            return dataset
        start = file.tell()
        vr, declared, value_at = _pixel_element(file, dataset)
    return Header(dataset, bytes_, vr, declared, bytes_ - value_at if vr else bytes_ - start)


@quiet()
def read_whole(path: Path) -> FileDataset | Refusal:
    """The file with its pixels in memory, or why it is not taken."""
    with _Bounded(path) as file:
        return _parsed(file, stop_before_pixels=False)


@quiet()
def read_bytes(data: bytes) -> FileDataset:
    """A file that this program has just written, read back."""
    return pydicom.dcmread(io.BytesIO(data))


def _prefix(path: Path) -> Refusal | None:
    with path.open("rb") as file:
        if file.read(PREFIX_AT + 4)[PREFIX_AT:] != b"DICM":
            return Refusal("not DICOM")
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
        kind, syntax = meta.get("MediaStorageSOPClassUID"), str(meta.get("TransferSyntaxUID") or "")
    except Exception as fault:      # pydicom raises a dozen kinds
        return Refusal("corrupt", _name(fault))
    if kind == MediaStorageDirectoryStorage:
        return Refusal("directory")
    if syntax == DeflatedExplicitVRLittleEndian:
        return Refusal("deflated")
    if not syntax:
        return Refusal("corrupt", "no transfer syntax")
    if syntax not in UID_dictionary or not UID(syntax).is_transfer_syntax:
        return Refusal("not decodable", "a transfer syntax of a maker's own")
    return None


def _parsed(file: _Bounded, stop_before_pixels: bool) -> FileDataset | Refusal:
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=stop_before_pixels)
    except MemoryError:
        raise
    except Exception as fault:
        return Refusal("corrupt", _name(fault))
    for tag in list(dataset.keys()):      # a data set iterates over elements, which would parse them
        element = dataset.get_item(tag, keep_deferred=True)
        if (
            isinstance(element, RawDataElement)
            and element.length not in (0, UNDEFINED)
            and len(element.value or b"") != element.length
        ):
            return Refusal("corrupt", f"{tag} ends before its declared length")
    return dataset


def _name(fault: Exception) -> str:
    """The kind of a fault; its words may quote values."""
    kinds = {"EOFError": "ends too early", "RecursionError": "sequences within sequences without end"}
    return kinds.get(type(fault).__name__, f"cannot be parsed ({type(fault).__name__})")


def _pixel_element(file: _Bounded, dataset: FileDataset) -> tuple[str, int | None, int]:
    """VR and declared length of the pixels that the file stands before, and where they begin; VR "" for none."""
    start = file.tell()
    syntax = dataset.file_meta.TransferSyntaxUID
    order = "<" if syntax.is_little_endian else ">"
    head = file.read(12)
    if len(head) < 8:
        return "", None, start
    group, element = struct.unpack(f"{order}HH", head[:4])
    if (group << 16 | element) not in PIXELS:
        return "", None, start
    if syntax.is_implicit_VR:
        vr, length, value_at = "OW", struct.unpack(f"{order}L", head[4:8])[0], start + 8
    elif len(head) < 12:
        return "", None, start
    else:
        vr, length, value_at = head[4:6].decode("latin-1"), struct.unpack(f"{order}L", head[8:12])[0], start + 12
    return vr, None if length == UNDEFINED else length, value_at


def value_bytes(dataset: Any) -> bytes:
    """The pixels of a data set exactly as they are stored."""
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            return dataset.get_item(keyword).value or b""
    return b""
