"""Conditions, symptoms and drugs that are named in prose, from the lexicon in `terms.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pipeline.charts.lexicon import spelling
from pipeline.charts.patterns import Match, Matcher, longest
from pipeline.charts.tables import rows, words
from pipeline.charts.tokens import Token

DRUG = "medication"    # whose neighbour behind a hyphen is another one: Morfin-Atropin
SOCIAL = "socialt"     # where words in capitals are services, such as SHT, and no diseases


class Term(NamedTuple):
    """A row of `terms.csv`."""

    kind: str
    concept: str
    sections: frozenset[str]     # fields in which it counts, with "!" those in which it does not; all where empty
    reading: str                 # negated, none, or "" for what the sentence says
    needs: str                   # a list of which the sentence must have a word, with "!" none


class Mention(NamedTuple):
    """A concept named by the tokens first to last."""

    kind: str
    concept: str
    reading: str
    first: int
    last: int


def find_mentions(tokens: Sequence[Token], first: int, last: int, section: str) -> list[Mention]:
    """Every mention among the tokens of a sentence, in order; of one concept none inside another."""
    by_concept: dict[str, list[Match[Term]]] = {}
    there = {token.low for token in tokens[first:last]}
    for match in _terms().find(tokens, first, last):
        named = section == SOCIAL and all(token.text.isupper() for token in tokens[match.first : match.last])
        if _counts(match.row.sections, section) and _is_met(match.row.needs, there) and not named:
            by_concept.setdefault(match.row.concept, []).append(match)
    found = []
    for matches in by_concept.values():
        kept: dict[tuple[int, int], Term] = {}
        for match in longest(matches):
            place = (match.first, match.last)
            # Of two rows for the same words the one that says more counts: "afebril" is negated, "AF 20" is none.
            if place not in kept or match.row.reading > kept[place].reading:
                kept[place] = match.row
        found += [
            Mention(row.kind, row.concept, row.reading, *(place if row.kind == DRUG else _whole(tokens, *place, last)))
            for place, row in kept.items()
            if row.reading != "none"
        ]
    return sorted(found, key=lambda mention: (mention.first, mention.last))


def _counts(sections: frozenset[str], section: str) -> bool:
    return not sections or section in sections or (f"!{section}" not in sections and "!" in "".join(sections))


def _is_met(needs: str, there: set[str]) -> bool:
    if not needs:
        return True
    return bool(there & words(needs.removeprefix("!"))) != needs.startswith("!")


def _whole(tokens: Sequence[Token], first: int, last: int, end: int) -> tuple[int, int]:
    """The words with what is joined to them by a hyphen: covid-sjukdom, KOL-exacerbation."""
    while last + 1 < end and tokens[last].text == "-" and _touch(tokens, last - 1) and _touch(tokens, last):
        if not tokens[last + 1].text.isalpha():
            break
        last += 2
    return first, last


def _touch(tokens: Sequence[Token], place: int) -> bool:
    return tokens[place].end == tokens[place + 1].start


@cache
def _terms() -> Matcher[Term]:
    table: list[tuple[str, Term]] = []
    for row in rows("terms"):
        term = Term(row["kind"], row["concept"], frozenset(row["sections"].split()), row["reading"], row["needs"])
        table += [(pattern, term) for pattern in row["patterns"].split(" ; ")]
    return Matcher(table, spelling())
