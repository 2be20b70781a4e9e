"""What each command on data sets does: settings in, lines for a terminal out."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.imaging.card import CARD, Card, card_template, read_card
from pipeline.imaging.deliver import deliver
from pipeline.imaging.images import Image
from pipeline.imaging.intake import Watch, add, check, tell, unwatched
from pipeline.imaging.pdff import ERODE_MM, Pdff, measure
from pipeline.imaging.phantom import draw, invent, write_visit
from pipeline.imaging.quality import FLAGGED, as_findings, by_series, kinds, uses
from pipeline.imaging.versions import DRAFT, catalogue, compare, locate, release, verify
from pipeline.runs import RunError
from pipeline.schema import TableError

MOST_NAMES = 10      # files listed of each kind of change


def command_card(registry: Path, name: str) -> list[str]:
    """Write an empty card to fill in, or say what the one that is there lacks."""
    path = registry / name / CARD
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(card_template(), encoding="utf-8")
        return [f"{path}: an empty card; fill it in"]
    lacking = read_card(path).lacks()
    return [f"{path}: lacks {', '.join(lacking)}" if lacking else f"{path}: complete"]


def command_check(source: Path, use: str = "any", allow: Sequence[str] = (), watch: Watch = unwatched) -> list[str]:
    """What is wrong with a folder of images, without taking it in."""
    if use not in uses():
        raise RunError(f"--use {use} is not known; there are {', '.join(uses())}")
    _known(allow)
    images, faults = check(source, use, allow=allow, watch=watch)
    lines = [*tell(as_findings(faults, lambda path: path.relative_to(source).as_posix())), _counted(images)]
    refused = sum(len(fault.files) for fault in faults if kinds()[fault.kind].severity == "refused")
    return [*lines, f"{refused} file(s) would be refused" if refused else "nothing would be refused"]


def command_add(
    registry: Path,
    name: str,
    source: Path,
    card: Path | None,
    key: bytes,
    scope: str = "",
    allow: Sequence[str] = (),
    leave_out: bool = False,
    watch: Watch = unwatched,
) -> list[str]:
    """Take a folder of images into the draft of a data set."""
    _known(allow)
    added = add(
        registry, name, source, _card(registry, name, card), key,
        scope=scope, allow=allow, leave_out=leave_out, watch=watch,
    )  # fmt: skip
    counts = added.counts
    told = f"{counts.people} people, {counts.studies} studies, {counts.series} series, {counts.images} images"
    left = f", {added.left_out} files left out" if added.left_out else ""
    return [*tell(added.findings), f"{added.folder}: {told}{left}"]


def command_verify(registry: Path, name: str, version: str = "", watch: Watch = unwatched) -> list[str]:
    """Whether the files of a version are as they were; raises `TableError` that names each that is not."""
    folder = locate(registry, name, version)
    problems = verify(folder, watch=watch)
    if problems:
        raise TableError("\n".join([*problems, f"{folder}: not as it was: {len(problems)} problem(s)"]))
    return [f"{folder}: every file is as it was"]


def command_release(
    registry: Path, name: str, version: str = "", card: Path | None = None, watch: Watch = unwatched
) -> list[str]:
    """Turn the draft into a version."""
    folder = release(registry, name, _card(registry, name, card), version, watch=watch)
    return [f"{folder}: released"]


def command_diff(registry: Path, name: str, before: str, after: str) -> list[str]:
    """What changed from one version to another."""
    difference = compare(locate(registry, name, before), locate(registry, name, after))
    lines = []
    for what in ("added", "removed", "changed"):
        names = getattr(difference, what)
        lines += [f"{what}: {name}" for name in names[:MOST_NAMES]]
        lines += [f"{what}: {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    lines += [f"card: {field}" for field in difference.card]
    asks = f"asks for a {difference.step} version" if difference.step else "nothing changed"
    return [*lines, f"{name} {before} to {after}: {asks}"]


def command_list(registry: Path) -> list[str]:
    """The data sets of a registry."""
    listed = [
        f"{one.name}: {', '.join([*one.releases, *([DRAFT] if one.has_draft else [])])}: {one.title}"
        for one in catalogue(registry)
    ]
    return listed or [f"{registry}: no data set yet"]


def command_pdff(
    registry: Path,
    name: str,
    version: str = "",
    mask: Path | None = None,
    unit: str = "",
    erode_mm: float = ERODE_MM,
    purpose: str = "research",
    out: Path | None = None,
    watch: Watch = unwatched,
) -> list[str]:
    """Liver fat of everybody in a version, or of a folder with one fat-fraction series beside a `mask`."""
    if mask is not None:
        return _one(Path(name), mask, unit, erode_mm)
    folder = locate(registry, name, version)
    delivery = deliver(folder, purpose=purpose, unit=unit, erode_mm=erode_mm, watch=watch)
    table = delivery.readings.sort_values(["person_id", "at"])
    lines = [
        f"{row.person_id} {row.at:%Y-%m-%d}: {row.value:.1f} %" + (f" ({row.flag})" if row.flag else "")
        for row in table.itertuples()
    ]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = out.with_name(f".{out.name}.draft")
        table.to_csv(draft, index=False)
        draft.replace(out)
        lines.append(f"readings: {out}")
    return [*lines, *tell(delivery.findings), f"{folder}: {len(table)} reading(s) of liver fat"]


def command_phantom(
    folder: Path, people: int, visits: int, noise_points: float, seed: int, planted: bool = False
) -> list[str]:
    """Write made-up examinations with a known fat fraction, and a table of the truth beside them."""
    if folder.exists() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty; give another folder")
    examined = invent(people, visits, seed=seed)
    for number, visit in enumerate(examined, 1):
        volume = draw(visit.pdff_percent, noise_points=noise_points, seed=seed + number)
        write_visit(folder / "images" / f"{number:04d}", visit, volume, seed=seed, planted=planted)
        np.save(folder / f"mask_{number:04d}.npy", volume.liver)
    with (folder / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["examination", "patient", "day", "pdff_percent"])
        writer.writerows([n, v.patient, v.day, v.pdff_percent] for n, v in enumerate(examined, 1))
    return [f"{folder / 'images'}: {len(examined)} examination(s); the truth is in {folder / 'truth.csv'}"]


def _one(folder: Path, mask: Path, unit: str, erode_mm: float) -> list[str]:
    images, _ = check(folder, allow=FLAGGED)
    series = [group for group in by_series(images).values() if group[0].kind == "fat_fraction"]
    if len(series) != 1:
        raise TableError(f"{folder}: has {len(series)} fat-fraction series; give a folder with one")
    masks = sorted(mask.iterdir()) if mask.is_dir() else [mask]
    if not all(path.is_file() for path in masks):
        raise RunError(f"{mask}: no such mask")
    result = measure([image.path for image in series[0]], masks, unit=unit, erode_mm=erode_mm)
    faults = result.faults if isinstance(result, Pdff) else result
    told = tell(as_findings(faults, lambda path: path.name))
    if not isinstance(result, Pdff):
        raise TableError("\n".join([*told, f"{folder}: no liver fat can be told"]))
    quartiles = f"half of {result.voxels} voxels between {result.low_percent:.1f} and {result.high_percent:.1f} %"
    return [*told, f"{folder}: {result.percent:.1f} % ({quartiles}; mask of {result.millilitres:.0f} ml)"]


def _card(registry: Path, name: str, path: Path | None) -> Card:
    place = path or registry / name / CARD
    if not place.exists():
        raise RunError(f"{place}: no card; the command card writes an empty one")
    return read_card(place)


def _known(allow: Sequence[str]) -> None:
    for kind in allow:
        if kind not in FLAGGED:
            raise RunError(f"--allow {kind!r} is not known; there are {', '.join(FLAGGED)}")


def _counted(images: Sequence[Image]) -> str:
    people = len({image.patient for image in images})
    return f"{len(images)} image(s) of {people} patient number(s) in {len(by_series(images))} series"


def run_command(command: str, *, registry: Path, watch: Watch = unwatched, **given: Any) -> list[str]:
    """Run a command by its name; what it does not take of `registry` and `watch` it is not given."""
    function = COMMANDS[command]
    offered = {"registry": registry, "watch": watch} | given
    return function(**{name: offered[name] for name in inspect.signature(function).parameters if name in offered})


COMMANDS: dict[str, Callable[..., list[str]]] = {
    "list": command_list,
    "card": command_card,
    "check": command_check,
    "add": command_add,
    "verify": command_verify,
    "release": command_release,
    "diff": command_diff,
    "pdff": command_pdff,
    "phantom": command_phantom,
}
