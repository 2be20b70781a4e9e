"""The word lists and endings that patterns are written with."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of this package; lines that start with # are remarks."""
    text = files("pipeline.charts").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    for row in table:
        if None in row or None in row.values():
            raise ValueError(f"{name}.csv: as many cells as headings are wanted in {next(iter(row.values()))!r}")
    return table


@cache
def words(name: str) -> frozenset[str]:
    """The words of a list, in all their forms; raises KeyError where there is no such list."""
    return frozenset(form for word in word_lists()[name] for form in inflect(word))


def inflect(word: str) -> Iterator[str]:
    """The forms of a word written with its class: smärta/a is smärta, smärtan, smärtor and so on.

    >>> sorted(inflect("infarkt/en"))[:4]
    ['infarkt', 'infarktar', 'infarktarna', 'infarktarnas']
    """
    stem, _, kind = word.partition("/")
    if not kind:
        yield stem
        return
    strip, endings = _endings()[kind]
    stem = stem.removesuffix(strip)
    yield from (stem + ending for ending in endings)


@cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """The lists of `words.csv`, each word as written there, with its class."""
    lists: dict[str, tuple[str, ...]] = {}
    for row in rows("words"):
        lists[row["name"]] = lists.get(row["name"], ()) + tuple(row["words"].split())
    return lists


@cache
def _endings() -> dict[str, tuple[str, tuple[str, ...]]]:
    return {row["class"]: (row["strip"], tuple(row["endings"].replace("-", "").split("|"))) for row in rows("endings")}
