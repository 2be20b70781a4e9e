"""A chart as fields: `key: value` lines in a fixed order, where a value may run over several lines.

Offsets count characters of the file as it stands, so carriage returns inside a field stay where they are.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_left
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pipeline.delivery import Finding
from pipeline.schema import TableError

EMPTY = "NULL"
LARGEST_BYTES = 200_000    # a chart is about 2 kB; a hundred of them in one file are no chart
KEY = re.compile(r"^(\ufeff?[A-Za-z_][A-Za-z0-9_]{0,39}):(?: |(?=\r?$)|$)", re.MULTILINE)


class Key(NamedTuple):
    """What a field of the form is for."""

    name: str
    phase: str          # when in the visit what it tells was so: history, before arrival, arrival, after treatment
    quantity: str       # concept of a field that holds a number alone; "" elsewhere
    kind: str           # "prose" is searched for mentions; "number", "code" and "label" are not


class Field(NamedTuple):
    """One field that is not empty, and where its value stands in the file."""

    key: str
    start: int
    end: int


class Chart(NamedTuple):
    """The text of a chart file, its fields, and what was odd about its form."""

    name: str                       # of the file, without folder
    text: str
    fields: tuple[Field, ...]
    findings: tuple[Finding, ...] = ()

    def value(self, key: str) -> str:
        """The text of the field, "" where it is empty or missing."""
        return next((self.text[f.start : f.end] for f in self.fields if f.key == key), "")


@cache
def keys() -> dict[str, Key]:
    """The keys of the form, in the order in which it has them."""
    text = files("pipeline.charts").joinpath("keys.csv").read_text(encoding="utf-8")
    return {row["name"]: Key(**row) for row in csv.DictReader(text.splitlines())}


def read_chart(path: Path) -> Chart:
    """The chart in the file; raises `TableError` with a sentence where it is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as fault:
        raise TableError(f"{path.name}: cannot be read: {fault.strerror}") from None
    if len(raw) > LARGEST_BYTES:
        raise TableError(f"{path.name}: is larger than {LARGEST_BYTES:,} bytes; a chart is one short text file")
    if b"\0" in raw:
        raise TableError(f"{path.name}: holds zero bytes: not a text file, or text in UTF-16; save it as UTF-8")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise TableError(
            f"{path.name}: is not UTF-8 (byte 0x{raw[fault.start]:02x} in line {line}); "
            "save it as UTF-8, or convert it from Windows-1252"
        ) from None
    return parse_chart(text, path.name)


def parse_chart(text: str, name: str) -> Chart:
    """The fields of a chart's text; raises `TableError` where it has none of the form's keys.

    A line that starts with a word and a colon is a field if the form has that key and it stands where the order of
    the form allows it: "OBS: ..." or "A: ..." in a note stays prose. Keys that only look like ones of a form (small
    letters and an underscore) end the field before them and are told of.
    """
    form = {key: number for number, key in enumerate(keys())}
    lines = [(match.group(1).removeprefix("\ufeff"), match) for match in KEY.finditer(text)]
    candidates = [(key, match) for key, match in lines if key in form]
    if not candidates:
        raise TableError(f"{name}: has none of the fields of a chart, such as 'aktuellt: ...'")
    kept = set(_longest_rise([form[key] for key, _ in candidates]))
    known = [pair for number, pair in enumerate(candidates) if number in kept]
    stray = [pair for number, pair in enumerate(candidates) if number not in kept]
    foreign = [(key, match) for key, match in lines if key not in form and re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", key)]
    starts = sorted(known + foreign, key=lambda pair: pair[1].start())
    fields = []
    for number, (key, match) in enumerate(starts):
        end = starts[number + 1][1].start() if number + 1 < len(starts) else len(text)
        start, end = _trim(text, match.end(), end)
        if key in form and start < end and text[start:end] != EMPTY:
            fields.append(Field(key, start, end))
    return Chart(name, text, tuple(fields), tuple(_odd(name, text, {key for key, _ in known}, stray, foreign)))


def _longest_rise(numbers: list[int]) -> list[int]:
    """Positions of a longest strictly rising part of the sequence."""
    tails: list[int] = []         # smallest last number of a rise of each length
    positions: list[int] = []     # and where it stands
    before = [-1] * len(numbers)
    for position, number in enumerate(numbers):
        length = bisect_left(tails, number)
        before[position] = positions[length - 1] if length else -1
        tails[length:length + 1] = [number]
        positions[length:length + 1] = [position]
    rise, position = [], positions[-1]
    while position >= 0:
        rise.append(position)
        position = before[position]
    return rise[::-1]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


Marked = list[tuple[str, re.Match[str]]]


def _odd(name: str, text: str, seen: set[str], stray: Marked, foreign: Marked) -> list[Finding]:
    form = list(keys())
    found = []
    if absent := [key for key in form if key not in seen]:
        what = f"missing of the {len(form)} fields of the form: {', '.join(absent)}"
        if absent[-1] == form[-1]:
            what += "; the file may be cut off"
        found.append(Finding("field missing", "note", name, what, len(absent), f"{name}, {absent[0]}"))
    for marked, what in (
        (stray, "stands twice or out of order; it was read as text of the field before it"),
        (foreign, "is not of the form; it was not read"),
    ):
        for key in dict.fromkeys(key for key, _ in marked):
            first = next(match for other, match in marked if other == key)
            line = text.count("\n", 0, first.start()) + 1
            times = sum(other == key for other, _ in marked)
            found.append(
                Finding("field not known", "suspect", f"{name}, {key}", f"{key} {what}", times, f"{name}, line {line}")
            )
    return found
