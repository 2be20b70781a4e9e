"""Numbers in prose: with a decimal comma, as ranges and series, in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pipeline.charts.tables import rows
from pipeline.charts.tokens import Token

DASHES = {"-", "–", "−"}
BELOW, ABOVE = {"<", "≤", "under", "mindre"}, {">", "≥", "över", "mer", "överstigande"}
LONGEST_SERIES = 10
LARGEST_DIGITS = 9     # a longer row of digits is an identity number or a date


class Number(NamedTuple):
    """A number as written: its value, "a-b" for a range, the first of a series; and where it ends in the tokens."""

    value: float | str
    comparator: str
    first: int
    last: int


def read_number(tokens: Sequence[Token], place: int, last: int, *, signed: bool = False) -> Number | None:
    """The number that starts at token `place`, None where none does.

    Two numbers with a dash are a range if they rise, three or more a series, of which the first counts.
    """
    comparator, at = _comparator(tokens, place, last)
    sign = 1.0
    if signed and at + 1 < last and tokens[at].text in DASHES | {"+"} and tokens[at].end == tokens[at + 1].start:
        sign, at = (-1.0 if tokens[at].text in DASHES else 1.0), at + 1
    one = _plain(tokens, at, last)
    if one is None:
        return None
    value, end = one
    numbers = [value]
    while len(numbers) < LONGEST_SERIES and (following := _next_of_series(tokens, end, last)) is not None:
        value, end = following
        numbers.append(value)
    first = sign * numbers[0]
    if len(numbers) == 2 and numbers[0] < numbers[1]:
        return Number(f"{first:g}-{numbers[1]:g}", comparator, place, end)
    return Number(first, comparator, place, end)


def in_words(word: str) -> float | None:
    """The number that a word is, None where it is none.

    >>> in_words("trettioåtta"), in_words("hundratjugo"), in_words("ettusen")
    (38.0, 120.0, None)
    """
    known = _known()
    if word in known:
        return known[word]
    head, hundred, tail = word.partition("hundra")
    if hundred:
        hundreds, rest = (known.get(head, 0.0) if head else 1.0), (in_words(tail) if tail else 0.0)
        return None if not 1 <= hundreds < 10 or rest is None or rest >= 100 else 100 * hundreds + rest
    for ten, value in known.items():
        if value >= 20 and value < 100 and word.startswith(ten) and known.get(word[len(ten) :], 10) < 10:
            return value + known[word[len(ten) :]]
    return None


def _comparator(tokens: Sequence[Token], place: int, last: int) -> tuple[str, int]:
    if place >= last:
        return "", place
    low, after = tokens[place].low, place + 1
    if low in BELOW | ABOVE:
        if after < last and tokens[after].low in {"än", "="}:
            after += 1
        return ("<" if low in BELOW else ">"), after
    return "", place


def _plain(tokens: Sequence[Token], place: int, last: int) -> tuple[float, int] | None:
    if place >= last:
        return None
    token = tokens[place]
    if token.number and token.text[0] in "0123456789" and token.text.isascii():
        if len(token.text) > LARGEST_DIGITS:
            return None
        return float(token.text.replace(",", ".")), place + 1
    value = in_words(token.low) if len(token.low) < 30 else None
    return None if value is None else (value, place + 1)


def _next_of_series(tokens: Sequence[Token], place: int, last: int) -> tuple[float, int] | None:
    """The number after a dash or an arrow, with which a range or series goes on."""
    at = place
    while at < last and at - place < 2 and tokens[at].text in DASHES | {">", "→", "="}:
        at += 1
    marks = "".join(token.text for token in tokens[place:at])
    if marks in {"-", "–", "−", "->", "–>", "→", "=>"} and at < last and tokens[at].number:
        return _plain(tokens, at, last)
    return None


@cache
def _known() -> dict[str, float]:
    return {row["word"]: float(row["value"]) for row in rows("numbers")}
