"""Resources out of files: bundles, ndjson, folders, gzip and zip, read so that memory stays bounded.

A line or bundle beyond its limit is refused before it is in memory, and what is packed is watched while it is unpacked.
Whatever is wrong with a file is said in one sentence that names file and line; nothing of the delivery is taken then.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.records.bundles import Broken, Entry, decode, split
from pipeline.runs import RunError
from pipeline.schema import TableError

LINES = (".ndjson", ".jsonl")
MEGABYTE = 1 << 20
BOM = b"\xef\xbb\xbf"


class Limits(NamedTuple):
    """What is refused, so that no file can take the memory or the day; generous against what is met."""

    line: int = 32 * MEGABYTE
    bundle: int = 256 * MEGABYTE
    unpacked: int = 64 << 30           # of one archive, in all
    ratio: int = 200                   # unpacked over packed, beyond `grace`
    grace: int = 32 * MEGABYTE
    members: int = 10_000              # of a zip


LIMITS = Limits()


class Found(NamedTuple):
    """One resource and where it stands."""

    resource: dict[str, Any]
    file: str
    line: int           # of ndjson, 1-based; 0 in other files
    entry: int          # of a bundle, 1-based; 0 outside of one
    url: str = ""       # fullUrl of the entry
    serial: int = 0     # a number of its own in the delivery


class Skipped(NamedTuple):
    """A file of the delivery, or an entry of a bundle, that holds no resource."""

    file: str
    what: str


def walk(path: Path, limits: Limits = LIMITS) -> Iterator[Found | Skipped]:
    """Every resource of a file or folder, in the order of names."""
    if not path.exists():
        raise RunError(f"{path} is missing: give a file or folder of FHIR R4")
    paths = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for one in paths:
        name = one.relative_to(path).as_posix() if path.is_dir() else one.name
        with one.open("rb") as file:
            yield from _opened(name, file, one.stat().st_size, limits, alone=not path.is_dir())


def _opened(
    name: str, file: BinaryIO, size: int, limits: Limits, *, alone: bool, inner_name: str = ""
) -> Iterator[Found | Skipped]:
    lower = (inner_name or name).lower()
    try:
        if lower.endswith(".zip"):
            yield from _members(name, file, limits)
        elif lower.endswith(".gz"):
            watched = io.BufferedReader(_Watched(name, gzip.GzipFile(fileobj=file), size, limits), MEGABYTE)
            yield from _opened(name, watched, size, limits, alone=alone, inner_name=lower[:-3])
        elif lower.endswith(LINES):
            yield from _lines(name, file, limits)
        elif lower.endswith(".json"):
            yield from _whole(name, file, limits, alone=alone)
        elif alone:
            raise TableError(f"{name}: is no .json, .ndjson, .jsonl, .gz or .zip; FHIR is read from these")
        else:
            yield Skipped(name, "is no .json, .ndjson, .jsonl, .gz or .zip, and was not read")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as fault:
        if isinstance(fault, OSError) and fault.errno:     # of the disk, not of the content
            raise
        raise TableError(f"{name}: cannot be unpacked ({fault}); the file is damaged, fetch it again") from None


def _members(name: str, file: BinaryIO, limits: Limits) -> Iterator[Found | Skipped]:
    with closing(zipfile.ZipFile(file)) as archive:
        members = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
        if len(members) > limits.members:
            raise TableError(f"{name}: holds {len(members)} files, more than the {limits.members} that are read")
        spent = 0
        for member in members:
            inside = f"{name}/{member.filename}"
            if member.flag_bits & 1:
                raise TableError(f"{inside}: is encrypted; unpack it with its password first")
            if member.filename.lower().endswith(".zip"):
                yield Skipped(inside, "is a zip within a zip, and was not read")
                continue
            left = limits._replace(unpacked=limits.unpacked - spent)
            try:
                stream = archive.open(member)
            except NotImplementedError:
                raise TableError(f"{inside}: is packed in a way that is not read; pack it as plain zip") from None
            watched = _Watched(inside, stream, member.compress_size, left)
            with closing(io.BufferedReader(watched, MEGABYTE)) as reader:
                yield from _opened(inside, reader, member.compress_size, left, alone=False)
            spent += watched.total


class _Watched(io.RawIOBase):
    """What an archive unpacks, stopped where it grows out of proportion."""

    def __init__(self, name: str, inner: Any, packed: int, limits: Limits) -> None:
        self.name, self.inner, self.packed, self.limits = name, inner, packed, limits
        self.total = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some unpacked bytes; raises `TableError` beyond the limits."""
        data = self.inner.read(len(buffer))
        self.total += len(data)
        limits = self.limits
        if self.total > limits.unpacked:
            raise TableError(f"{self.name}: unpacks to more than {_size(limits.unpacked)}; split the delivery")
        if self.total > limits.grace and self.total > limits.ratio * max(self.packed, 1):
            raise TableError(
                f"{self.name}: unpacks to more than {limits.ratio} times its size, as no record does; "
                "if the file is meant, unpack it first"
            )
        buffer[: len(data)] = data
        return len(data)


