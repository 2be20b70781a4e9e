"""Charts as a `Delivery`: people and readings in the library's variables and units, and what was found wrong.

Kinds of findings: file not read; same person twice; field missing; field not known; field not read (no value in it);
implausible value; unit does not fit; field against prose (a vital sign in its field and in prose of the arrival);
said and denied (a condition present in one place, denied in another); only possible (a condition that nobody has
confirmed, or of another person: not taken over); value not exact (a range, or a limit such as "<5").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from pipeline.charts.extract import extract
from pipeline.charts.feature import Feature, concepts
from pipeline.charts.folder import list_charts, read_folder
from pipeline.charts.sections import Chart, keys
from pipeline.charts.tables import rows
from pipeline.delivery import Delivery, Finding, Severity
from pipeline.runs import hash_path
from pipeline.schema import TableError, variables
from pipeline.units import convert, is_implausible

BEFORE_VISIT = {"history", "before arrival"}
NO_VALUE = {"-", "--", "?", "ej taget", "ej tagen", "ej mätt", "okänt", "okänd", "saknas"}
SNOMED = "http://snomed.info/sct"
OWN = "charts"
ANSWERS = {"present": "yes", "negated": "no"}
SMOKING = {
    "current": {"smoking_status": "current", "current_smoker": "yes"},
    "former": {"smoking_status": "former", "current_smoker": "no"},
    "never_or_no": {"current_smoker": "no"},
}
NEVER = re.compile("aldrig", re.IGNORECASE)     # "nej" alone says nothing of the time before


class _Target(NamedTuple):
    """A row of `variables.csv`."""

    variable: str
    form: str
    agree: float | None
    spelled: str


class Tally:
    """Findings of many charts, gathered by kind and place."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], list[Any]] = {}

    def add(self, finding: Finding) -> None:
        """Count a finding with those of its kind; the first keeps the example."""
        key = (finding.kind, finding.severity, finding.place, finding.what)
        self._found.setdefault(key, [0, finding.example])[0] += finding.times

    def note(self, kind: str, severity: Severity, place: str, what: str, example: str) -> None:
        """Count one case."""
        self.add(Finding(kind, severity, place, what, 1, example))

    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order in which they came up."""
        return tuple(Finding(*key, times, example) for key, (times, example) in self._found.items())  # type: ignore[arg-type]


def deliver(
    folder: Path,
    *,
    licence: str = "that of the files' owner",
    citation: str = "charts of the user",
    progress: bool = False,
) -> Delivery:
    """The charts of a folder as people and readings; raises `RunError` or `TableError` where there is none to read."""
    paths = list_charts(folder)
    tally, unmapped = Tally(), Counter[tuple[str, str, str]]()
    people: list[dict[str, Any]] = []
    readings: list[dict[str, Any]] = []
    seen: set[str] = set()
    bar = tqdm(read_folder(paths), total=len(paths), desc="charts", unit="", disable=None if progress else True)
    for read in bar:
        for finding in read.findings:
            tally.add(finding)
        if read.chart is None:
            continue
        person_id = read.chart.value("id") or read.path.stem
        if person_id in seen:
            what = "two charts have one id; the second is left out"
            tally.note("same person twice", "refused", "id", what, read.path.name)
            continue
        seen.add(person_id)
        features = extract(read.chart, listed=False)
        people.append(_person(person_id, features))
        readings += [{"person_id": person_id} | row for row in _readings(read.chart, features, tally)]
        _count_unmapped(features, unmapped)
        _check_fields(read.chart, features, tally)
    if not people:
        raise TableError("\n".join(f"{f.place}: {f.what}" for f in tally.findings()[:20]))
    identity = {
        "file": folder.name,
        "sha256": hash_path(folder),
        "licence": licence,
        "citation": citation,
        "rows": len(people),
        "note": "emergency charts in Swedish prose, without dates: phase says when in the visit",
    }
    tables = _people_table(people), _readings_table(readings), _unmapped_table(unmapped)
    return Delivery(*tables, tally.findings(), identity)


def _person(person_id: str, features: Sequence[Feature]) -> dict[str, Any]:
    first = {feature.concept: feature for feature in reversed(features)}
    age = first.get("age")
    years = np.nan
    if age is not None and isinstance(age.value, float):
        years = float(convert(np.array([age.value]), age.unit, variables()["age_years"])[0])
        years = years if 0 <= years <= 120 else np.nan
    return {"person_id": person_id, "sex": first["sex"].value if "sex" in first else None, "age_years": years}


def _readings(chart: Chart, features: Sequence[Feature], tally: Tally) -> Iterator[dict[str, Any]]:
    """Readings of one chart in the order of its text, answers last."""
    answers: dict[str, dict[str, Feature]] = {}
    for feature in features:
        target = _targets().get(feature.concept)
        if feature.concept == "smoking_status":
            yield from _smoking(chart, feature)
        elif target is None or (target.spelled and not re.search(target.spelled, feature.text, re.IGNORECASE)):
            continue
        elif target.form == "number":
            yield from _number(chart, feature, target.variable, tally)
        elif target.form == "text":
            yield _row(chart, feature, target.variable, text=str(feature.value))
        elif answer := _answer(chart, feature, target, tally):
            answers.setdefault(target.variable, {}).setdefault(answer, feature)
    for variable, said in answers.items():
        text, flag = ("yes", "") if "yes" in said else ("no", "")
        if len(said) > 1:
            flag = "denied elsewhere in the chart"
            what = "is said of the patient in one place and denied in another; taken as yes"
            tally.note("said and denied", "suspect", variable, what, _place(chart, said["no"]))
        yield _row(chart, said[text], variable, text=text, flag=flag)


def _answer(chart: Chart, feature: Feature, target: _Target, tally: Tally) -> str | None:
    if feature.experiencer != "patient" or feature.assertion not in ANSWERS:
        what = "is only possible, or of another person; not taken over"
        tally.note("only possible", "note", target.variable, what, _place(chart, feature))
        return None
    if target.form == "taken" and feature.phase not in BEFORE_VISIT:
        return None      # what is given or ordered today is no treatment that the person came with
    return ANSWERS[feature.assertion]


def _smoking(chart: Chart, feature: Feature) -> Iterator[dict[str, Any]]:
    told = dict(SMOKING.get(str(feature.value), {}))
    if feature.value == "never_or_no" and NEVER.search(feature.text):
        told["smoking_status"] = "never"
    for variable, level in told.items():
        yield _row(chart, feature, variable, text=level)


def _number(chart: Chart, feature: Feature, name: str, tally: Tally) -> Iterator[dict[str, Any]]:
    """A number in the variable's unit; a range by its middle, "normal" without a value, each flagged."""
    variable, flag = variables()[name], ""
    if feature.value == "normal":
        yield _row(chart, feature, name, text="normal", flag="called normal, no value")
        return
    if isinstance(feature.value, str):
        low, high = (float(part) for part in feature.value.split("-"))
        value, flag = (low + high) / 2, f"middle of {feature.value}"
    else:
        value = float(feature.value or 0.0)
    if feature.comparator:
        flag = f"written as {feature.comparator}{feature.value:g}"
    if flag:
        what = "a range or a limit instead of a value; taken over with a flag"
        tally.note("value not exact", "note", name, what, _place(chart, feature))
    try:
        value = float(convert(np.array([value]), feature.unit or variable.unit, variable)[0])
    except TableError as fault:
        tally.note("unit does not fit", "refused", name, str(fault), _place(chart, feature))
        return
    if is_implausible(np.array([value]), variable).any():
        what = f"lies outside {variable.allowed()}; set missing"
        tally.note("implausible value", "suspect", name, what, _place(chart, feature))
        yield _row(chart, feature, name, flag=f"implausible: outside {variable.allowed()}, set missing")
        return
    yield _row(chart, feature, name, value=value, flag=flag)


