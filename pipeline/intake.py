"""Every kind of delivery that the library reads, in one place, and which kind a path holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from pipeline.delivery import Delivery
from pipeline.runs import RunError

T = TypeVar("T")


def _fhir(
    path: Path, *, delivered: date | str | None = None, identify_by: str = "id", progress: bool = False
) -> Delivery:
    from pipeline import records

    return records.read_fhir(path, delivered=delivered, identify_by=identify_by, progress=progress)


def _omop(
    path: Path, *, delivered: date | str | None = None, identify_by: str = "id", progress: bool = False
) -> Delivery:
    from pipeline import records

    return records.read_omop(path, delivered=delivered, identify_by=identify_by, progress=progress)


def _charts(path: Path, *, progress: bool = False) -> Delivery:
    from pipeline import charts

    return charts.deliver(path, progress=progress)


def _images(path: Path, *, progress: bool = False) -> Delivery:
    from pipeline import imaging

    def watch(items: Sequence[T], what: str) -> Iterable[T]:
        return tqdm(items, desc=what, disable=None if progress else True)

    return imaging.deliver(path, watch=watch)


# The packages are imported when they are used: each takes about a second. What a reader can be told beside the path
# are its keywords.
READERS: Mapping[str, Callable[..., Delivery]] = {
    "fhir": _fhir,         # R4: a bundle, ndjson, a folder of them
    "omop": _omop,         # CDM 5.4: DuckDB, Parquet or CSV
    "charts": _charts,     # Swedish emergency charts: a text file each
    "images": _images,     # a version of a data set of the imaging hub
}


def detect(path: Path) -> str:
    """The reader that fits a path; raises `RunError` if there is nothing."""
    from pipeline import records

    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
    if path.is_dir() and (path / "seal.sha256").exists():
        return "images"
    if records.is_omop(path):
        return "omop"
    return "charts" if path.is_dir() and any(path.glob("*.txt")) else "fhir"


def read(path: Path, kind: str | None = None, *, progress: bool = False, **options: Any) -> Delivery:
    """A delivery of any kind; options that are None were not given.

    Raises `RunError` for a kind that is not known, and for an option that the kind has not.
    """
    kind = detect(path) if kind is None else kind
    if kind not in READERS:
        raise RunError(f"kind is {kind!r}; allowed: {', '.join(READERS)}")
    if not path.exists():
        raise RunError(f"{path}: no such file or folder")
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in _options(kind):
            those = " and ".join(other for other in READERS if name in _options(other)) or "no kind of delivery"
            raise RunError(f"{name} is an option of {those}; {path} is read as {kind}, which does not have it")
    return READERS[kind](path, progress=progress, **given)


def _options(kind: str) -> set[str]:
    """What the reader of a kind can be told beside the path and whether to show how far it has come."""
    return set(inspect.signature(READERS[kind]).parameters) - {"path", "progress"}
