"""What identifies the person of a file: names, numbers, dates and instance numbers, and whether a text holds them.

A part of a name that is a word of the vocabulary (Head, Young) is not searched alone, nor one of fewer than three
letters, nor a number of fewer than five digits or four letters and digits: they stand everywhere by chance.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, NamedTuple

from pydicom.uid import UID_dictionary

from pipeline.imaging.vocabulary import WORD, fold, vocabulary

NAME = 3             # letters of the shortest part of a name that is searched
INSIDE = 4           # letters from which on it is also searched inside other words
DIGITS = 5           # of the shortest number that is searched
CODE = 4             # letters and digits of the shortest code
PIXEL_BYTES = 8      # shortest text that is searched among pixels, where shorter ones stand by chance
AT_ONCE = 1 << 20    # bytes of pixels searched
JOINED = re.compile(r"(?<=\d)[\s/:().+-]+(?=\d)")
RUN = re.compile(r"(?<![\d.])\d+(?![\d.]*\d)")


class Identity(NamedTuple):
    """Strings that must not be found afterwards, folded."""

    words: frozenset[str]         # parts of names of people and places
    numbers: frozenset[str]       # of digits only
    codes: frozenset[str]         # of letters and digits, without signs
    dates: frozenset[str]         # YYYYMMDD
    uids: frozenset[str]

    def __or__(self, other: object) -> Identity:
        if not isinstance(other, Identity):
            return NotImplemented
        return Identity(*(mine | theirs for mine, theirs in zip(self, other, strict=True)))


NOBODY = Identity(*[frozenset()] * 5)


def of_name(text: str) -> Identity:
    """A name of a person or a place."""
    words = (word for word in WORD.findall(fold(text)) if len(word) >= NAME and word not in vocabulary())
    return NOBODY._replace(words=frozenset(words)) | _of_digits(text)


def of_code(text: str) -> Identity:
    """A number or code that somebody was given."""
    bare = fold(text).replace(" ", "")
    if bare.isdigit():
        return _of_digits(text)
    if len(bare) < CODE:
        return NOBODY
    if bare.isalpha():
        return of_name(text)
    return NOBODY._replace(codes=frozenset({bare})) | of_name(text)


def of_date(text: str) -> Identity:
    """A date or a moment as DICOM writes it."""
    found = re.match(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)", text)
    return NOBODY._replace(dates=frozenset({"".join(found.groups())})) if found else NOBODY


def of_uid(text: str) -> Identity:
    """The number of an instance; those that the standard gives to all are nobody's."""
    return NOBODY if text in UID_dictionary or len(text) < PIXEL_BYTES else NOBODY._replace(uids=frozenset({text}))


def holds(text: str, identity: Identity, least: int = NAME) -> str:
    """What of an identity a text holds: "name", "number", "code", "date", "uid", or "" for nothing.

    `least` is the length from which on parts of names are searched, for texts of random letters.
    """
    folded = fold(text)
    words = [word for word in WORD.findall(folded) if len(word) >= NAME and word not in vocabulary()]
    for name in identity.words:
        if len(name) >= least and any(name == word or (len(name) >= INSIDE and name in word) for word in words):
            return "name"
    joined = JOINED.sub("", text)
    runs = set(RUN.findall(joined)) | set(RUN.findall(text)) if re.search(r"\d", text) else set()
    if not runs.isdisjoint(identity.numbers):
        return "number"
    if identity.dates and _has_date(text, runs, identity.dates):
        return "date"
    bare = folded.replace(" ", "")
    if any(code in bare for code in identity.codes):
        return "code"
    return "uid" if any(uid in text for uid in identity.uids) else ""


def stands_in(data: bytes, identity: Identity) -> bool:
    """Whether pixels hold a long name, number, code or instance number as plain text in any usual encoding."""
    texts = (*identity.words, *identity.numbers, *identity.codes, *identity.uids)
    patterns = {text.encode(coding) for text in texts for coding in ("utf-8", "utf-16-le", "utf-16-be")}
    searched = [pattern for pattern in patterns if len(pattern) >= PIXEL_BYTES]
    overlap = max(map(len, searched), default=0)
    for start in range(0, len(data), AT_ONCE):      # in parts, because each is copied
        part = data[start : start + AT_ONCE + overlap].lower()
        if any(pattern in part for pattern in searched):
            return True
    return False


def is_date(digits: str) -> bool:
    """Whether eight digits are a day of the last or this century.

    >>> is_date("19500131"), is_date("19500132"), is_date("37000000")
    (True, False, False)
    """
    try:
        return 1880 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


def is_person_number(digits: str) -> bool:
    """Whether digits are a Swedish personal number: a date of birth and a check digit.

    >>> is_person_number("191212121212"), is_person_number("1212121212"), is_person_number("1212121213")
    (True, True, False)
    """
    if not re.fullmatch(r"(\d\d)?\d{10}", digits):
        return False
    last = digits[-10:]
    day = int(last[4:6])
    try:
        date(2000, int(last[2:4]), day - 60 if day > 60 else day)      # 60 is added to the day of a coordination number
    except ValueError:
        return False
    products = (int(digit) * (2 - place % 2) for place, digit in enumerate(last))
    return sum(product // 10 + product % 10 for product in products) % 10 == 0


def _of_digits(text: str) -> Identity:
    found = {run for run in RUN.findall(JOINED.sub("", text)) if len(run) >= DIGITS}
    shorter = {run[2:] for run in found if len(run) == 12 and run[:2] in {"18", "19", "20"}}      # without century
    return NOBODY._replace(numbers=frozenset(found | shorter))


def _has_date(text: str, runs: set[str], dates: frozenset[str]) -> bool:
    if any(run[:8] in dates for run in runs if len(run) in (8, 12, 14)):
        return True
    for parts in re.findall(r"(?<!\d)(\d{1,4})[\s./-]+(\d{1,2})[\s./-]+(\d{1,4})(?!\d)", text):
        first, second, third = parts
        orders = ((first, second, third), (third, second, first), (third, first, second))
        if any(len(year) == 4 and f"{year}{month:0>2}{day:0>2}" in dates for year, month, day in orders):
            return True
    return False


def value_texts(value: Any) -> list[str]:
    """The values of an element as texts; numbers as people write them."""
    values = value if hasattr(value, "append") else [value]
    return [_as_text(part) for part in values if part is not None and not isinstance(part, bytes)]


def _as_text(part: Any) -> str:
    if written := getattr(part, "original_string", None):      # of a number that stands as text in the file
        return str(written).strip()
    if isinstance(part, float) and part.is_integer() and abs(part) < 1e15:
        return str(int(part))
    return str(part)
