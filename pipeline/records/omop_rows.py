"""Batches of OMOP rows to statements, a column at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.records.codes import Target
from pipeline.records.intake import Intake
from pipeline.records.items import Meaning, Unit, joined, spot
from pipeline.records.omop_vocabulary import Vocabulary
from pipeline.records.resources import NO_DATE
from pipeline.records.times import Moment
from pipeline.schema import variables

OPERATORS = {4171756: "below", 4171754: "at most", 4172704: "above", 4171755: "at least"}
NONE = Unit()


class Batch(NamedTuple):
    """Rows of one table under one concept."""

    table: str
    key: str          # the column that numbers its rows
    concept: str
    frame: pd.DataFrame

    @property
    def label(self) -> str:
        """The concept in words."""
        return self.concept.replace(":", " ") if ":" in self.concept else f"omop {self.concept}"

    def where(self, row: int = 0) -> str:
        """Where a row of the batch stands."""
        return spot(self.table, self.frame["line"].iloc[row], word=self.key)


def take(batch: Batch, target: Target, vocabulary: Vocabulary, out: Intake) -> None:
    """Statements of one variable."""
    frame, place = batch.frame, f"{batch.label} ({target.variable.name})"
    flags = np.array([target.flag] * len(frame), dtype=object)
    if target.variable.kind == "number" and not target.level:
        says = frame["value"].notna().to_numpy()
        units = _by_value(frame[["unit", "unit_text"]], lambda u, w: out.items.units(vocabulary.unit(u, w)))
        limits = frame["operator"].map(OPERATORS).fillna("").to_numpy(dtype=object)
        limited = says & (limits != "")
        if limited.any():
            what = "is only said to lie below or above the value; taken over as the value and flagged"
            first = batch.where(int(np.flatnonzero(limited)[0]))
            out.findings.add("value is a limit", place, what, first, int(limited.sum()))
        flags = np.array([joined(a, b) for a, b in zip(limits, flags, strict=True)], dtype=object)
        texts = np.array([""] * len(frame), dtype=object)
    else:
        units = np.full(len(frame), out.items.units(NONE))
        texts, says = _texts(batch, target, vocabulary, out)
    silent = ~says & (texts != "?")
    if silent.any():
        first = batch.where(int(np.flatnonzero(silent)[0]))
        out.findings.add("value absent", place, "has no value", first, int(silent.sum()))
        out.ledger.count(batch.table, "absent", int(silent.sum()))
    numbers = np.where(texts == "", frame["value"].to_numpy(dtype=float), np.nan)
    _append(batch, target, numbers, units, texts, flags, says, out)


def take_span(batch: Batch, variable: str, text: str, out: Intake) -> None:
    """A level of a category for every row, dated by it."""
    count = len(batch.frame)
    texts, flags = (np.array([word] * count, dtype=object) for word in (text, ""))
    target = Target(variables()[variable], level=text)
    units, says = np.full(count, out.items.units(NONE)), np.ones(count, dtype=bool)
    _append(batch, target, np.full(count, np.nan), units, texts, flags, says, out)


def _texts(batch: Batch, target: Target, vocabulary: Vocabulary, out: Intake) -> tuple[np.ndarray, np.ndarray]:
    """The level of each row, and which have one; "?" marks those whose answer has no level, which are unmapped."""
    variable = target.variable

    def read(answer: int, text: str) -> str:
        known = vocabulary.answer(variable.name, answer) if answer else None
        if target.level:      # the concept says it all, unless it is denied
            return "no" if known and known[0] == "no" else target.level
        if known:
            return known[0]
        if text and (text in variable.levels or not variable.levels):
            return text
        return "?" if answer else ""

    frame = batch.frame
    if "answer" not in frame:
        return np.array([target.level] * len(frame), dtype=object), np.ones(len(frame), dtype=bool)
    found = _by_value(frame[["answer", "text"]], read, dtype=object)
    unknown = found == "?"
    for answer, times in frame["answer"][unknown].value_counts().sort_index().items():
        out.unmapped.add("OMOP", str(answer), vocabulary.name(int(str(answer))), batch.table, int(times))
        out.ledger.count(batch.table, "unmapped", int(times))
    return found, (found != "") & ~unknown


def _append(
    batch: Batch,
    target: Target,
    values: np.ndarray,
    units: np.ndarray,
    texts: np.ndarray,
    flags: np.ndarray,
    says: np.ndarray,
    out: Intake,
) -> None:
    items, frame = out.items, batch.frame[says]
    count = len(frame)
    seconds = frame["seconds"]
    undated = np.where(seconds.isna(), NO_DATE, "")
    flags = np.array([joined(f, str(u)) for f, u in zip(flags[says], undated, strict=True)], dtype=object)
    zero = np.zeros(count, dtype=np.int64)
    items.extend(
        subject=_numbers(frame["person"], items.subjects),
        time=_numbers(seconds, lambda s: items.times("" if pd.isna(s) else Moment(int(s // 1), ""))),
        updated=zero,
        meaning=np.full(count, items.meanings(Meaning(target, batch.label, batch.table))),
        unit=units[says],
        value=values[says],
        text=_numbers(pd.Series(texts[says]), items.texts),
        flag=_numbers(pd.Series(flags), items.flags),
        file=np.full(count, items.files((batch.table, batch.key))),
        line=frame["line"].to_numpy(dtype=np.int64),
        entry=zero,
        part=zero,
        serial=frame["line"].to_numpy(dtype=np.int64),
        resource=zero,
    )


def _numbers(column: pd.Series, number: Callable[..., int]) -> np.ndarray:
    """Each value's number, asked for once a value."""
    spots, distinct = pd.factorize(column, use_na_sentinel=False)
    return np.array([number(value) for value in distinct], dtype=np.int64)[spots]


def _by_value(frame: pd.DataFrame, function: Callable[..., object], dtype: type = np.int64) -> np.ndarray:
    """A function of each row, asked for once a distinct row."""
    spots, distinct = pd.factorize(pd.Series(list(frame.itertuples(index=False, name=None)), dtype=object))
    found: np.ndarray = np.empty(len(distinct), dtype=dtype)
    for number, row in enumerate(distinct):
        found[number] = function(*row)
    return found[spots]
