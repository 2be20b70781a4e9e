"""How good the risks are for each part of the people: by sex, age and what else was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.evaluation.bootstrap import FEWEST, arrange, chunked, interval, resample, too_few
from pipeline.evaluation.metrics import Risk, Weights, calibration, discrimination, net_benefit, observed_expected

AGES = (40, 60)        # years at which a next age band begins
EVERYBODY, UNKNOWN = "everybody", "not recorded"
MEASURED = (
    "auroc", "observed_expected", "calibration_slope", "net_benefit", "called", "sensitivity", "false_positive_rate",
)  # fmt: skip
COUNTED = ("n", "known", "events", "called_events", "called_others")


def subgroups(people: pd.DataFrame, others: Sequence[str] = ("ethnicity",)) -> pd.DataFrame:
    """The level of each person on sex, age band and those of the `others` that were recorded; one row a person.

    `people` has person_id as index, and `sex`, `age_years` and perhaps the others as columns. Who has no answer is
    "not recorded", so that the levels of a characteristic, in their order, always make up everybody.
    """
    age = people["age_years"].to_numpy(dtype=float)
    bands = [f"under {AGES[0]}", *(f"{a} to {b - 1}" for a, b in pairwise(AGES)), f"{AGES[-1]} or more", UNKNOWN]
    band = np.array(bands)[np.where(np.isnan(age), len(AGES) + 1, np.digitize(age, AGES))]
    labels = {"sex": people["sex"], "age": pd.Series(pd.Categorical(band, bands), index=people.index)}
    for name in others:
        if name in people and people[name].notna().any():
            labels[name] = people[name]
    for name in labels.keys() - {"age"}:
        answers = labels[name].astype(object).fillna(UNKNOWN)
        levels = sorted(set(answers) - {UNKNOWN})
        labels[name] = pd.Series(pd.Categorical(answers, [*levels, UNKNOWN]), index=people.index)
    return pd.DataFrame(labels, index=people.index)


def by_subgroup(
    predictions: pd.DataFrame, labels: pd.DataFrame, groups: pd.Series, *, threshold: float, resamples: int, seed: int
) -> pd.DataFrame:
    """Every one of `COUNTED` and `MEASURED` for everybody and for each level of each column of `labels`.

    `predictions` are of one model; a person's risk is the mean over repeats. "called" is the share at or above
    `threshold`, "sensitivity" that share among people with the event, "false_positive_rate" that among people without.
    Shares and ratios count each person with the weight of the table, counts are of people. Intervals are quantiles
    over the resamples that `judge` draws. Below `FEWEST` people with or without the event nothing is measured.
    """
    persons, event, weight, risks = arrange(predictions)
    (risk,) = (each.mean(axis=0) for each in risks.values())
    drawn = resample(groups.loc[persons].to_numpy(), draws=resamples, seed=seed)
    chosen = labels.loc[persons]
    parts = [(EVERYBODY, EVERYBODY, np.ones(len(persons), dtype=bool))]
    parts += [
        (name, level, (chosen[name] == level).to_numpy())
        for name in chosen.columns
        for level in chosen[name].cat.categories
        if (chosen[name] == level).any()
    ]
    rows = []
    for name, level, members in parts:
        own_risk, own_event, own_weight = risk[members], event[members], weight[members]
        known, called = own_weight > 0, own_risk >= threshold
        counts = (members.sum(), known.sum(), own_event.sum(), (called & (own_event == 1)).sum(),
                  (called & known & (own_event == 0)).sum())      # fmt: skip
        rows += [(name, level, key, float(n), np.nan, np.nan) for key, n in zip(COUNTED, counts, strict=True)]
        if too_few(own_event, own_weight, FEWEST):
            rows += [(name, level, key, np.nan, np.nan, np.nan) for key in MEASURED]
            continue

        def work(weights: Weights, risk: Risk = own_risk, event: np.ndarray = own_event) -> np.ndarray:
            return _measure(risk, event, weights, threshold)

        value = work(own_weight[None])[:, 0]
        spread = chunked(work, drawn[:, members], own_weight)
        ends = [interval(v, s)[:2] for v, s in zip(value, spread, strict=True)]
        rows += [(name, level, key, v, *end) for key, v, end in zip(MEASURED, value, ends, strict=True)]
    columns = ["characteristic", "level", "metric", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:3], "str"))


def _measure(
    risk: Risk, event: Int[np.ndarray, " people"], weights: Weights, threshold: float
) -> Float[np.ndarray, "measures resamples"]:
    """All of `MEASURED`; NaN in a resample without events or without others."""
    called, with_event = (risk >= threshold).astype(float), event.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        total, events = weights.sum(axis=1), weights @ with_event
        values = np.stack(
            [
                discrimination(risk, event, weights)[0],
                observed_expected(risk, event, weights),
                calibration(risk, event, weights)[0],
                net_benefit(risk, event, weights, threshold),
                weights @ called / total,
                weights @ (called * with_event) / events,
                weights @ (called * (1 - with_event)) / (total - events),
            ]
        )
    return np.where((events > 0) & (events < total), values, np.nan)
