"""A folder of DICOM -> the draft of a data set: checked, de-identified, searched, and with the hash of every file.

The draft appears whole or not at all, and adding again replaces it: an interrupted intake is simply repeated. Where
something is refused, nothing is written, unless the refused files and series are to be left out.
"""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydicom.uid import UID

from pipeline.delivery import Finding
from pipeline.imaging.card import Card, Counts
from pipeline.imaging.deidentify import Clean, deidentify
from pipeline.imaging.files import Refusal, list_files, quiet, read_bytes, read_whole, value_bytes
from pipeline.imaging.images import Image, read_image, text
from pipeline.imaging.pixels import first_frame, looks_like_text, why_not_decoded
from pipeline.imaging.quality import Fault, as_findings, by_series, inspect, kinds
from pipeline.imaging.stand_ins import StandIns
from pipeline.imaging.versions import DRAFT, SERIES, finish_draft
from pipeline.runs import RunError, Stage, hash_file, stage
from pipeline.schema import TableError

T = TypeVar("T")
Watch = Callable[[Sequence[T], str], Iterable[T]]      # shows how far a long loop has come

SAMPLED = 5              # images of a series whose pixels are searched for marks
NAME = r"[a-z][a-z0-9_-]*"
MOST_TOLD = 20           # findings in one message


class Row(NamedTuple):
    """One series of a data set: a row of `series.csv`."""

    folder: str
    person: str
    study: str
    modality: str
    kind: str
    images: int
    frames: int
    study_date: str
    study_time: str
    sex: str
    age: str


class Added(NamedTuple):
    """What came of an intake."""

    folder: Path
    counts: Counts
    findings: tuple[Finding, ...]
    left_out: int            # files


def unwatched(items: Sequence[T], what: str) -> Iterable[T]:
    """A loop that nobody looks at."""
    return items


def check(
    source: Path, use: str = "any", *, allow: Sequence[str] = (), watch: Watch = unwatched
) -> tuple[list[Image], list[Fault]]:
    """The images of a folder and everything wrong with them; nothing is written."""
    if not source.is_dir():
        raise RunError(f"{source}: no such folder of images")
    paths = list_files(source)
    images, faults = [], []
    for number, path in enumerate(watch(paths, "reading"), 1):
        found = read_image(path, number)
        if isinstance(found, Refusal):
            faults.append(Fault(found.kind, (path,), found.seen))
        else:
            images.append(found)
    faults += inspect(images, use, allow=allow)
    if "text-like marks" not in allow:
        series = list(by_series(images).values())
        faults += [fault for group in watch(series, "looking for text") for fault in _marks(group)]
    return images, faults


def add(
    registry: Path,
    name: str,
    source: Path,
    card: Card,
    key: bytes,
    *,
    scope: str = "",
    allow: Sequence[str] = (),
    leave_out: bool = False,
    watch: Watch = unwatched,
) -> Added:
    """Take a folder into the draft of the data set `name`; `scope` (the name) is where pseudonyms stay the same.

    Raises `TableError` that lists what is refused, and writes nothing then; with `leave_out` the rest is taken.
    """
    if not re.fullmatch(NAME, name):
        raise RunError(f"{name!r} is no name of a data set: small letters, digits, - and _, a letter first")
    if registry.resolve() in (source.resolve(), *source.resolve().parents):
        raise RunError(f"{source} lies within {registry}: give the folder that the images come from")
    images, faults = check(source, card.intended_use, allow=allow, watch=watch)
    _refuse(faults, source, leave_out)
    out = {path for fault in faults if kinds()[fault.kind].severity == "refused" for path in fault.files}
    taken = [image for image in images if image.path not in out]
    if not taken:
        raise TableError(f"{source}: no image is left to take over")
    stand_ins = StandIns(key, scope or name)
    settings: dict[str, Any] = {"intended_use": card.intended_use, "allow": sorted(allow), "leave_out": leave_out}
    with stage(registry / name / DRAFT, config=settings) as running:
        try:
            rows, late = _write(running, taken, stand_ins, watch)
            _refuse(late, source, leave_out)
            failed = {path for fault in late for path in fault.files}
            kept = [image for image in taken if image.path not in failed]
            faults = _again([*faults, *late], images, kept, settings)
            counts = _count(rows, running.folder)
            if not rows:
                raise TableError(f"{source}: no image is left to take over")
        except BaseException:
            shutil.rmtree(running.folder)
            raise
        numbers = {path: number for number, path in enumerate(list_files(source), 1)}
        _table(running.path(SERIES), Row._fields, rows)
        anonymous = as_findings(faults, lambda path: f"file {numbers[path]} of the source")
        _table(running.path("findings.csv"), Finding._fields, anonymous)
        left_out = len(out | failed)
        running.note(counts=counts.model_dump(), files_left_out=left_out, source=_fingerprint(taken, stand_ins))
    finish_draft(registry / name / DRAFT, card.model_copy(update={"counts": counts}))
    findings = as_findings(faults, lambda path: path.relative_to(source).as_posix())
    return Added(registry / name / DRAFT, counts, findings, left_out)


