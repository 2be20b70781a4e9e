"""Intervals by drawing people again: the same resamples for every model, so that differences are paired."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.evaluation.metrics import METRICS, measure
from pipeline.runs import RunError

INTERVAL = (0.025, 0.975)
CELLS = 2**18       # weights measured at once: small enough to stay in the cache
FEWEST = 5          # people with the event, and without, below which nothing is measured (assumed)
ENOUGH = 50         # usable resamples below which no interval is given
SIMPLE = "logistic"     # on routine data: what every other model has to beat
COMPARED = ("auroc", "auprc", "brier", "calibration_slope", "net_benefit")


class Judgement(NamedTuple):
    """Metrics and differences with 95 % intervals, and what could not be worked out."""

    metrics: pd.DataFrame          # model, feature_set, metric, value, low, high
    differences: pd.DataFrame      # model, metric, feature_set, reference, difference, low, high
    dropped: int                   # resamples without an event, or with nothing else
    reasons: list[str]             # one sentence for each number that is missing


def resample(groups: np.ndarray, *, draws: int, seed: int) -> Int[np.ndarray, "draws people"]:
    """How often each person is in each resample, when whole groups are drawn with replacement."""
    _, code = np.unique(groups.astype(str), return_inverse=True)
    count = int(code.max()) + 1
    generator = np.random.default_rng(seed)
    drawn = np.empty((draws, count), dtype=np.int16)
    for row in drawn:
        row[:] = np.bincount(generator.integers(count, size=count), minlength=count)
    return drawn[:, code]


def judge(
    predictions: pd.DataFrame, groups: pd.Series, *, threshold: float, resamples: int, seed: int
) -> Judgement:
    """Every metric of every model and feature set, each set against "routine", each model against `SIMPLE`.

    `groups` has person_id as index. Where people were lost to follow-up, each counts with the weight of the table,
    which stays that of the whole cohort. In each resample a metric is the mean over the repeats of the
    cross-validation; intervals are the 2.5 % and 97.5 % quantiles over resamples of people. They say how much
    the figures would vary with other people, not with other models fitted to them.
    """
    persons, event, weight, risks = arrange(predictions)
    unknown = persons.difference(groups.index)
    if len(unknown):
        raise RunError(f"{len(unknown)} people with predictions are not in people.parquet: run train again")
    counts = resample(groups.loc[persons].to_numpy(), draws=resamples, seed=seed)
    events, known = counts @ (event * (weight > 0)), counts @ (weight > 0)
    usable = counts[(events > 0) & (events < known)]

    few = too_few(event, weight, FEWEST)
    usable = usable[:0] if few else usable
    values = {
        key: np.full(len(METRICS), np.nan) if few else _mean(risk, event, weight[None], threshold)[:, 0]
        for key, risk in risks.items()
    }
    spread = {
        key: chunked(lambda w: _mean(risk, event, w, threshold), usable, weight)      # noqa: B023
        for key, risk in risks.items()
    }

    reasons = [few] if few else []
    dropped = len(counts) - len(usable)
    if dropped and not few:
        reasons.append(f"{dropped} of {resamples} resamples had no event, or nothing else, and were left out")
    rows, differences = [], []
    for (model, name), value in values.items():
        rows += [(model, name, "n", float(len(event)), np.nan, np.nan)]
        rows += [(model, name, "events", float(event.sum()), np.nan, np.nan)]
        for position, metric in enumerate(METRICS):
            low, high, reason = interval(value[position], spread[model, name][position])
            rows.append((model, name, metric, value[position], low, high))
            if reason and not few:
                reasons.append(f"{model}, {name}, {metric}: {reason}")
            for reference, other in (("routine", (model, "routine")), (SIMPLE, (SIMPLE, "routine"))):
                own = other == (model, name) or (reference == SIMPLE and model == SIMPLE)
                if own or other not in values or metric not in COMPARED:
                    continue
                gap = value[position] - values[other][position]
                low, high, _ = interval(gap, spread[model, name][position] - spread[other][position])
                differences.append((model, metric, name, reference, gap, low, high))
    return Judgement(
        _table(rows, "model feature_set metric value low high"),
        _table(differences, "model metric feature_set reference difference low high"),
        dropped,
        reasons,
    )


class Arranged(NamedTuple):
    """Predictions by person, in the order of `persons`."""

    persons: pd.Index
    event: Int[np.ndarray, " people"]
    weight: Float[np.ndarray, " people"]       # 0 where it is not known whether the event came
    risks: dict[tuple[str, str], Float[np.ndarray, "repeats people"]]      # by model and feature set


def arrange(predictions: pd.DataFrame) -> Arranged:
    """The table of predictions as arrays; raises `RunError` if a model lacks people."""
    first = predictions.drop_duplicates("person_id").set_index("person_id")[["event", "weight"]].sort_index()
    risks = {}
    for key, rows in predictions.groupby(["model", "feature_set"], sort=False):
        wide = rows.pivot(index="repeat", columns="person_id", values="risk").reindex(columns=first.index)
        if wide.isna().to_numpy().any():
            raise RunError(f"predictions.parquet: {key[0]}, {key[1]} lacks people in a repeat: rerun train")
        risks[key[0], key[1]] = wide.to_numpy()
    return Arranged(first.index, first["event"].to_numpy(np.int64), first["weight"].to_numpy(float), risks)


def too_few(event: Int[np.ndarray, " people"], weight: Float[np.ndarray, " people"], needed: int) -> str:
    """Why nothing can be measured on these people, in a sentence; "" where `needed` had the event, and as many not."""
    known = weight > 0
    if not known.any():
        return "of nobody is it known whether the event came: nothing can be measured"
    events = int(event[known].sum())
    others = int(known.sum()) - events
    if min(events, others) == 0:
        return f"all {events + others} people have the same outcome: nothing can be measured"
    if min(events, others) < needed:
        who = "with" if events <= others else "without"
        return f"fewer than {needed} people {who} the event: too few to measure anything"
    return ""


def _mean(risks: np.ndarray, event: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    return np.mean([measure(risk, event, weights, threshold) for risk in risks], axis=0)


def chunked(
    work: Callable[[Float[np.ndarray, "some people"]], Float[np.ndarray, "measures some"]],
    counts: Int[np.ndarray, "resamples people"],
    weight: Float[np.ndarray, " people"],
) -> Float[np.ndarray, "measures resamples"]:
    """What `work` gives for all resamples, a few at a time; `weight` is what each person counts."""
    rows = max(1, CELLS // len(weight))
    parts = [work(counts[start : start + rows] * weight) for start in range(0, len(counts), rows)]
    return np.concatenate(parts or [work(np.empty((0, len(weight))))], axis=1)


def interval(value: float, spread: Float[np.ndarray, " resamples"]) -> tuple[float, float, str]:
    """Quantiles of a bootstrap distribution, or missing with the reason."""
    finite = spread[np.isfinite(spread)]
    if not np.isfinite(value):
        return np.nan, np.nan, "does not exist for these risks"
    if len(finite) < max(ENOUGH, len(spread) / 2):
        return np.nan, np.nan, f"exists in {len(finite)} of {len(spread)} resamples, too few for an interval"
    low, high = np.quantile(finite, INTERVAL)
    return float(low), float(high), ""


def _table(rows: list[tuple], columns: str) -> pd.DataFrame:
    names = columns.split()
    types = {n: float if n in {"value", "difference", "low", "high"} else "str" for n in names}
    return pd.DataFrame(rows, columns=names).astype(types)
