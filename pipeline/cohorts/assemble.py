"""From a source to the people of a study: who is included, step by step, and who has the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.cohorts import csv_file, delivered, framingham, nafld, nhanes
from pipeline.cohorts.baseline import BMI, baseline
from pipeline.cohorts.faults import SHOWN_ROWS
from pipeline.cohorts.outcome import (
    CENSORED,
    DAYS_A_YEAR,
    EVENT,
    Follow,
    by_horizon,
    censoring_weights,
    check_horizon,
    follow,
)
from pipeline.cohorts.quality import describe
from pipeline.cohorts.source import Source
from pipeline.config import Study
from pipeline.schema import TableError, Variable
from pipeline.sections import Rule
from pipeline.units import convert

COHORTS: dict[str, Callable[[Any, Mapping[str, Variable]], Source]] = {
    "nhanes": nhanes.load,
    "framingham": framingham.load,
    "nafld": nafld.load,
    "csv": csv_file.load,
    **dict.fromkeys(("fhir", "omop", "charts", "images", "vault"), delivered.load),
}


class Cohort(NamedTuple):
    """The people of a study, what was observed of them, and how they came to be these."""

    people: pd.DataFrame
    observations: pd.DataFrame
    outcomes: pd.DataFrame
    flow: list[dict[str, Any]]     # step, removed, left; the first step is the source file
    quality: dict[str, Any]
    consent: Mapping[str, Any] | None = None     # snapshot of what people allowed, where they were asked


def build(study: Study) -> Cohort:
    """Load the study's source, check and convert it, apply the include rules, define the outcome.

    Raises `TableError` if the source breaks its contract, nobody is left, or everybody has the same outcome.
    """
    known = study.known_variables()
    source = COHORTS[study.cohort.source](study.cohort, known)
    name = source.identity["file"]
    rules = (*study.cohort.include, *study.outcome.any_of)
    _check_offered(rules, source, name)
    if unknown := sorted(set(study.outcome.events) - set(source.events["event"])):
        there = ", ".join(dict.fromkeys(source.events["event"])) or "none, as nobody was followed up"
        raise TableError(f"{name}: [outcome] events: no {', '.join(unknown)}; this cohort has {there}")

    table = baseline(source.people, source.observations, known)
    absent = {rule.variable for rule in rules} - set(table.columns)
    table = table.assign(**{v: pd.Series(np.nan, index=table.index) for v in absent})
    left = len(table) + sum(source.left_out.values())
    flow: list[dict[str, Any]] = [{"step": "in the source file", "removed": 0, "left": left}]
    for why, number in source.left_out.items():
        left -= number
        flow += [{"step": why, "removed": number, "left": left}] if number else []

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

    outcome = study.outcome
    if outcome.horizon_years is None:
        measured = pd.concat([table[rule.variable].notna() for rule in outcome.any_of], axis=1)
        keep(measured.any(axis=1), "outcome known")
        _check_days(source.observations, table.index, {rule.variable for rule in outcome.any_of}, name)
        passed = [passes(table, rule, known) & table[rule.variable].notna() for rule in outcome.any_of]
        event = pd.concat(passed, axis=1).any(axis=1).to_numpy()
        followed = Follow(np.full(len(table), np.nan), np.where(event, EVENT, CENSORED))
        weight = np.ones(len(table))
    else:
        followed = follow(table.index, source.events, outcome.events)
        had = (followed.time_d <= 0) & (followed.status == EVENT)
        keep(pd.Series(~had, index=table.index), f"no {_or(outcome.events)} before time zero")
        followed = followed.of(~had)
        after = followed.time_d > 0
        keep(pd.Series(after, index=table.index), "followed after time zero")
        followed = followed.of(after)
        check_horizon(followed, outcome.horizon_years, name)
        horizon_d = DAYS_A_YEAR * outcome.horizon_years
        event = by_horizon(*followed, horizon_d) == 1
        weight = censoring_weights(*followed, horizon_d)
    if event.all() or not event.any():
        raise TableError(
            f"{name}: outcome {outcome.name} is the same for everybody: {int(event.sum())} with it, "
            f"{int((~event).sum())} without; a model needs both. Check [outcome], its limits and units"
        )

    kept = table.index
    people = source.people.set_index("person_id").loc[kept].reset_index()
    observations = source.observations[source.observations["person_id"].isin(kept)].reset_index(drop=True)
    outcomes = pd.DataFrame(
        {
            "person_id": people["person_id"],
            "outcome": pd.Series(outcome.name, index=people.index, dtype="str"),
            "event": event.astype("int64"),
            "time_d": followed.time_d,
            "status": pd.Series(followed.status, index=people.index, dtype="str"),
            "weight": weight,
        }
    )
    quality = describe(source, people, observations, outcomes, flow, outcome.label, known)
    return Cohort(people, observations, outcomes, flow, quality, source.consent)


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(name.replace("_", " ") for name in names)


def _check_days(observations: pd.DataFrame, persons: pd.Index, outcome: set[str], name: str) -> None:
    """Raise `TableError` if anything that could predict was read after the outcome, up to time zero.

    An outcome from several variables is known when the last of them is.
    """
    if BMI in outcome:
        outcome = outcome | {"weight_kg", "height_cm"}
    known = observations[observations["value"].notna() | observations["text"].notna()]
    known = known[(known["time_d"] <= 0) & known["person_id"].isin(persons)]
    of_outcome = known["variable"].isin(outcome)
    day = known["person_id"].map(known[of_outcome].groupby("person_id")["time_d"].max())
    late = known.assign(day=day)[~of_outcome & (known["time_d"] > day)].drop_duplicates("person_id")
    if late.empty:
        return
    lines = [
        f"{name}: person {row.person_id}: {row.variable} of day {row.time_d:g} is dated after the outcome, of day "
        f"{row.day:g}, and must not predict it"
        for row in late.head(SHOWN_ROWS).itertuples()
    ]
    lines[0] += "; take such visits out of the file, or count days from when the outcome was read"
    if len(late) > SHOWN_ROWS:
        lines.append(f"{name}: and {len(late) - SHOWN_ROWS} more such people, {len(late)} in all")
    raise TableError("\n".join(lines))


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
