"""Measured things: the value with its comparator and unit, or "normal" where a test is only called so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from pipeline.charts.feature import Concept, concepts
from pipeline.charts.lexicon import spelling
from pipeline.charts.numbers import Number, read_number
from pipeline.charts.patterns import Match, Matcher, longest
from pipeline.charts.tables import rows, words
from pipeline.charts.tokens import Token

PRESSURE = "pressure"        # a name that two numbers follow
TEMPERATURE = "body_temp"
OTHER = "other"              # a test that is not read, but may stand in a list of normal ones
FURTHER = 9                  # tokens after a value in which a further one of the same name is looked for
SMALLEST_IN_WORDS = 13       # "en" and "två" are mostly no values
SCALES = {"rls", "pain_nrs"}
ADJACENT_SIGN = {"base_excess"}
THOUSANDS = {"ntprobnp", "troponin"}     # written with a space: 12 000
FIRST_OF_SERIES = {"troponin"}


class Name(NamedTuple):
    """A row of `quantities.csv`."""

    concept: str
    allowed: frozenset[str]      # fields, all where empty
    direct: int
    normal: bool


class Value(NamedTuple):
    """A value found at tokens first to last."""

    concept: str
    value: float | str
    unit: str
    comparator: str
    first: int
    last: int
    earlier: bool = False        # a second value, kept for comparison


class Reader:
    """Reads the quantities of one sentence, tokens first to last of a field."""

    def __init__(self, tokens: Sequence[Token], first: int, last: int, section: str) -> None:
        self.tokens, self.first, self.last, self.section = tokens, first, last, section
        found = [m for m in _names().find(tokens, first, last) if self._counts(m)]
        wished = {m.last for m in _wishes().find(tokens, first, last)}
        wished |= {place + 1 for place in wished if place < last and tokens[place].text == "-"}
        names = {(m.first, m.row.concept): m for m in longest(found) if m.row.direct >= 0 and m.first not in wished}
        self.names = list(names.values())
        self.normals = longest(_normals().find(tokens, first, last))
        self.starts = {m.first for m in self.names}

    def values(self) -> Iterator[Value]:
        """All values of the sentence, in order."""
        valued: dict[int, list[Value]] = {}
        taken: set[int] = set()
        for number, name in enumerate(self.names):
            found = self._right(name) or self._left(name, taken)
            valued[number] = found
            taken |= {place for value in found for place in range(value.first, value.last)}
        self._call_normal(valued)
        for number in range(len(self.names)):
            yield from (value for value in valued[number] if value.concept != OTHER)
        yield from self._nameless(taken)

    def _counts(self, match: Match[Name]) -> bool:
        allowed = match.row.allowed
        return not allowed or self.section in allowed

    def _right(self, name: Match[Name]) -> list[Value]:
        """Values after the name."""
        row, place, skipped = name.row, name.last, 0
        while place < self.last:
            token = self.tokens[place]
            found = self._at(name, place)
            if found:
                return found + self._further(name, found[-1].last)
            if place in self.starts or token.low in words("no value follows") or token.low.endswith(_targets()):
                return []
            if token.text in {":", "=", "≈", "~", "(", "-", "–", "*", "."} and place == name.last:
                place += 1
                continue
            if not (token.text.isalpha() and skipped < row.direct) and token.text not in {"(", ")", ":", "~"}:
                return []
            skipped += token.text.isalpha()
            place += 1
        return []

    def _at(self, name: Match[Name], place: int) -> list[Value]:
        """The values that start at a place after the name, none where no plausible number stands there."""
        concept = name.row.concept
        number = read_number(self.tokens, place, self.last, signed=concept in ADJACENT_SIGN)
        if number is None or not self._is_written(number, concept):
            return []
        if concept in THOUSANDS:
            number = self._with_thousands(number)
        return self._valued(name, name.first, number)

    def _with_thousands(self, number: Number) -> Number:
        after = self.tokens[number.last].text if number.last < self.last else ""
        if len(after) == 3 and after.isdecimal() and isinstance(number.value, float) and 1 <= number.value < 1000:
            return number._replace(value=1000 * number.value + float(after), last=number.last + 1)
        return number

    def _valued(self, name: Match[Name], first: int, number: Number) -> list[Value]:
        if name.row.concept == OTHER:
            return []
        return self._pressure(first, number) if name.row.concept == PRESSURE else self._single(
            name.row.concept, number, first)

    def _is_written(self, number: Number, concept: str) -> bool:
        """Digits, or words that can hardly be anything but a value."""
        if any(self.tokens[place].number for place in range(number.first, number.last)):
            return True
        return concept in SCALES or (isinstance(number.value, float) and number.value >= SMALLEST_IN_WORDS)

    def _single(self, concept: str, number: Number, first: int) -> list[Value]:
        known, value = concepts()[concept], number.value
        if concept in FIRST_OF_SERIES and isinstance(value, str):
            value = float(value.split("-")[0])
        unit, last = self._unit(number.last, known)
        if unit is None or not is_plausible(value, known, unit):
            return []
        if last < self.last and self.tokens[last].text == "/" and concept not in SCALES and last == number.last:
            return []      # 9/3 is a date
        if last + 1 < self.last and self.tokens[last].text == "/" and self.tokens[last + 1].number:
            last += 2      # 7/10 on a scale
        return [Value(concept, value, unit, number.comparator, first, last)]

    def _pressure(self, first: int, number: Number) -> list[Value]:
        """Systolic and diastolic of "190/100", systolic alone of "80" and "80 systoliskt"."""
        at = number.last
        if at + 1 < self.last and self.tokens[at].low in {"/", "över"} and isinstance(number.value, float):
            lower = read_number(self.tokens, at + 1, self.last)
            if lower is None:
                return self._single("sbp", number, first)
            found = []
            for concept, part in (("sbp", number), ("dbp", lower)):
                _, last = self._unit(lower.last, concepts()[concept])
                if is_plausible(part.value, concepts()[concept], concepts()[concept].unit):
                    found.append(Value(concept, part.value, concepts()[concept].unit, part.comparator, first, last))
            is_pair = len(found) == 2 and number.value > lower.value if isinstance(lower.value, float) else False
            return found if is_pair else []
        return self._single("sbp", number, first)

    def _unit(self, place: int, known: Concept) -> tuple[str | None, int]:
        """The unit written after a number and where it ends; None where it is one of counts and times."""
        for length in (5, 4, 3, 2, 1):
            if place + length <= self.last:
                written = "".join(token.low for token in self.tokens[place : place + length])
                if written in _units():
                    ucum = _units()[written]
                    if ucum is None or ucum not in {known.unit, *known.also}:
                        return None, place
                    return ucum, place + length
        return known.unit, place

    def _further(self, name: Match[Name], place: int) -> list[Value]:
        """Further values of the same name: "(62 tidigare)", "(tidigare 50)", "som nu stigit till 88%", ", nu 4"."""
        tokens, commas, earlier, later = self.tokens, 0, False, False
        for at in range(place, min(place + FURTHER, self.last)):
            token = tokens[at]
            if at in self.starts or token.text == ")":
                return []
            commas += token.text in {",", "("}
            number = read_number(tokens, at, self.last)
            if number is None or not self._is_written(number, name.row.concept):
                earlier, later = earlier or token.low in words("earlier"), later or token.low in words("later")
                if commas > 1 or not (token.text.isalpha() or token.text in {",", "(", ":"}):
                    return []
                continue
            behind = [t.low in words("earlier") for t in tokens[number.last : min(number.last + 2, self.last)]]
            is_behind = bool(commas) and any(behind)
            earlier = earlier or is_behind
            if not (earlier or later):
                return []
            found = self._valued(name, at, number)
            found = [value._replace(first=self._span_start(place, value.first), earlier=earlier) for value in found]
            if is_behind and behind[0]:      # the word belongs to the span: "62 tidigare"
                found = [value._replace(last=max(value.last, number.last + 1)) for value in found]
            return found + (self._further(name, found[-1].last) if found else [])
        return []

    def _span_start(self, start: int, first: int) -> int:
        """Where the words right before a number begin, not beyond a mark."""
        while first > start and self.tokens[first - 1].text.isalpha():
            first -= 1
        return first

    def _left(self, name: Match[Name], taken: set[int]) -> list[Value]:
        """A value before the name: "39 graders feber", "190/100 i blodtryck"."""
        at = name.first - 1
        if at >= self.first and self.tokens[at].low in {"i", "på"}:
            at -= 1
        elif name.row.concept != TEMPERATURE:
            return []
        for start in range(max(self.first, at - 5), at + 1):
            number = read_number(self.tokens, start, self.last)
            if number is None or start in taken or number.last > name.first or not self.tokens[start].number:
                continue
            found = self._valued(name, start, number)
            if found and found[-1].last >= at:
                return [value._replace(last=name.last) for value in found]
        return []

    def _nameless(self, taken: set[int]) -> Iterator[Value]:
        """Values away from their name: a pressure with its unit or in the field of the circulation, degrees."""
        for place in range(self.first, self.last):
            number = read_number(self.tokens, place, self.last) if self.tokens[place].number else None
            if number is None or place in taken or number.last >= self.last:
                continue
            found = self._pressure(place, number) if self.tokens[number.last].text == "/" else []
            if not found and any(name.row.concept == TEMPERATURE for name in self.names):
                found = self._single(TEMPERATURE, number, place)
                if found and found[0].last > number.last:
                    yield from found        # "Utvecklat feber, 39 grader"
                continue
            if len(found) == 2 and (self.section == "C" or self.tokens[found[0].last - 1].low in {"mmhg", "hg"}):
                yield from found

    def _call_normal(self, valued: dict[int, list[Value]]) -> None:
        """Tests without a number that are called normal, also as a list: "Hb, LPK och CRP ua"."""
        for normal in self.normals:
            for number in self._before(normal.first) or self._after(normal.last):
                name = self.names[number]
                if not valued[number] and name.row.normal:
                    first, last = min(name.first, normal.first), max(name.last, normal.last)
                    if any(first < start < last for start in self.starts - {name.first}):
                        first, last = name.first, name.last      # in a list the name is the span
                    valued[number] = [Value(name.row.concept, "normal", "", "", first, last)]

    def _before(self, place: int) -> list[int]:
        """The names in a row that end at a place, with at most two other words between the last and it."""
        found: list[int] = []
        for number in range(len(self.names) - 1, -1, -1):
            name = self.names[number]
            if name.last > place:
                continue
            between = [self.tokens[at] for at in range(name.last, place)]
            fills = [t for t in between if t.low in words("between name and normal") or t.text in {":", ")"}]
            if len(fills) != len(between) and not (found and _joins(between)):
                break
            if found and between and not _joins(between):
                break
            found.append(number)
            place = name.first
        return found

    def _after(self, place: int) -> list[int]:
        found: list[int] = []
        for number, name in enumerate(self.names):
            if name.first < place:
                continue
            between = [self.tokens[at] for at in range(place, name.first)]
            if between and not (found and _joins(between)):
                break
            if not between and found:
                break
            found.append(number)
            place = name.last
        return found


def _joins(between: Sequence[Token]) -> bool:
    return 0 < len(between) <= 2 and all(token.low in {",", "och", "samt", "/", "&", "+"} for token in between)


def is_plausible(value: float | str, known: Concept, unit: str) -> bool:
    """Whether the value can be one of the quantity; what stands in another unit is not judged here."""
    if unit != known.unit:
        return True
    numbers = [float(part) for part in value.split("-")] if isinstance(value, str) else [value]
    low = float("-inf") if known.low is None else known.low
    high = float("inf") if known.high is None else known.high
    return all(low <= number <= high for number in numbers)


@cache
def _names() -> Matcher[Name]:
    table: list[tuple[str, Name]] = []
    for row in rows("quantities"):
        direct = -1 if row["normal"] == "none" else int(row["direct"])
        name = Name(row["concept"], frozenset(row["sections"].split()), direct, row["normal"] == "yes")
        table += [(pattern, name) for pattern in row["patterns"].split(" ; ")]
    return Matcher(table, spelling())


@cache
def _normals() -> Matcher[str]:
    patterns = ("<normal>", "u a", "utan anmärkning|anm", "inom ref|referens|referensen|normalgränserna|normalgräns")
    return Matcher(((pattern, "normal") for pattern in patterns), spelling())


@cache
def _wishes() -> Matcher[str]:
    """Words before a name that make its value a target or a condition: "titreras till sat 88%", "åter om temp >38"."""
    patterns = ("titrera*|sikta*|eftersträva* till|mot|på|efter", "<target> [på|för|med]", "om|vid|tills|ifall")
    return Matcher((pattern, "wish") for pattern in patterns)


@cache
def _units() -> dict[str, str | None]:
    return {row["written"]: row["ucum"] or None for row in rows("units")}


def _targets() -> tuple[str, ...]:
    return ("mål", "målet", "gräns", "gränsen", "målvärde", "kontroll", "kontroller")