def _check_fields(chart: Chart, features: Sequence[Feature], tally: Tally) -> None:
    """Fields without a readable value, and vital signs that differ between their field and prose of the arrival."""
    structured = {f.concept: f for f in features if keys()[f.section].kind == "number"}
    for field in chart.fields:
        key, text = keys()[field.key], chart.text[field.start : field.end]
        unread = key.kind == "number" and key.quantity not in structured and text.lower() not in NO_VALUE
        if unread or (key.kind == "code" and not any(f.section == field.key for f in features)):
            what = "holds no code of ICD-10" if key.kind == "code" else "holds no value that can be read"
            tally.note("field not read", "refused", field.key, what, f"{chart.name}, {field.key}")
    for feature in features:
        target, first = _targets().get(feature.concept), structured.get(feature.concept)
        if target is None or target.agree is None or first is None or first is feature or feature.phase != first.phase:
            continue
        if not (isinstance(first.value, float) and isinstance(feature.value, float)):
            continue
        if abs(first.value - feature.value) > target.agree:
            what = f"its field and the prose of {feature.section} differ by more than {target.agree:g}; both taken"
            tally.note("field against prose", "suspect", target.variable, what, _place(chart, feature))


def _count_unmapped(features: Sequence[Feature], unmapped: Counter[tuple[str, str, str]]) -> None:
    for feature in features:
        if feature.concept in _targets() or feature.concept in {"age", "sex", "smoking_status"}:
            continue
        known = concepts()[feature.concept]
        unmapped[(SNOMED, known.snomed, known.meaning) if known.snomed else (OWN, known.name, known.meaning)] += 1


def _row(
    chart: Chart, feature: Feature, variable: str, *, value: float = np.nan, text: str | None = None, flag: str = ""
) -> dict[str, Any]:
    return {
        "variable": variable,
        "value": value,
        "text": text,
        "flag": flag,
        "phase": feature.phase,
        "source": _place(chart, feature),
    }


def _place(chart: Chart, feature: Feature) -> str:
    return f"{chart.name}, characters {feature.start} to {feature.end}"


def _people_table(people: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(people, columns=["person_id", "sex", "age_years"])
    frame.insert(2, "birth_date", pd.Series(pd.NaT, index=frame.index, dtype="datetime64[s]"))
    return frame.astype({"person_id": "str", "sex": "str", "age_years": float})


def _readings_table(readings: list[dict[str, Any]]) -> pd.DataFrame:
    columns = ["person_id", "at", "phase", "variable", "value", "text", "flag", "source"]
    frame = pd.DataFrame(readings, columns=[name for name in columns if name != "at"])
    frame.insert(1, "at", pd.Series(pd.NaT, index=frame.index, dtype="datetime64[s]"))
    return frame.astype({name: "str" for name in columns if name not in {"at", "value"}} | {"value": float})[columns]


def _unmapped_table(unmapped: Counter[tuple[str, str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(*key, count) for key, count in sorted(unmapped.items(), key=lambda pair: (-pair[1], pair[0]))],
        columns=["system", "code", "display", "count"],
    )
    return frame.astype({"system": "str", "code": "str", "display": "str", "count": int})


@cache
def _targets() -> dict[str, _Target]:
    number = lambda s: float(s) if s else None  # noqa: E731
    return {
        row["concept"]: _Target(row["variable"], row["as"], number(row["agree"]), row["spelled"])
        for row in rows("variables")
    }
