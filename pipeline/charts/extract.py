"""All features of a chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from pipeline.charts.assertion import Sentence
from pipeline.charts.diagnosis import find_code
from pipeline.charts.feature import Feature, concepts
from pipeline.charts.habits import FIELD, find_smoking
from pipeline.charts.mentions import find_mentions
from pipeline.charts.numbers import read_number
from pipeline.charts.patterns import Matcher
from pipeline.charts.quantities import Reader
from pipeline.charts.sections import Chart, Field, keys
from pipeline.charts.tables import rows
from pipeline.charts.tokens import Token, sentences, tokenize

SEXES = {"k": "female", "kvinna": "female", "f": "female", "m": "male", "man": "male"}
MONTHS = {"mån", "månad", "månader", "mo"}


def extract(chart: Chart, *, listed: bool = True) -> tuple[Feature, ...]:
    """What the chart says, in the order of its text: one feature for each concept and field.

    A concept counts where a field first mentions it, apart for patient and others, and for a drug apart where it is
    taken and where it is stopped. `listed=False` adds the few concepts that only the library's variables have.
    """
    found: list[Feature] = []
    for field in chart.fields:
        kind = keys()[field.key].kind
        if kind == "number":
            found += _number(chart, field)
        elif kind == "code":
            found += _diagnosis(chart, field)
        elif kind == "prose":
            found += _prose(chart, field)
    known = concepts()
    return tuple(feature for feature in found if known[feature.concept].listed or not listed)


def _number(chart: Chart, field: Field) -> Iterator[Feature]:
    key, text = keys()[field.key], chart.text[field.start : field.end]
    concept = concepts()[key.quantity]
    if key.quantity == "sex":
        if sex := SEXES.get(text.lower()):
            yield _feature(chart, "quantity", "sex", field.key, field.start, field.end, value=sex, unit=concept.unit)
        return
    tokens = tokenize(chart.text, field.start, field.end)
    for place, token in enumerate(tokens):
        number = read_number(tokens, place, len(tokens)) if token.number or token.text in "<>≤≥" else None
        if number is None:
            continue
        unit = concept.unit
        if key.quantity == "age" and MONTHS & {t.low for t in tokens[number.last : number.last + 2]}:
            unit = "mo"
        last = tokens[number.last - 1].end
        yield _feature(
            chart, "quantity", concept.name, field.key, token.start, last,
            value=number.value, unit=unit, comparator=number.comparator,
        )  # fmt: skip
        return


def _diagnosis(chart: Chart, field: Field) -> Iterator[Feature]:
    """The code; its words repeat it, and name a mention of their own only where they are symptoms or stand alone."""
    code = find_code(chart.text, field.start, field.end)
    if code:
        value, start, end = code
        yield _feature(chart, "diagnosis", "icd10", field.key, start, end, value=value)
    for feature in _prose(chart, field):
        if feature.kind == "symptom" or code is None:
            yield feature


def _prose(chart: Chart, field: Field) -> Iterator[Feature]:
    tokens = tokenize(chart.text, field.start, field.end)
    seen: set[tuple[str, str, str]] = set()
    if field.key == FIELD:
        yield from _smoking(chart, field, tokens, 0, len(tokens))
    for first, last in sentences(tokens):
        yield from _quantities(chart, field, tokens, first, last)
        if field.key != FIELD:
            yield from _smoking(chart, field, tokens, first, last)
        yield from _mentions(chart, field, tokens, first, last, seen)


def _quantities(chart: Chart, field: Field, tokens: Sequence[Token], first: int, last: int) -> Iterator[Feature]:
    phase, sentence = keys()[field.key].phase, Sentence(tokens, first, last)
    for value in Reader(tokens, first, last, field.key).values():
        if sentence.read(value.first, value.last, "quantity", field.key).assertion == "hypothetical":
            continue      # "åter vid temp över 38"
        start, end = tokens[value.first].start, tokens[value.last - 1].end
        yield _feature(
            chart, "quantity", value.concept, field.key, start, end,
            value=value.value, unit=value.unit, comparator=value.comparator,
            phase="before arrival" if value.earlier else phase, when=_when(chart, tokens, first, last),
        )  # fmt: skip


def _smoking(chart: Chart, field: Field, tokens: Sequence[Token], first: int, last: int) -> Iterator[Feature]:
    for habit in find_smoking(tokens, first, last, field.key):
        reading = Sentence(tokens, first, last).read(habit.first, habit.last, "habit", field.key)
        if reading.experiencer == "patient":
            start, end = tokens[habit.first].start, tokens[habit.last - 1].end
            yield _feature(chart, "habit", habit.concept, field.key, start, end, value=habit.value)


def _mentions(
    chart: Chart, field: Field, tokens: Sequence[Token], first: int, last: int, seen: set[tuple[str, str, str]]
) -> Iterator[Feature]:
    mentions = find_mentions(tokens, first, last, field.key)
    sentence = Sentence(tokens, first, last) if mentions else None
    for mention in mentions:
        assert sentence is not None
        reading = sentence.read(mention.first, mention.last, mention.kind, field.key)
        assertion = mention.reading or reading.assertion
        told = assertion if mention.kind == "medication" else ""
        identity = (mention.concept, reading.experiencer, told)
        if identity in seen or (mention.kind == "habit" and reading.experiencer != "patient"):
            continue
        seen.add(identity)
        start, end = tokens[mention.first].start, tokens[mention.last - 1].end
        yield _feature(
            chart, mention.kind, mention.concept, field.key, start, end,
            assertion=assertion, experiencer=reading.experiencer, temporality=reading.temporality,
            when=_when(chart, tokens, first, last),
        )  # fmt: skip


def _when(chart: Chart, tokens: Sequence[Token], first: int, last: int) -> str:
    found = _times().find(tokens, first, last)
    if not found:
        return ""
    best = max(found, key=lambda match: (match.last - match.first, -match.first))
    return chart.text[tokens[best.first].start : tokens[best.last - 1].end]


@cache
def _times() -> Matcher[str]:
    return Matcher((row["patterns"], "time") for row in rows("times"))


def _feature(chart: Chart, kind: str, concept: str, section: str, start: int, end: int, **more: object) -> Feature:
    known = concepts()[concept]
    more.setdefault("phase", keys()[section].phase)
    return Feature(
        kind, concept, section, start, end, chart.text[start:end], snomed=known.snomed, icd10=known.icd10, **more  # type: ignore[arg-type]
    )
