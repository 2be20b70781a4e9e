"""People by risk band: how many, what happened to them, what sets them apart, and one example of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.reports import wording
from pipeline.reports.disclosure import hidden, withheld
from pipeline.reports.results import DESCRIBED, Results

NAMES = {
    1: ("Everybody",),
    2: ("Lower risk", "Higher risk"),
    3: ("Lowest risk", "Middle risk", "Highest risk"),
    4: ("Lowest risk", "Lower middle", "Upper middle", "Highest risk"),
}
# Starting values of example people are moved to the nearest of these steps, so that nobody is recognised.
COARSE = {
    "weight_kg": 5.0,
    "pdff_percent": 1.0,
    "sbp_mmhg": 5.0,
    "dbp_mmhg": 5.0,
    "fat_mass_kg": 5.0,
    "bmi_kg_m2": 1.0,
}
RESPONSE_YEAR = 1    # what a person can plan for; ten years of keeping it up are drawn for the examples only
# Changes smaller than these are not worth a clinician's time.
NOTABLE = {
    "weight_kg": 0.5,
    "pdff_percent": 0.3,
    "sbp_mmhg": 1.0,
    "dbp_mmhg": 1.0,
    "fat_mass_kg": 0.5,
    "bmi_kg_m2": 0.2,
}


class Band(NamedTuple):
    """One risk band, its counts, and whether they may be shown."""

    number: int  # 1 is the lowest
    name: str
    rule: str
    n: int
    mean_risk: float
    observed: float
    low: float
    high: float
    members: pd.Index  # of person_id
    counted: bool  # its number of people may be shown
    shown: bool  # so may how many of them had the outcome
    people: str  # both in words
    events: str


class Members(NamedTuple):
    """Some of the people, and whether their number may be shown."""

    n: int
    members: pd.Index
    counted: bool = True


class Example(NamedTuple):
    """A real person close to the middle of a band, without what would identify them."""

    label: str
    band: Band
    person_id: str  # never shown
    risk: float
    low: float
    high: float
    doubt: str           # which part of what is not known is larger: of the "person" or the "model"; "" if not known
    sex: str
    age: str


def make_bands(results: Results) -> list[Band]:
    """The risk bands of the chosen model from the lowest up, empty ones included."""
    minimum = results.study.report.min_count
    rows = results.chosen(results.strata).sort_values("risk_from").reset_index(drop=True)
    place = np.digitize(results.risks["risk"], results.study.report.bands)
    filled = [i for i in rows.index if rows.at[i, "n"] > 0]
    counts = [int(rows.at[i, "n"]) for i in filled]
    few = {filled[k] for k in hidden(counts, minimum)}
    # Nearly everybody is as telling as nearly nobody: the smaller side decides.
    sides = [int(min(rows.at[i, "events"], rows.at[i, "n"] - rows.at[i, "events"])) for i in filled]
    secret = few | {filled[k] for k in hidden(sides, minimum)}
    names = NAMES.get(len(rows)) or [f"Band {i + 1} of {len(rows)}" for i in range(len(rows))]
    bands = []
    for i, row in rows.iterrows():
        n, events = int(row["n"]), int(row["events"])
        bands.append(
            Band(
                number=int(row["band"]),
                name=names[i],
                rule=wording.band(row["risk_from"], row["risk_to"]),
                n=n,
                mean_risk=float(row["mean_risk"]),
                observed=float(row["observed"]),
                low=float(row["low"]),
                high=float(row["high"]),
                members=results.risks.index[place == i],
                counted=i not in few,
                shown=n > 0 and i not in secret,
                people="nobody" if n == 0 else wording.number(n) if i not in few else withheld(n, minimum),
                events="–"
                if n == 0
                else wording.number(events)
                if i not in secret
                else withheld(events, minimum),
            )
        )
    return bands


def describe(results: Results, bands: Sequence[Band | Members], *, risk: bool = False) -> list[dict[str, Any]]:
    """What sets groups of people apart: one row a characteristic, one cell a group; `risk` too, if asked for."""
    people = results.people
    start = _at_year(results, 0)
    rows = [_row("Age", "years", bands, _median(people["age_years"], 0))]
    rows.append(
        _row("Women", "of 100 people", bands, lambda ids: _share(people["sex"].reindex(ids) == "female"))
    )
    for name in DESCRIBED:
        if name in people and people[name].notna().any():
            label, unit = wording.output(name)
            rows.append(_row(wording.capital(label), unit, bands, _median(people[name], 0)))
    if risk:
        rows.append(_row("Predicted risk", "of 100", bands, _median(100 * results.risks["risk"], 0)))
    if ("no_change", "pdff_percent") in start:
        label, unit = wording.output("pdff_percent")
        values = start["no_change", "pdff_percent"]
        rows.append(_row(f"{wording.capital(label)}, as the twin predicts", unit, bands, _median(values, 1)))
    return rows


def describe_responses(results: Results, bands: list[Band]) -> list[dict[str, Any]]:
    """Mean modelled change after `RESPONSE_YEAR`, against no change, and the range of 95 of 100 people."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for output, scenario, change in responses(results):
        label, unit = wording.output(output)
        title = wording.capital(f"{label} ({unit})" if unit else label)
        row = _row(results.scenario_title(scenario), "", bands, _mean(change, NOTABLE.get(output, 0.0)))
        grouped.setdefault(title, []).append(row)
    return [{"title": title, "rows": rows} for title, rows in grouped.items()]


