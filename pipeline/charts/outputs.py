"""Features as files: a line of JSON a chart, in the form of the labelled charts, and a table with a row a feature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.charts.feature import Feature

NUMBERS = {"quantity", "habit", "diagnosis"}      # kinds told by a value


def to_json(chart: str, features: Sequence[Feature]) -> str:
    """One line: the chart's name, a number where it is one, and its features without what is empty."""
    name = int(chart) if chart.isdecimal() and chart.isascii() and len(chart) < 18 else chart
    record = {"chart": name, "annotations": [_annotation(feature) for feature in features]}
    return json.dumps(record, ensure_ascii=False)


def to_frame(found: Mapping[str, Sequence[Feature]]) -> pd.DataFrame:
    """A row a feature of all charts; numbers in `value`, what is said in words in `value_text`."""
    rows = [{"chart": chart} | feature._asdict() for chart, features in found.items() for feature in features]
    frame = pd.DataFrame(rows, columns=["chart", *Feature._fields])
    texts = frame["value"].map(lambda value: value if isinstance(value, str) else None)
    frame["value"] = pd.to_numeric(frame["value"].where(texts.isna()), errors="coerce")
    frame.insert(frame.columns.get_loc("value") + 1, "value_text", texts.astype("str"))
    words = [name for name in frame.columns if name not in {"value", "start", "end"}]
    return frame.astype(dict.fromkeys(words, "str") | {"value": float, "start": int, "end": int})


def _annotation(feature: Feature) -> dict[str, Any]:
    told = {name: value for name, value in feature._asdict().items() if value not in (None, "")}
    if feature.kind in NUMBERS and feature.value is not None:      # of alcohol the assertion is the value
        for name in ("assertion", "experiencer", "temporality"):
            told.pop(name, None)
    return told
