"""The page on which a reader checks what was found: each chart with its spans marked, the list beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.charts.feature import Feature
from pipeline.charts.sections import Chart

if TYPE_CHECKING:
    import jinja2

MOST_SHOWN = 500      # charts on one page; a browser gets slow beyond


class _Part(NamedTuple):
    """A piece of a field's text, and the features that it is the span of."""

    text: str
    features: tuple[tuple[int, str], ...]     # number on the page of the chart, and words


def to_html(source: str, charts: Sequence[tuple[Chart, Sequence[Feature]]], refused: Sequence[str] = ()) -> str:
    """One self-contained page for the charts of a source; `refused` are sentences on files that were not read."""
    shown = charts[:MOST_SHOWN]
    kinds = Counter(feature.kind for _, features in charts for feature in features)
    return _template().render(
        source=source,
        style=files("pipeline.charts").joinpath("review.css").read_text(encoding="utf-8"),
        charts=[_chart(number, chart, features) for number, (chart, features) in enumerate(shown, 1)],
        left_out=len(charts) - len(shown),
        kinds=sorted(kinds.items(), key=lambda pair: -pair[1]),
        refused=refused,
    )


@cache
def _template() -> jinja2.Template:
    from jinja2 import Environment, StrictUndefined

    text = files("pipeline.charts").joinpath("review.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)


def in_words(feature: Feature) -> str:
    """What the feature says, in a few words: "fever, negated", "CRP 5 mg/L" as "crp < 5 mg/L"."""
    name = feature.concept.replace("_", " ")
    if feature.value is not None:
        value = f"{feature.value:g}" if isinstance(feature.value, float) else feature.value
        unit = "" if feature.unit == "1" or value == "normal" else feature.unit
        return " ".join(part for part in (name, feature.comparator, value, unit) if part)
    more = [feature.assertion]
    if feature.experiencer not in {"", "patient"}:
        more.append({"other": "another person"}.get(feature.experiencer, feature.experiencer))
    if feature.temporality == "history":
        more.append("history")
    return ", ".join((name, *more))


def _chart(number: int, chart: Chart, features: Sequence[Feature]) -> dict[str, Any]:
    fields = [(field.key, _parts(chart.text, field.start, field.end, features)) for field in chart.fields]
    marks = [part.features for _, parts in fields for part in parts if part.features]
    return {
        "id": f"c{number}",
        "name": chart.name,
        "findings": [finding.what for finding in chart.findings],
        "fields": [{"key": key, "parts": parts} for key, parts in fields],
        "first": {feature: mark[0][0] for mark in marks for feature, _ in mark},     # of the mark that has it
        "features": [
            {"number": place, "words": in_words(feature), "it": feature} for place, feature in enumerate(features, 1)
        ],
    }


def _parts(text: str, start: int, end: int, features: Sequence[Feature]) -> list[_Part]:
    """The field's text cut at the spans; spans that overlap are marked as one."""
    inside = sorted(
        ((f.start, f.end, number, f) for number, f in enumerate(features, 1) if start <= f.start < end),
        key=lambda item: item[:3],
    )
    parts, at = [], start
    while inside:
        first, last, *_ = inside[0]
        group = []
        while inside and inside[0][0] < max(last, first + 1):
            _, stop, number, feature = inside.pop(0)
            last = max(last, stop)
            group.append((number, f"{feature.kind}: {in_words(feature)}"))
        if at < first:
            parts.append(_Part(text[at:first], ()))
        parts.append(_Part(text[first:last], tuple(group)))
        at = last
    if at < end:
        parts.append(_Part(text[at:end], ()))
    return parts
