"""All words of this package's tables as one lexicon, in which misspelt words are looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from pipeline.charts.spelling import Spelling
from pipeline.charts.tables import inflect, rows, word_lists, words

TABLES = ("terms", "quantities", "cues", "habits")
WORD = re.compile(r"[^\W\d_]+(?:/\w+)?")


@cache
def spelling() -> Spelling:
    """Slips of the words that patterns hold; other words of the tables are known and never taken for one."""
    lemmas: dict[str, str] = {}
    tails: set[str] = set()
    for choice in _choices():
        if choice.startswith("*"):
            tails |= set(inflect(choice[1:]))
        elif choice.endswith("*") and WORD.fullmatch(choice[:-1]):
            lemmas[choice[:-1].lower()] = choice[:-1]
        elif WORD.fullmatch(choice) and not choice.isupper():
            for form in inflect(choice):
                lemmas[form.lower()] = choice.partition("/")[0]
    return Spelling(lemmas, words("not a slip"), tails & lemmas.keys())


def _choices() -> Iterator[str]:
    """Every word of every pattern, those of lists included, with its class."""
    for table in TABLES:
        for row in rows(table):
            for choice in re.split(r"[ |;\[\]]+", row["patterns"]):
                if choice.startswith("<"):
                    yield from word_lists()[choice.strip("<>")]
                elif choice:
                    yield choice
    yield from word_lists()["normal"]
