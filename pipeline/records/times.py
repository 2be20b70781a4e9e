"""Dates and times of records as seconds of UTC, and how precisely they are known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np

DAY_S = 86_400
# What a flag says of a reading whose date is known to less than a day; the reading stands at the start of the period.
PARTIAL = {4: "date known to the year", 7: "date known to the month"}
NEVER = np.iinfo(np.int64).min     # is NaT as datetime64


class Moment(NamedTuple):
    """A point in time, the start of what was written."""

    seconds: int      # since 1970 in UTC; NEVER where nothing was written
    partial: str      # a text of PARTIAL, or ""


NOTHING = Moment(NEVER, "")


def moment(text: str) -> Moment:
    """A date, partial date or instant of FHIR; one without a time stands at midnight UTC."""
    if not text:
        return NOTHING
    if len(text) <= 10:
        filled = text + "0001-01-01"[len(text) :]
        return Moment(_seconds(datetime.fromisoformat(filled)), PARTIAL.get(len(text), ""))
    head, tail = text[:19], text[19:].lstrip(".0123456789")      # seconds suffice; fractions are cut
    leap = head.endswith(":60")
    point = datetime.fromisoformat((head[:-2] + "59" if leap else head) + tail)
    return Moment(_seconds(point) + leap, "")


def written(seconds: int, flag: str = "") -> str:
    """The FHIR text that `moment` reads back: an instant, or the part of the date that the flag says is known."""
    point = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
    text = f"{point:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")
    for length, words in PARTIAL.items():
        if words in flag.split("; "):
            return text[:length]
    return text


def day(value: date | str) -> int:
    """Seconds of the start of a day, given as a date or YYYY-MM-DD."""
    return _seconds(datetime.fromisoformat(str(value)[:10]))


def stamps(seconds: np.ndarray) -> np.ndarray:
    """Seconds as datetime64[s], NEVER as missing."""
    return seconds.astype("int64").view("datetime64[s]")


def _seconds(point: datetime) -> int:
    whole = point if point.tzinfo else point.replace(tzinfo=UTC)
    return int((whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
