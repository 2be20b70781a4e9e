"""From a source to the people of a study: who is included, step by step, and who has the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.cohorts import csv_file, nhanes
from pipeline.cohorts.baseline import BMI, baseline
from pipeline.cohorts.quality import describe
from pipeline.cohorts.source import Source
from pipeline.cohorts.units import convert
from pipeline.config import Rule, Study
from pipeline.schema import TableError, Variable

COHORTS: dict[str, Callable[[Any, Mapping[str, Variable]], Source]] = {
    "nhanes": nhanes.load,
    "csv": csv_file.load,
}


class Cohort(NamedTuple):
    """The people of a study, what was observed of them, and how they came to be these."""

    people: pd.DataFrame
    observations: pd.DataFrame
    outcomes: pd.DataFrame
    flow: list[dict[str, Any]]     # step, removed, left; the first step is the source file
    quality: dict[str, Any]


def build(study: Study) -> Cohort:
    """Load the study's source, check and convert it, apply the include rules, define the outcome.

    Raises `TableError` if the source breaks its contract, nobody is left, or everybody has the same outcome.
    """
    known = study.known_variables()
    source = COHORTS[study.cohort.source](study.cohort, known)
    name = source.identity["file"]
    rules = (*study.cohort.include, *study.outcome.any_of)
    _check_offered(rules, source, name)

    table = baseline(source.people, source.observations, known)
    absent = {rule.variable for rule in rules} - set(table.columns)
    table = table.assign(**{v: pd.Series(np.nan, index=table.index) for v in absent})
    flow: list[dict[str, Any]] = [{"step": "in the source file", "removed": 0, "left": len(table)}]

    def keep(stays: pd.Series, step: str) -> None:
        nonlocal table
        flow.append({"step": step, "removed": int((~stays).sum()), "left": int(stays.sum())})
        table = table[stays]
        if table.empty:
            steps = "\n".join(f"  {f['step']}: {f['left']} left" for f in flow)
            raise TableError(f"{name}: nobody is left after the rules under [cohort] include:\n{steps}")

    if (source.observations["time_d"] != 0).any():
        times = source.observations.groupby("person_id")["time_d"].min()
        seen = times.index[times <= 0]
        keep(pd.Series(table.index.isin(seen), index=table.index), "seen at or before time zero")
    for rule in study.cohort.include:
        keep(passes(table, rule, known), rule.reason)

    measured = pd.concat([table[rule.variable].notna() for rule in study.outcome.any_of], axis=1)
    passed = pd.concat([passes(table, rule, known) for rule in study.outcome.any_of], axis=1)
    event = (passed.to_numpy() & measured.to_numpy()).any(axis=1)
    is_known = measured.any(axis=1)
    keep(is_known, "outcome known")
    event = event[is_known.to_numpy()]
    if event.all() or not event.any():
        raise TableError(
            f"{name}: outcome {study.outcome.name} is the same for everybody: {int(event.sum())} with it, "
            f"{int((~event).sum())} without; a model needs both. Check [outcome] any_of, its limits and units"
        )

    kept = table.index
    people = source.people[source.people["person_id"].isin(kept)].reset_index(drop=True)
    observations = source.observations[source.observations["person_id"].isin(kept)].reset_index(drop=True)
    outcomes = pd.DataFrame(
        {
            "person_id": people["person_id"],
            "outcome": pd.Series(study.outcome.name, index=people.index, dtype="str"),
            "event": event.astype("int64"),
            "time_d": np.full(len(people), np.nan),    # measured at the visit itself
        }
    )
    quality = describe(source, people, observations, outcomes, flow, study.outcome.label, known)
    return Cohort(people, observations, outcomes, flow, quality)


def passes(table: pd.DataFrame, rule: Rule, known: Mapping[str, Variable]) -> pd.Series:
    """True for whom the rule holds at baseline; a missing value fails every test but `not_equals`."""
    variable, column = known[rule.variable], table[rule.variable]
    if rule.measured:
        return column.notna()
    is_text_test = rule.equals is not None or rule.not_equals is not None
    if is_text_test != (variable.kind == "category"):
        wanted = "min and max" if is_text_test else "equals or not_equals"
        raise TableError(f"rule {rule.reason!r}: {variable.name} is a {variable.kind}, test it with {wanted}")
    if rule.equals is not None:
        return (column == rule.equals).fillna(False).astype(bool)
    if rule.not_equals is not None:
        return ~(column == rule.not_equals).fillna(False).astype(bool)
    holds = column.notna()
    if rule.min is not None:
        holds &= column >= _limit(rule.min, rule, variable)
    if rule.max is not None:
        holds &= column <= _limit(rule.max, rule, variable)
    return holds


def _limit(value: float, rule: Rule, variable: Variable) -> float:
    try:
        return float(convert(np.array([value]), rule.unit or variable.unit, variable)[0])
    except TableError as fault:
        raise TableError(f"rule {rule.reason!r}: {fault}") from None


def _check_offered(rules: tuple[Rule, ...], source: Source, name: str) -> None:
    offered = {*source.offered, "age_years", "sex"}
    if {"weight_kg", "height_cm"} <= offered:
        offered.add(BMI)
    lines = [
        f"{name}: rule {rule.reason!r} needs {rule.variable}, which this cohort does not have; it has "
        + ", ".join(sorted(offered))
        for rule in rules
        if rule.variable not in offered
    ]
    if lines:
        raise TableError("\n".join(lines))
