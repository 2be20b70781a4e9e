"""Misspelt words: a long word one slip away from exactly one word of the lexicon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

SHORTEST = 8    # letters of the word meant; shorter ones have too many neighbours
HEAD = 3        # letters of the first part of a compound, at least
LONGEST = 40    # no word of the lexicon is longer, and the work grows with the length


class Spelling:
    """Which words of a lexicon a written word may be.

    One letter left out, put in, changed, or two exchanged, and only in a word that is not itself known. The first
    letter stays, as "regelbunden" is no slip of "oregelbunden" nor "sittande" of "hittande"; so does the last, which
    is another ending of another word. Where a slip leads to forms of different words none is taken.
    """

    def __init__(self, lemmas: Mapping[str, str], known: Iterable[str] = (), tails: Iterable[str] = ()) -> None:
        """`lemmas` gives the word that each form belongs to; `known` are further words, never taken for a slip.

        `tails` are forms that also end compounds, in which slips are looked for too: "åskknallshuvudärk".
        """
        self._known = frozenset(known) | frozenset(lemmas)
        self._lemmas = lemmas
        self._tails = frozenset(tails)
        self._near: dict[str, list[str]] = defaultdict(list)
        for form in lemmas:
            if len(form) >= SHORTEST:
                for shorter in _shortened(form):
                    self._near[shorter].append(form)
        self.forms = lru_cache(maxsize=50_000)(self._forms)

    def _forms(self, written: str) -> tuple[str, ...]:
        """The word as written, and the forms that it is a slip of."""
        if written in self._known or not SHORTEST - 1 <= len(written) <= LONGEST:
            return (written,)
        meant = self._meant(written)
        if not meant and len(written) >= SHORTEST + HEAD and not written.endswith(tuple(self._tails)):
            for place in range(HEAD, len(written) - SHORTEST + 2):
                ends = [form for form in self._meant(written[place:]) if form in self._tails]
                if ends:
                    return (written, *(written[:place] + form for form in ends))
        return (written, *meant)

    def _meant(self, written: str) -> list[str]:
        candidates = {form for shorter in _shortened(written) for form in self._near.get(shorter, ())}
        meant = sorted(form for form in candidates if is_one_slip(written, form) and _is_inside(written, form))
        return meant if len({self._lemmas[form] for form in meant}) == 1 else []


def _is_inside(written: str, meant: str) -> bool:
    return written[0] == meant[0] and written[-1] == meant[-1]


def _shortened(word: str) -> set[str]:
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


def is_one_slip(written: str, meant: str) -> bool:
    """Whether one letter left out, put in or changed, or two neighbours exchanged, makes one word the other.

    >>> is_one_slip("pnuemoni", "pneumoni"), is_one_slip("hypotoni", "hypertoni")
    (True, False)
    """
    if abs(len(written) - len(meant)) > 1 or written == meant:
        return False
    same = 0
    while same < min(len(written), len(meant)) and written[same] == meant[same]:
        same += 1
    rest, wanted = written[same:], meant[same:]
    if len(rest) == len(wanted):
        return rest[1:] == wanted[1:] or (rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:])
    return rest[1:] == wanted if len(rest) > len(wanted) else rest == wanted[1:]
