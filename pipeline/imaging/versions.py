"""Versions of a data set on disk: a draft, and releases that nobody changes any more.

`REGISTRY/NAME/` holds `draft/` and `1.0.0/`, `1.1.0/` and so on. In each, `manifest.json` has the hash of every file
and where they came from, `card.json` says what it is, and `seal.sha256` has the hashes of these few, so that a change
of one byte anywhere is found.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.imaging.card import Card, as_json, differences, from_json
from pipeline.runs import RunError, hash_file, locked

DRAFT = "draft"
SERIES = "series.csv"
CARD, RELEASE, SEAL, MANIFEST = "card.json", "release.json", "seal.sha256", "manifest.json"
SEALED = (MANIFEST, "outputs.sha256", CARD, RELEASE)
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# Fields of the card whose change concerns whoever uses an earlier version.
TERMS = {"licence", "purposes", "ethics.number", "ethics.authority"}
STEPS = ("patch", "minor", "major")


class Difference(NamedTuple):
    """What changed from one version to another."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    card: tuple[str, ...]        # fields
    step: str                    # the least that a version number must rise: patch, minor, major; "" for no change


class Listed(NamedTuple):
    """One data set of a registry."""

    name: str
    title: str
    releases: tuple[str, ...]
    has_draft: bool


def catalogue(registry: Path) -> list[Listed]:
    """The data sets of a registry, by name."""
    found = []
    for folder in sorted(registry.iterdir() if registry.is_dir() else ()):
        there = [*releases(folder)]
        has_draft = (folder / DRAFT / MANIFEST).exists()
        if not there and not has_draft:
            continue
        newest = folder / (there[-1] if there else DRAFT) / CARD
        title = from_json(newest.read_text(encoding="utf-8")).title if newest.exists() else ""
        found.append(Listed(folder.name, title, tuple(there), has_draft))
    return found