def _lines(name: str, file: BinaryIO, limits: Limits) -> Iterator[Found | Skipped]:
    number = 0
    while raw := file.readline(limits.line + 1):
        number += 1
        line = f", line {number}"
        if len(raw) > limits.line:
            raise TableError(f"{name}{line}: is longer than {_size(limits.line)}; one resource stands in a line")
        text = _text(raw, name, line).strip()
        if not text:
            continue
        try:
            resource = decode(text)
            _require_fhir(resource, name, line)
            if resource["resourceType"] == "Bundle":
                yield from _parts(text, name, line, number)
            else:
                yield Found(resource, name, number, 0)
        except Broken as fault:
            raise TableError(f"{name}{line}: {fault.what}") from None


def _whole(name: str, file: BinaryIO, limits: Limits, *, alone: bool) -> Iterator[Found | Skipped]:
    raw = bytearray()
    while len(raw) <= limits.bundle and (part := file.read(MEGABYTE)):      # a larger read would claim its size at once
        raw += part
    if len(raw) > limits.bundle:
        raise TableError(
            f"{name}: is larger than {_size(limits.bundle)}, the most of one JSON file; "
            "deliver it as ndjson, a resource a line, which is read at any size"
        )
    text = _text(raw, name, "")
    del raw
    try:
        yield from _parts(text, name, "" if alone else None, 0)
    except Broken as fault:
        raise TableError(f"{name}, line {text.count(chr(10), 0, fault.at) + 1}: {fault.what}") from None


def _parts(text: str, name: str, line: str | None, number: int) -> Iterator[Found | Skipped]:
    """The resources of a bundle, and last what is left of it; or the one resource that the text is.

    `line` says where the text starts, None that it may be no FHIR.
    """
    for part in split(text):
        if not isinstance(part, Entry):
            if line is None and not (isinstance(part, dict) and "resourceType" in part):
                yield Skipped(name, "has no resourceType, is not FHIR, and was not read")
                continue
            _require_fhir(part, name, line or "")
            yield Found(part, name, number, 0)
        elif part.resource is None:
            yield Skipped(name, "has entries without a resource")
        else:
            _require_fhir(part.resource, name, f"{line or ''}, entry {part.number}")
            yield Found(part.resource, name, number, part.number, part.url)


def _require_fhir(resource: Any, name: str, line: str) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise TableError(f"{name}{line}: has no resourceType; it is not FHIR")


def _text(raw: bytes | bytearray, name: str, line: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{name}{line}: is UTF-16; FHIR is UTF-8, save it so")
    try:
        return (raw[len(BOM) :] if raw.startswith(BOM) else raw).decode()
    except UnicodeDecodeError as fault:
        row = line or f", line {raw.count(10, 0, fault.start) + 1}"
        raise TableError(f"{name}{row}: byte {fault.start + 1} is no UTF-8, which FHIR is; save it so") from None


def _size(number: int) -> str:
    return next(f"{number / scale:.0f} {unit}" for scale, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1, "bytes"))
                if number >= scale)  # fmt: skip