def responses(results: Results) -> list[tuple[str, str, pd.Series]]:
    """For every output and intervention: each person's modelled change against no change."""
    end = _at_year(results, RESPONSE_YEAR)
    return [
        (output, scenario, end[scenario, output] - end["no_change", output])
        for output in results.outputs
        for scenario in results.scenario_names[1:]
        if (scenario, output) in end and ("no_change", output) in end
    ]


def strongest(results: Results, band: Band) -> list[tuple[str, str, float, float, float]]:
    """For every output the intervention with the largest modelled fall in a band: mean and range."""
    best: dict[str, tuple[str, str, float, float, float]] = {}
    for output, scenario, change in responses(results):
        values = change.reindex(band.members).dropna()
        if values.empty or values.mean() > -NOTABLE.get(output, 0.0):
            continue
        if output not in best or values.mean() < best[output][2]:
            low, high = np.quantile(values, [0.025, 0.975])
            best[output] = (output, scenario, float(values.mean()), float(low), float(high))
    return list(best.values())


def choose_examples(results: Results, bands: list[Band]) -> list[Example]:
    """The people nearest the median risk of the lowest, middle and highest band whose trajectories are whole.

    Bands of fewer people than may be shown give no example.
    """
    complete = _complete(results)
    people = results.people
    usable = [band for band in bands if band.counted and len(band.members.intersection(complete))]
    picks = sorted({0, len(usable) // 2, len(usable) - 1}) if usable else []
    examples = []
    for letter, pick in zip("ABC", picks, strict=False):
        band = usable[pick]
        risks = results.risks.loc[band.members]
        distance = (risks["risk"] - risks["risk"].median()).abs()
        chosen = str(distance[distance.index.isin(complete)].sort_values(kind="stable").index[0])
        row, person = risks.loc[chosen], people.loc[chosen]
        examples.append(
            Example(
                label=f"Person {letter}",
                band=band,
                person_id=chosen,
                risk=float(row["risk"]),
                low=float(row["low"]),
                high=float(row["high"]),
                doubt=larger_part(risks.loc[[chosen]])[0],
                sex={"female": "woman", "male": "man"}.get(str(person["sex"]), "person"),
                age=wording.age_range(float(person["age_years"])),
            )
        )
    return examples


def larger_part(risks: pd.DataFrame) -> np.ndarray:
    """Whether more is unknown of each "person" or of the "model"; "" where one of the two is not known."""
    person, model = risks["person_sd"].to_numpy(), risks["model_sd"].to_numpy()
    return np.where(np.isnan(person) | np.isnan(model), "", np.where(person > model, "person", "model"))


def blur(results: Results, person_id: str, output: str) -> pd.DataFrame:
    """A person's trajectories of one output, moved so that they start at a round value."""
    table = results.trajectories
    rows = table[(table["person_id"] == person_id) & (table["output"] == output)].sort_values(
        ["scenario", "year"]
    )
    start = rows.loc[(rows["scenario"] == "no_change"), "mean"].iloc[0]
    step = COARSE.get(output) or 10.0 ** np.floor(np.log10(max(abs(start), 1e-9))) / 2
    moved = rows.copy()
    moved[["mean", "low", "high"]] += np.round(start / step) * step - start
    moved[["mean", "low", "high"]] = moved[["mean", "low", "high"]].clip(lower=0)
    return moved


def _complete(results: Results) -> pd.Index:
    """People with every scenario, output and year that was simulated for anybody."""
    table = results.trajectories
    table = table[table["scenario"].isin(results.scenario_names)]
    if table.empty:
        return pd.Index([], dtype=str)
    expected = table[["scenario", "output", "year"]].drop_duplicates().shape[0]
    counts = table[np.isfinite(table["mean"])].groupby("person_id").size()
    return counts.index[counts == expected]


def _at_year(results: Results, year: int) -> dict[tuple[str, str], pd.Series]:
    """Mean of each person by scenario and output at one year."""
    table = results.trajectories
    if table.empty:
        return {}
    rows = table[(table["year"] == year) & np.isfinite(table["mean"])]
    return {key: group.set_index("person_id")["mean"] for key, group in rows.groupby(["scenario", "output"])}


def _row(
    label: str, unit: str, bands: Sequence[Band | Members], cell: Callable[[pd.Index], tuple[str, str]]
) -> dict[str, Any]:
    cells = [cell(band.members) if band.n and band.counted else ("–", "") for band in bands]
    return {"label": label, "unit": unit, "cells": cells}


def _median(values: pd.Series, digits: int) -> Callable[[pd.Index], tuple[str, str]]:
    def cell(members: pd.Index) -> tuple[str, str]:
        known = values.reindex(members).dropna()
        if known.empty:
            return "not known", ""
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        return wording.number(middle, digits), wording.interval(low, high, digits)

    return cell


def _mean(values: pd.Series, notable: float) -> Callable[[pd.Index], tuple[str, str]]:
    def cell(members: pd.Index) -> tuple[str, str]:
        known = values.reindex(members).dropna()
        if known.empty:
            return "not known", ""
        low, high = np.quantile(known, [0.025, 0.975])
        if max(abs(low), abs(high)) < min(notable, 0.05):
            return "no change", "in the twin"
        return wording.signed(float(known.mean())), wording.interval(low, high, 1, sign=True)

    return cell


def _share(answers: pd.Series) -> tuple[str, str]:
    return wording.hundredths(float(answers.mean())) if len(answers) else "not known", ""