def tell(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines; of many, the first and how many more."""
    listed = list(findings)
    lines = [
        f"{finding.severity}: {finding.place} {finding.what}"
        + (f" ({finding.times} times, first {finding.example})" if finding.times > 1 else "")
        for finding in listed[:MOST_TOLD]
    ]
    more = len(listed) - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def _refuse(faults: Sequence[Fault], source: Path, leave_out: bool) -> None:
    refused = [fault for fault in faults if kinds()[fault.kind].severity == "refused"]
    if refused and not leave_out:
        told = tell(as_findings(refused, lambda path: path.relative_to(source).as_posix()))
        raise TableError("\n".join([*told, f"{source}: nothing was taken over; mend it, or leave these files out"]))


def _again(faults: Sequence[Fault], images: Sequence[Image], kept: Sequence[Image], settings: Any) -> list[Fault]:
    """The faults after some images were left out: what was refused, what is no image, what is wrong with the rest."""
    paths = {image.path for image in images}
    stays = [f for f in faults if kinds()[f.kind].severity == "refused" or paths.isdisjoint(f.files)]
    return stays + inspect(kept, settings["intended_use"], allow=settings["allow"])


def _marks(group: list[Image]) -> list[Fault]:
    """Whether half of some images of a series seem to bear text: what is burned in, is burned into all."""
    if group[0].modality == "SEG":
        return []
    chosen = {int(place) for place in np.linspace(0, len(group) - 1, SAMPLED)}
    seen = []
    for place in sorted(chosen):
        dataset = read_whole(group[place].path)
        frame = None if isinstance(dataset, Refusal) else first_frame(dataset)
        if frame is not None:
            seen.append(looks_like_text(frame))
    return [Fault("text-like marks", tuple(image.path for image in group))] if 2 * sum(seen) > len(seen) else []


def _write(
    running: Stage, images: Sequence[Image], stand_ins: StandIns, watch: Watch
) -> tuple[list[Row], list[Fault]]:
    """Write every image that comes through; the series there are now, and what was refused on the way."""
    rows: dict[str, Row] = {}
    faults = []
    for image in watch(images, "de-identifying"):
        clean = _clean(image, stand_ins)
        if isinstance(clean, Refusal):
            faults.append(Fault(clean.kind, (image.path,), clean.seen))
            continue
        folder, name = _place(clean)
        path = running.path(f"{folder}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clean.data)
        before = rows.get(folder)
        rows[folder] = (
            _row(folder, clean, image)
            if before is None
            else before._replace(images=before.images + 1, frames=before.frames + image.frames)
        )
    return [rows[folder] for folder in sorted(rows)], faults


def _clean(image: Image, stand_ins: StandIns) -> Clean | Refusal:
    dataset = read_whole(image.path)
    if isinstance(dataset, Refusal):
        return dataset
    if UID(image.syntax).is_compressed and (why := why_not_decoded(dataset)):
        return Refusal("pixels not decoded", why)
    before = hashlib.sha256(value_bytes(dataset)).digest()
    clean = deidentify(dataset, stand_ins)
    if isinstance(clean, Clean) and hashlib.sha256(value_bytes(read_bytes(clean.data))).digest() != before:
        return Refusal("corrupt", "its pixels do not survive being written again")
    return clean


def _place(clean: Clean) -> tuple[str, str]:
    """Folder and name of a file: by its person and by its numbers, so that they are the same in every version."""
    study, series, instance = (_short(uid) for uid in (clean.study, clean.series, clean.instance))
    return f"dicom/{clean.pseudonym}/study-{study}/series-{series}", f"{instance}.dcm"


def _short(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:12]


@quiet()
def _row(folder: str, clean: Clean, image: Image) -> Row:
    dataset = read_bytes(clean.data)
    told = [text(dataset, name) for name in ("Modality", "StudyDate", "StudyTime", "PatientSex", "PatientAge")]
    return Row(folder, clean.pseudonym, _short(clean.study), told[0], image.kind, 1, image.frames, *told[1:])


def _count(rows: Sequence[Row], folder: Path) -> Counts:
    files = [path for path in folder.rglob("*.dcm") if path.is_file()]
    return Counts(
        people=len({row.person for row in rows}),
        studies=len({(row.person, row.study) for row in rows}),
        series=len(rows),
        images=sum(row.images for row in rows),
        bytes=sum(path.stat().st_size for path in files),
    )


def _fingerprint(images: Sequence[Image], stand_ins: StandIns) -> str:
    """One code of all files taken, by which the holder of the key can tell whether they were these."""
    digest = hashlib.sha256("".join(sorted(hash_file(image.path) for image in images)).encode())
    return stand_ins.fingerprint(digest.hexdigest())


def _table(path: Path, fields: Sequence[str], rows: Iterable[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(rows)
