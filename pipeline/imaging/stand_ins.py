"""What stands for a person, an instance and a day: the same each time for the same secret key, and never undone.

Days of one person move together by one to ten years back, so that the days between them stay. Times of day turn by up
to five hours back, once around the clock: the seconds between two times stay unless the hour at which the turn starts
(between midnight and five) lies between them.
"""

from __future__ import annotations

import hmac
import re
import uuid
from datetime import date, timedelta
from typing import NamedTuple

from pydicom.uid import UID_dictionary

from pipeline.pseudonym import pseudonym

LEAST_DAYS, MOST_DAYS = 365, 3652
MOST_SECONDS = 5 * 3600
DAY_S = 86_400
OLDEST_YEARS = 89          # older people are few enough to be known: they are all "090Y"


class StandIns(NamedTuple):
    """The secret key, and the scope within which one person keeps one pseudonym."""

    key: bytes
    scope: str

    def person(self, patient: str) -> str:
        """The pseudonym of a patient number."""
        return pseudonym(self.key, self.scope, patient)

    def uid(self, original: str) -> str:
        """The number that stands for an instance; those that the standard gives to all stay."""
        if original in UID_dictionary:
            return original
        return f"2.25.{uuid.UUID(bytes=self._derived('uid', original)[:16], version=5).int}"

    def days(self, patient: str) -> int:
        """By how many days the dates of a person move back."""
        return LEAST_DAYS + int.from_bytes(self._derived("days", patient)[:8]) % (MOST_DAYS - LEAST_DAYS + 1)

    def seconds(self, patient: str) -> int:
        """By how many seconds the times of a person turn back; at least one."""
        return 1 + int.from_bytes(self._derived("seconds", patient)[:8]) % MOST_SECONDS

    def fingerprint(self, digest: str) -> str:
        """A code of a file's hash, by which only who has the key can tell whether it is a given file."""
        return self._derived("file", digest).hex()

    def _derived(self, what: str, of: str) -> bytes:
        return hmac.digest(self.key, "\0".join(("imaging", what, self.scope, of)).encode(), "sha256")


def move_date(text: str, days: int) -> str | None:
    """A date of DICOM (also with points, as of old) moved back; None if it is none.

    >>> move_date("20240301", 1), move_date("2024.03.01", 366), move_date("soon", 1)
    ('20240229', '20230301', None)
    """
    found = re.fullmatch(r"(\d{4})([.-]?)(\d\d)\2(\d\d)", text.strip())
    if found is None:
        return None
    try:
        moved = date(int(found[1]), int(found[3]), int(found[4])) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}" if moved.year >= 1000 else None


def turn_time(text: str, seconds: int) -> str | None:
    """A time of DICOM turned back around the clock, to the parts of a second that it had; None if it is none.

    >>> turn_time("120000.25", 60), turn_time("0000", 60), turn_time("12", 60), turn_time("Anna", 60)
    ('115900.25', '2359', '11', None)
    """
    found = re.fullmatch(r"(\d\d):?(?:(\d\d):?(?:(\d\d)(\.\d{1,6})?)?)?", text.strip())
    if found is None:
        return None
    hours, minutes, whole = (int(part or 0) for part in found.groups()[:3])
    if hours > 23 or minutes > 59 or whole > 60:
        return None
    turned = (3600 * hours + 60 * minutes + whole - seconds) % DAY_S
    written = f"{turned // 3600:02d}{turned // 60 % 60:02d}{turned % 60:02d}"
    return written[: 2 * sum(part is not None for part in found.groups()[:3])] + (found[4] or "")


def move_moment(text: str, days: int, seconds: int) -> str | None:
    """A date and time of DICOM, as precise as it was; None if it is none, or has no day to count days from.

    >>> move_moment("20240301120000.5+0100", 1, 60), move_moment("2024", 1, 60)
    ('20240229115900.5+0100', None)
    """
    found = re.fullmatch(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?", text.strip())
    if found is None:
        return None
    moved, time = move_date(found[1], days), turn_time(found[2], seconds) if found[2] else ""
    return None if moved is None or time is None else f"{moved}{time}{found[3] or ''}"


def cap_age(text: str) -> str | None:
    """An age of DICOM; over 89 years it is 90; None if it is none.

    >>> cap_age("045Y"), cap_age("094Y"), cap_age("010M"), cap_age("old")
    ('045Y', '090Y', '010M', None)
    """
    found = re.fullmatch(r"(\d{3})([DWMY])", text.strip())
    if found is None:
        return None
    years = int(found[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[found[2]]
    return f"{OLDEST_YEARS + 1:03d}Y" if years > OLDEST_YEARS else text.strip()