def releases(folder: Path) -> list[str]:
    """The released versions of a data set, oldest first."""
    names = (path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return sorted((name for name in names if VERSION.fullmatch(name)), key=_numbers)


def locate(registry: Path, name: str, version: str = "") -> Path:
    """The folder of a version; the newest release, else the draft, where none is named. Raises `RunError`."""
    folder = registry / name
    there = [*releases(folder), *([DRAFT] if (folder / DRAFT).is_dir() else [])]
    if not there:
        known = ", ".join(listed.name for listed in catalogue(registry)) or "none yet"
        raise RunError(f"{registry}: no data set {name}; there are {known}")
    newest = (releases(folder) or [DRAFT])[-1]
    if version and version not in there:
        raise RunError(f"{name}: no version {version}; there are {', '.join(there)}")
    return folder / (version or newest)


def finish_draft(draft: Path, card: Card) -> None:
    """Put the card beside the files of a new draft, and seal both."""
    _replace(draft / CARD, as_json(card))
    _seal(draft)


def read_card_of(folder: Path) -> Card:
    """The card of a version."""
    path = folder / CARD
    if not path.exists():
        raise RunError(f"{path} is missing: add the data set again")
    return from_json(path.read_text(encoding="utf-8"))


def verify(
    folder: Path, *, watch: Callable[[Sequence[Any], str], Iterable[Any]] = lambda items, _: items, card: bool = True
) -> list[str]:
    """Every difference between the files of a version and their hashes, one line each; none if it is as it was.

    Without `card` the card may be another: one that is about to be replaced.
    """
    problems = [f"{name}: {what}" for name, what in _broken_seals(folder) if card or name not in (CARD, RELEASE)]
    try:
        outputs = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return [*problems, f"{MANIFEST}: cannot be read, so that no other file can be checked"]
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    for name in watch(sorted(outputs), "verifying"):
        path = present.pop(name, None)
        if path is None:
            problems.append(f"{name}: missing")
        elif path.is_symlink() or hash_file(path) != outputs[name]:
            problems.append(f"{name}: changed")
    extra = sorted(set(present) - {*SEALED, SEAL})
    problems += [f"{name}: extra, in no manifest" for name in extra]
    if VERSION.fullmatch(folder.name) and any(path.stat().st_mode & 0o222 for path in folder.rglob("*")):
        problems.append(f"{folder.name}: a release that can be written to; chmod -R a-w it")
    return problems


def compare(before: Path, after: Path, card_after: Card | None = None) -> Difference:
    """What changed between two versions, and by how much a version number must rise at least.

    `card_after` is the card that the later one is about to get.
    """
    one, other = _outputs(before), _outputs(after)
    images = {name for name in (*one, *other) if name.startswith("dicom/")}
    added = sorted(name for name in images if name not in one)
    removed = sorted(name for name in images if name not in other)
    changed = sorted(name for name in images if name in one and name in other and one[name] != other[name])
    card = differences(read_card_of(before), card_after or read_card_of(after))
    derived = {name: digest for name, digest in one.items() if name not in images} != {
        name: digest for name, digest in other.items() if name not in images
    }
    if removed or changed or TERMS & set(card):
        step = "major"
    elif added:
        step = "minor"
    else:
        step = "patch" if card or derived else ""
    return Difference(tuple(added), tuple(removed), tuple(changed), tuple(card), step)


def release(
    registry: Path,
    name: str,
    card: Card,
    version: str = "",
    *,
    watch: Callable[[Sequence[Any], str], Iterable[Any]] = lambda items, _: items,
) -> Path:
    """Turn the draft into a version that stays; the folder of it. Raises `RunError` that lists what stands against it.

    The number is the next that the changes ask for, or `version`, which may be no smaller.
    """
    draft = locate(registry, name, DRAFT)
    with locked(draft.parent):
        reasons = [f"the card lacks {', '.join(lacking)}"] if (lacking := card.lacks()) else []
        reasons += verify(draft, watch=watch, card=False)
        if reasons:
            raise RunError("\n".join([*(f"{name}: {reason}" for reason in reasons), f"{name}: not released"]))
        counts = json.loads((draft / MANIFEST).read_text(encoding="utf-8"))["facts"]["counts"]
        card = Card.model_validate(card.model_dump() | {"counts": counts})
        earlier = releases(draft.parent)
        step = compare(draft.parent / earlier[-1], draft, card).step if earlier else "first"
        number = _next(earlier, step, version, name)
        told = {
            "name": name,
            "version": number,
            "before": earlier[-1] if earlier else None,
            "step": step,
            "released": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        _replace(draft / CARD, as_json(card))
        _replace(draft / RELEASE, json.dumps(told, indent=1) + "\n")
        _seal(draft)
        target = draft.rename(draft.parent / number)
        for path in [*target.rglob("*"), target]:
            path.chmod(0o555 if path.is_dir() else 0o444)
    return target


def _next(earlier: Sequence[str], step: str, wanted: str, name: str) -> str:
    if not earlier:
        least = "1.0.0"
    elif not step:
        raise RunError(f"{name}: nothing changed since {earlier[-1]}; not released")
    else:
        parts = list(_numbers(earlier[-1]))
        place = 2 - STEPS.index(step)
        least = ".".join(map(str, [*parts[:place], parts[place] + 1, *[0] * (2 - place)]))
    if not wanted:
        return least
    if not VERSION.fullmatch(wanted):
        raise RunError(f"{name}: {wanted!r} is no version number; write it as 1.0.0")
    if _numbers(wanted) < _numbers(least):
        raise RunError(f"{name}: {wanted} is too small: the changes since {earlier[-1]} ({step}) ask for {least}"
                       if earlier else f"{name}: {wanted} is too small: the first release is 1.0.0 or later")
    return wanted


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _outputs(folder: Path) -> dict[str, str]:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["outputs"]
    except (OSError, ValueError, KeyError):
        raise RunError(f"{folder / MANIFEST}: cannot be read; verify tells more") from None


def _seal(folder: Path) -> None:
    lines = (f"{hash_file(folder / name)}  {name}\n" for name in SEALED if (folder / name).exists())
    _replace(folder / SEAL, "".join(lines))


def _broken_seals(folder: Path) -> list[tuple[str, str]]:
    try:
        lines = (folder / SEAL).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return [(SEAL, "missing or broken: add the data set again")]
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    broken = [(name, "not sealed") for name in SEALED if (folder / name).exists() and name not in told]
    for name, digest in told.items():
        path = folder / name
        if name not in SEALED:
            broken.append((SEAL, "broken"))
        elif not path.is_file():
            broken.append((name, "missing"))
        elif hash_file(path) != digest:
            broken.append((name, "changed, or its seal"))
    return broken


def _replace(path: Path, content: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(content, encoding="utf-8")
    draft.replace(path)
