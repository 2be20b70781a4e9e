"""A folder of charts: read one after the other, so that memory holds one text at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.charts.sections import Chart, read_chart
from pipeline.delivery import Finding
from pipeline.runs import RunError
from pipeline.schema import TableError

PATTERN = "*.txt"
MOST_FILES = 10_000


class Read(NamedTuple):
    """One file of a folder: its chart, or why there is none."""

    path: Path
    chart: Chart | None
    findings: tuple[Finding, ...]


def list_charts(folder: Path) -> list[Path]:
    """The chart files of the folder, in the order of numbers in their names; raises `RunError` where there are none."""
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; give one with a text file a chart")
    paths = sorted((path for path in folder.glob(PATTERN) if path.is_file()), key=_in_order)
    if not paths:
        raise RunError(f"{folder} holds no {PATTERN}: a chart is a text file of 'key: value' fields")
    if len(paths) > MOST_FILES:
        raise RunError(f"{folder} holds {len(paths):,} files; at most {MOST_FILES:,} are read at a time")
    return paths


def read_folder(paths: list[Path]) -> Iterator[Read]:
    """Every chart of the list; one that cannot be read comes with the reason."""
    for path in paths:
        try:
            chart = read_chart(path)
        except TableError as fault:
            what = str(fault).removeprefix(f"{path.name}: ")
            yield Read(path, None, (Finding("file not read", "refused", path.name, f"the file {what}", 1, path.name),))
        else:
            yield Read(path, chart, chart.findings)


def hash_folder(paths: list[Path]) -> str:
    """SHA-256 over the names and bytes of the files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _in_order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]{1,17})", path.stem)
    return [(int(part), "") if part[:1] in set("0123456789") else (-1, part) for part in parts]
