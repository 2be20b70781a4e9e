"""Prose as words, numbers and marks, and where sentences end."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.charts.tables import words

# A number with its decimals, a run of letters, or one mark; "DM2" is a word and a number, "80kg" a number and a word.
PIECES = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+|\r?\n|[^\w\s]|_")
ENDS = {"!", "?", ";", "\n", "\r\n"}
LONGEST = 200    # tokens of a sentence; the work grows with the square, and nobody writes longer ones


class Token(NamedTuple):
    """A piece of prose and where it stands."""

    text: str
    low: str         # in small letters
    start: int
    end: int
    number: bool
    sentence: int    # of its field, from 0


def tokenize(text: str, start: int, end: int) -> list[Token]:
    """The pieces of text[start:end]; the mark that ends a sentence belongs to it."""
    found = list(PIECES.finditer(text, start, end))
    tokens, sentence, length = [], 0, 0
    for place, match in enumerate(found):
        piece = match.group()
        low = piece.lower()
        # "İ" grows in small letters, where no length would fit the text any more.
        low = low if len(low) == len(piece) else piece
        tokens.append(Token(piece, low, match.start(), match.end(), piece[0].isdecimal(), sentence))
        length += 1
        if piece in ENDS or (piece == "." and _ends(found, place)) or length == LONGEST:
            sentence, length = sentence + 1, 0
    return tokens


def _ends(found: list[re.Match[str]], place: int) -> bool:
    """Whether the full stop ends a sentence: not in "t.ex." or "u.a.", not after "ca." or "ev."."""
    if place == 0:
        return False
    before = found[place - 1].group().lower()
    if place + 1 == len(found):
        return True
    after = found[place + 1]
    adjacent = after.start() == found[place].end()
    if len(before) <= 2 and before.isalpha() and adjacent and len(after.group()) <= 2 and after.group().islower():
        return False
    if before in words("abbreviation") and not after.group()[0].isupper():
        return False
    return before not in words("abbreviation before a name")


def sentences(tokens: list[Token]) -> list[tuple[int, int]]:
    """Where each sentence starts and ends in the tokens."""
    bounds, first = [], 0
    for place in range(1, len(tokens) + 1):
        if place == len(tokens) or tokens[place].sentence != tokens[first].sentence:
            bounds.append((first, place))
            first = place
    return bounds
