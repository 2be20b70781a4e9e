"""Every kind of delivery that the library reads, in one place, and which kind a path holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.delivery import Delivery
from pipeline.runs import RunError


def _fhir(path: Path, **options: Any) -> Delivery:
    from pipeline import records

    return records.read_fhir(path, **options)


def _omop(path: Path, **options: Any) -> Delivery:
    from pipeline import records

    return records.read_omop(path, **options)


def _charts(path: Path) -> Delivery:
    from pipeline import charts

    return charts.deliver(path)


def _images(path: Path) -> Delivery:
    from pipeline import imaging

    return imaging.deliver(path)


# The packages are imported when they are used: each takes about a second.
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
