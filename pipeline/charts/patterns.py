"""Patterns over words, and how they are found in prose.

A pattern is a row of slots: `ont i bröst*|thorax`. A slot is

- a word or several (`|`), in any spelling of capitals; a word written in capitals alone fits capitals only (LE is
  lungemboli, le is not);
- `word/class` with all endings of that class (`endings.csv`), `word*` with any, `*word` with anything before it;
- `<list>` for a list of `words.csv`;
- `[slot]` for what may be left out; `..` for up to three words of any kind, `..1` for up to one; `^` for the start of
  a sentence, `#` for a number.

Hyphens, and full stops after short words, are passed over: `dm 2` fits DM2 and DM-2, `e cigarett*` e-cigaretter.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from pipeline.charts.spelling import Spelling
from pipeline.charts.tables import inflect, words
from pipeline.charts.tokens import PIECES, Token

GAP = 3
Row = TypeVar("Row")


class Slot(NamedTuple):
    """What one place of a pattern takes."""

    forms: frozenset[str] = frozenset()
    capitals: frozenset[str] = frozenset()
    heads: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    number: bool = False
    optional: bool = False
    gap: int = 0
    start: bool = False


class Match(NamedTuple, Generic[Row]):
    """Tokens first to last, the latter excluded, that a pattern takes, and the row that the pattern stands in."""

    first: int
    last: int
    row: Row


class Matcher(Generic[Row]):
    """Finds all rows whose pattern fits somewhere in a sentence."""

    def __init__(self, table: Iterable[tuple[str, Row]], spelling: Spelling | None = None) -> None:
        self.spelling = spelling
        self._exact: dict[str, list[tuple[Sequence[Slot], Row]]] = defaultdict(list)
        self._heads: dict[str, list[tuple[Sequence[Slot], Row]]] = defaultdict(list)
        self._tails: dict[str, list[tuple[Sequence[Slot], Row]]] = defaultdict(list)
        self._starts: list[tuple[Sequence[Slot], Row]] = []
        self._numbers: list[tuple[Sequence[Slot], Row]] = []
        for pattern, row in table:
            self._add(compile_pattern(pattern), row)

    def _add(self, slots: Sequence[Slot], row: Row) -> None:
        entry, first = (slots, row), slots[0]
        if first.optional or first.gap:
            raise ValueError(f"a pattern starts with a word, not with what may be left out: {row}")
        if first.start:
            self._starts.append(entry)
        if first.number:
            self._numbers.append(entry)
        for form in first.forms | {form.lower() for form in first.capitals}:
            self._exact[form].append(entry)
        for head in first.heads:
            self._heads[head[:3]].append(entry)
        for tail in first.tails:
            self._tails[tail[-3:]].append(entry)

    def find(self, tokens: Sequence[Token], first: int, last: int) -> list[Match[Row]]:
        """All fits among the tokens first to last, longest first where they start together."""
        found = []
        for place in range(first, last):
            for slots, row in self._candidates(tokens, place, first):
                if end := self._fit(slots, 0, tokens, place, first, last):
                    found.append(Match(place, end, row))
        return found

    def _candidates(self, tokens: Sequence[Token], place: int, first: int) -> list[tuple[Sequence[Slot], Row]]:
        token = tokens[place]
        if token.number:
            return self._numbers + (self._starts if place == first else [])
        entries: list[tuple[Sequence[Slot], Row]] = []
        for form in self._forms(token):
            entries += self._exact.get(form, ())
            if len(form) > 3:
                entries += self._heads.get(form[:3], ())
                entries += self._tails.get(form[-3:], ())
        if place == first:
            entries += self._starts
        return entries

    def _forms(self, token: Token) -> tuple[str, ...]:
        return self.spelling.forms(token.low) if self.spelling else (token.low,)

    def _fit(
        self, slots: Sequence[Slot], place: int, tokens: Sequence[Token], at: int, first: int, last: int
    ) -> int:
        """Where the fit of the slots from `place` on ends if they start at token `at`; 0 where they do not fit."""
        if place == len(slots):
            return at
        slot = slots[place]
        if slot.start:
            return self._fit(slots, place + 1, tokens, at, first, last) if at == first else 0
        if slot.gap:
            for skipped in range(slot.gap + 1):
                if skipped and (at + skipped > last or not _is_word(tokens[at + skipped - 1])):
                    return 0
                if end := self._fit(slots, place + 1, tokens, at + skipped, first, last):
                    return end
            return 0
        there = at
        while place and there < last and _is_passed(tokens, there, at):
            there += 1
        if there < last and self._takes(slot, tokens[there]):
            end = self._fit(slots, place + 1, tokens, there + 1, first, last)
            if end:
                return end
        return self._fit(slots, place + 1, tokens, at, first, last) if slot.optional else 0

    def _takes(self, slot: Slot, token: Token) -> bool:
        if token.number:
            return slot.number or token.low in slot.forms
        if slot.capitals and token.text in slot.capitals:
            return True
        for form in self._forms(token):
            if form in slot.forms or form.startswith(slot.heads) or form.endswith(slot.tails):
                return True
        return False


def longest(found: Iterable[Match[Row]]) -> list[Match[Row]]:
    """Matches without those that overlap a longer one, in order; several rows of the same span stay."""
    kept: list[Match[Row]] = []
    for match in sorted(found, key=lambda m: (m.first - m.last, m.first)):
        over = [k for k in kept if k.first < match.last and match.first < k.last]
        if all((k.first, k.last) == (match.first, match.last) for k in over):
            kept.append(match)
    return sorted(kept, key=lambda m: (m.first, m.last))


def _is_word(token: Token) -> bool:
    return token.number or token.text[0].isalpha() or token.text in "-/%"


def _is_passed(tokens: Sequence[Token], place: int, start: int) -> bool:
    """Whether the mark is passed over inside a pattern: a hyphen, or the full stop of an abbreviation."""
    token = tokens[place]
    if token.text in "-–":
        return True
    return token.text == "." and place == start and place > 0 and len(tokens[place - 1].text) <= 4


def compile_pattern(pattern: str) -> tuple[Slot, ...]:
    """The slots of a pattern; raises ValueError or KeyError where it is not one."""
    slots: list[Slot] = []
    for part in pattern.split():
        optional = part.startswith("[")
        part = part.strip("[]") if optional else part
        if part == "^":
            slots.append(Slot(start=True))
        elif part == "#":
            slots.append(Slot(number=True, optional=optional))
        elif match := re.fullmatch(r"\.\.(\d?)", part):
            slots.append(Slot(gap=int(match.group(1) or GAP)))
        else:
            slots.extend(_word_slots(part, optional))
    if not slots or all(slot.start for slot in slots):
        raise ValueError(f"no pattern: {pattern!r}")
    return tuple(slots)


def _word_slots(part: str, optional: bool) -> list[Slot]:
    forms: set[str] = set()
    capitals: set[str] = set()
    heads: list[str] = []
    tails: list[str] = []
    number = False
    for choice in part.split("|"):
        if choice == "#":
            number = True
            continue
        if choice.startswith("<"):
            choices = [(form, "") for form in words(choice.strip("<>"))]
        elif choice.endswith("*"):
            heads.append(choice[:-1])
            continue
        elif choice.startswith("*"):
            tails += inflect(choice[1:])
            continue
        else:
            choices = [(form, choice) for form in inflect(choice)]
        for form, _ in choices:
            pieces = PIECES.findall(form)
            if len(pieces) > 1:      # "t2dm" is three pieces of prose
                if "|" in part or optional:
                    raise ValueError(f"{form!r} is more than one piece and cannot be a choice")
                return [slot for piece in pieces for slot in _word_slots(piece, False)]
            if len(form) > 1 and form.isupper():
                capitals.add(form)
            else:
                forms.add(form.lower())
    return [Slot(frozenset(forms), frozenset(capitals), tuple(heads), tuple(tails), number, optional)]
