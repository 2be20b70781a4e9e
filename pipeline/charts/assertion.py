"""How a mention is meant: present or not, whose it is, now or before.

Cues (`cues.csv`) reach from where they stand to the end of their scope, in the manner of NegEx and ConText (Chapman
WW et al., J Biomed Inform 2001;34:301-310; Harkema H et al., J Biomed Inform 2009;42:839-851), with the commas of
Swedish charts: "Ingen feber, hosta eller andnöd" denies all three, "Ej kräkt, ont i magen" the first alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from pipeline.charts.lexicon import spelling
from pipeline.charts.patterns import Match, Matcher, longest
from pipeline.charts.tables import rows, words
from pipeline.charts.tokens import Token

NEXT = 2                     # words between a mention and a cue that reaches its neighbours only
OR = {"eller", "el"}
JOINS = {",", "och", "samt", "&", "/", "+"}
EFFECTS = ("negated", "possible", "hypothetical")


class Cue(NamedTuple):
    """A row of `cues.csv`."""

    effect: str
    side: str
    reach: str
    kinds: frozenset[str]
    needs: str            # a list of which the sentence must have a word


class Reading(NamedTuple):
    """How a mention is meant."""

    assertion: str        # present, negated, possible, hypothetical
    experiencer: str      # patient, family, other
    temporality: str      # current, history


class Sentence:
    """The tokens first to last of a field, and the cues among them."""

    def __init__(self, tokens: Sequence[Token], first: int, last: int) -> None:
        self.tokens, self.first, self.last = tokens, first, last
        self.words = {token.low for token in tokens[first:last]}
        found = [cue for cue in _matcher().find(tokens, first, last) if self._is_met(cue.row.needs)]
        self.cues = [cue for cue in longest(found) if cue.row.effect != "none"]
        self.asks = last > first and tokens[last - 1].text == "?"

    def _is_met(self, needs: str) -> bool:
        return not needs or bool(self.words & words(needs))

    def read(self, first: int, last: int, kind: str, section: str) -> Reading:
        """How the mention of tokens first to last is meant."""
        cues = [cue for cue in self.cues if not (cue.first < last and first < cue.last)]
        inside = [cue for cue in self.cues if first < cue.first and cue.last < last]      # "dricker inte alkohol"
        is_denied = any(cue.row.effect == "negated" and not cue.row.kinds for cue in inside)
        return Reading(
            "negated" if is_denied else self._assertion(cues, first, last, kind),
            "family" if section == "hereditet" else self._experiencer(cues, first, last),
            self._temporality(cues, first, last, section),
        )

    def _assertion(self, cues: list[Match[Cue]], first: int, last: int, kind: str) -> str:
        before, after = [], []
        for cue in cues:
            row = cue.row
            if row.effect not in EFFECTS or (row.kinds and kind not in row.kinds):
                continue
            if cue.last <= first and row.side == "before" and self._reaches_right(cues, cue, first):
                before.append(cue)
            elif cue.first >= last and row.side == "after" and self._reaches_left(cues, cue, last):
                after.append(cue)
        if any(cue.row.effect == "hypothetical" for cue in before):
            return "hypothetical"
        nearest = [cue.row.effect for cue in before[-1:]]
        effects = nearest + [cue.row.effect for cue in after]
        if self._is_asked(last):
            effects.append("possible")
        if not effects:
            return "present"
        return "negated" if "negated" in effects else effects[0]

    def _is_asked(self, last: int) -> bool:
        """Whether the mention stands in the part of the sentence that its question mark asks about."""
        if not self.asks:
            return False
        return not any(self.tokens[place].text == "," for place in range(last, self.last))

    def _reaches_right(self, cues: list[Match[Cue]], cue: Match[Cue], first: int) -> bool:
        tokens = self.tokens
        if cue.row.reach == "next":
            return first - cue.last <= NEXT and not any(tokens[p].text == "," for p in range(cue.last, first))
        for place in range(cue.last, first):
            other = next((c for c in cues if c.first == place), None)
            if other and other.row.effect == "stop":
                return False
            if tokens[place].text == ")" and not any(tokens[p].text == "(" for p in range(cue.last, place)):
                return False
            if tokens[place].low in JOINS and self._starts_anew(cues, cue, place):
                return False
        return True

    def _starts_anew(self, cues: list[Match[Cue]], cue: Match[Cue], place: int) -> bool:
        """Whether what follows the comma or "och" at `place` is no longer in the scope of the cue before it."""
        tokens, after = self.tokens, place + 1
        is_comma = tokens[place].text == ","
        if is_comma and cue.row.reach == "clause" and not self._goes_on(cues, place):
            return True
        opening = next((c for c in cues if c.first == after), None)
        if opening and (opening.row.effect == "start" or (is_comma and opening.row.effect in EFFECTS)):
            return True
        return is_comma and self._is_dated(place)

    def _goes_on(self, cues: list[Match[Cue]], place: int) -> bool:
        """Whether an "eller" follows the comma, so that it parts a list."""
        for later in range(place + 1, self.last):
            if any(c.first == later and c.row.effect == "stop" for c in cues):
                return False
            if self.tokens[later].low in OR:
                return True
        return False

    def _is_dated(self, place: int) -> bool:
        """Whether the part after the comma has a beginning or a count of its own: "Ingen feber, diarré sedan igår"."""
        part = []
        for later in range(place + 1, self.last):
            if self.tokens[later].text == ",":
                break
            part.append(self.tokens[later].low)
        if OR & set(part):
            return False
        return "sedan" in part[1:] or any(a == "x" and b.isdigit() for a, b in pairwise(part))

    def _reaches_left(self, cues: list[Match[Cue]], cue: Match[Cue], last: int) -> bool:
        between = range(last, cue.first)
        if any(c.first in between and c.row.effect == "stop" and c.row.side != "before" for c in cues):
            return False
        marks = [self.tokens[place].text for place in between]
        if "(" in marks and ")" not in marks:
            return False
        if cue.row.reach == "next":
            return cue.first - last <= NEXT and "," not in marks and not self._has_words(cues, cue.last)
        if cue.row.reach == "clause":
            ends = cue.row.effect != "possible" or not self._has_words(cues, cue.last)    # "anemi, sannolikt pga ..."
            return ends and "," not in marks and cue.first - last <= 3 * NEXT
        return True

    def _has_words(self, cues: list[Match[Cue]], place: int) -> bool:
        """Whether the clause goes on with words, which a cue in its middle then belongs to."""
        if place >= self.last or any(c.first == place and c.row.effect == "stop" for c in cues):
            return False
        return self.tokens[place].text[0].isalpha() and self.tokens[place].low not in OR | JOINS

    def _experiencer(self, cues: list[Match[Cue]], first: int, last: int) -> str:
        for cue in reversed(cues):
            if cue.row.effect in {"family", "other"}:
                if cue.row.side == "before" and cue.last <= first and self._is_about(cues, cue.last, first):
                    return cue.row.effect
                if cue.row.side == "after" and 0 <= cue.first - last < 1:
                    return cue.row.effect
        return "patient"

    def _is_about(self, cues: list[Match[Cue]], start: int, end: int) -> bool:
        """Whether nothing between a person and a mention turns to the patient."""
        if any(c.first in range(start, end) and c.row.effect in {"patient", "stop"} for c in cues):
            return False
        return not any(self.tokens[place].text == "," for place in range(start, end))

    def _temporality(self, cues: list[Match[Cue]], first: int, last: int, section: str) -> str:
        if section == "tidigare_sjukdomar":
            return "history"
        for cue in cues:
            if cue.row.effect == "history":
                before = cue.row.side == "before" and cue.last <= first and self._reaches_right(cues, cue, first)
                if before or (cue.row.side == "after" and cue.first >= last and self._reaches_left(cues, cue, last)):
                    return "history"
        return "current"


@cache
def _matcher() -> Matcher[Cue]:
    table: list[tuple[str, Cue]] = []
    for row in rows("cues"):
        cue = Cue(row["effect"], row["side"], row["reach"], frozenset(row["kinds"].split()), row["needs"])
        table += [(pattern, cue) for pattern in row["patterns"].split(" ; ")]
    return Matcher(table, spelling())
