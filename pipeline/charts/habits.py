"""Smoking, as the answer to the chart's question or in prose: whether, how long, how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from pipeline.charts.numbers import read_number
from pipeline.charts.patterns import Matcher
from pipeline.charts.tables import rows
from pipeline.charts.tokens import Token

FIELD = "rokning"
PACKS = {"paket", "paketet", "pkt"}
PACK_YEARS = {"paketår", "paket-år", "packår", "packyears", "packyear", "pack-years", "pack-year", "pkt-år", "py"}
A_DAY = (["/", "dag"], ["om", "dagen"], ["per", "dag"], ["/", "d"], ["dagligen"], ["om", "dan"])
LARGEST_PACKS = 10.0


class Habit(NamedTuple):
    """A habit told by the tokens first to last."""

    concept: str
    value: float | str
    first: int
    last: int


class _Row(NamedTuple):
    rank: int
    value: str
    field: str


def find_smoking(tokens: Sequence[Token], first: int, last: int, section: str) -> Iterator[Habit]:
    """What the tokens tell of smoking; the answer to the question is one status from beginning to end."""
    found = [m for m in _statuses().find(tokens, first, last) if m.row.field in {"", section}]
    if found:
        best = min(found, key=lambda m: (m.row.rank, m.first - m.last))
        if best.row.value:
            place = (first, last) if section == FIELD else (best.first, best.last)
            yield Habit("smoking_status", best.row.value, *place)
    if found or section == FIELD:
        yield from _amounts(tokens, first, last)


def _amounts(tokens: Sequence[Token], first: int, last: int) -> Iterator[Habit]:
    place = first
    while place < last:
        number = read_number(tokens, place, last)
        if number is None or not isinstance(number.value, float):
            place += 1
            continue
        after = [token.low for token in tokens[number.last : last]]
        if length := next((n for n in (1, 2, 3) if "".join(after[:n]) in PACK_YEARS), 0):
            yield Habit("pack_years", number.value, place, min(number.last + length, last))
        elif packs := _packs(number.value, after):
            value, length = packs
            if value <= LARGEST_PACKS:
                yield Habit("packs_per_day", value, place, number.last + length)
        place = number.last


def _packs(number: float, after: list[str]) -> tuple[float, int] | None:
    """Packs a day and how many words tell it: "paket/dag", "och ett halvt paket om dagen", "paket dagligen"."""
    skipped = 0
    if after[:3] == ["och", "ett", "halvt"]:
        number, skipped = number + 0.5, 3
    elif after[:1] == ["halvt"]:
        number, skipped = number * 0.5, 1
    rest = after[skipped:]
    if rest[:1] and rest[0] in PACKS | {"cigarettpaket"}:
        for ending in A_DAY:
            if rest[1 : 1 + len(ending)] == ending:
                return number, skipped + 1 + len(ending)
        return number, skipped + 1
    return None


@cache
def _statuses() -> Matcher[_Row]:
    return Matcher(
        (pattern, _Row(rank, row["value"], row["field"]))
        for rank, row in enumerate(rows("habits"))
        for pattern in row["patterns"].split(" ; ")
    )
