"""What a figure needs: calibration bins, the decision curve, risk strata."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.evaluation.bootstrap import arrange
from pipeline.evaluation.metrics import net_benefit, net_benefit_treat_all

BINS, PEOPLE_PER_BIN = 10, 20
GRID = np.round(np.arange(0.01, 1.0, 0.01), 2)


def wilson(
    events: Float[np.ndarray, " groups"], people: Float[np.ndarray, " groups"]
) -> tuple[Float[np.ndarray, " groups"], Float[np.ndarray, " groups"]]:
    """95 % interval of a proportion (Wilson 1927, 10.1080/01621459.1927.10502953).

    It stays within 0 and 1 and has a width at 0 events. Nobody gives NaN. 5 of 10 gives 0.237 to 0.763.
    """
    events, people = np.asarray(events, dtype=float), np.asarray(people, dtype=float)
    z = NormalDist().inv_cdf(0.975)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = events / people
        middle = (share + z**2 / (2 * people)) / (1 + z**2 / people)
        half = z * np.sqrt(share * (1 - share) / people + z**2 / (4 * people**2)) / (1 + z**2 / people)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def calibration_curve(predictions: pd.DataFrame) -> pd.DataFrame:
    """Mean risk and observed share of events in ten groups of people with like risk.

    Groups are equally large but for ties, and fewer when a group would hold under 20 people. A person's risk
    is the mean over repeats.
    """
    tables = []
    for key, risk, event, weight in _persons(predictions):
        wanted = int(np.clip(len(risk) // PEOPLE_PER_BIN, 1, BINS))
        edges = np.unique(np.quantile(risk, np.arange(1, wanted) / wanted))
        members = np.searchsorted(edges, risk, side="left")
        _, members = np.unique(members, return_inverse=True)
        tables.append(_groups(key, "bin", members, int(members.max()) + 1, risk, event, weight))
    table = pd.concat(tables, ignore_index=True).rename(columns={"mean_risk": "predicted"})
    return table[["model", "feature_set", "bin", "predicted", "observed", "low", "high", "n", "events"]]


def decision_curve(predictions: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Net benefit over a grid of thresholds that includes `threshold`, beside that of acting on everyone."""
    _, event, weight, risks = arrange(predictions)
    one = weight[None]
    thresholds = np.union1d(GRID, threshold)
    treat_all = {t: net_benefit_treat_all(event, one, t)[0] for t in thresholds}
    rows = [
        (*key, t, np.mean([net_benefit(risk, event, one, t) for risk in repeats]), treat_all[t])
        for key, repeats in risks.items()
        for t in thresholds
    ]
    table = pd.DataFrame(rows, columns=["model", "feature_set", "threshold", "net_benefit", "treat_all"])
    return table.astype({"model": "str", "feature_set": "str"})


def stratify(predictions: pd.DataFrame, *, bands: Sequence[float]) -> pd.DataFrame:
    """People by risk band (1 is the lowest), and how many of each band had the event.

    A risk equal to a border belongs to the band above it. An empty band keeps its row, with missing shares.
    """
    tables = []
    borders = np.array([0.0, *bands, 1.0])
    for key, risk, event, weight in _persons(predictions):
        table = _groups(key, "band", np.digitize(risk, bands), len(bands) + 1, risk, event, weight)
        tables.append(table.assign(band=table["band"] + 1, risk_from=borders[:-1], risk_to=borders[1:]))
    table = pd.concat(tables, ignore_index=True)
    first = ["model", "feature_set", "band", "risk_from", "risk_to", "n", "events"]
    return table[[*first, "mean_risk", "observed", "low", "high"]]


def band_of(predictions: pd.DataFrame, bands: Sequence[float]) -> pd.Series:
    """The risk band of each person (1 is the lowest) by one model's predictions, as `stratify` counts it."""
    persons, _, _, risks = arrange(predictions)
    (risk,) = risks.values()
    return pd.Series(1 + np.digitize(risk.mean(axis=0), bands), index=persons)


def _persons(predictions: pd.DataFrame) -> list[tuple[tuple[str, str], np.ndarray, np.ndarray, np.ndarray]]:
    """The risk of each person as the mean over repeats, by model and feature set, beside event and weight."""
    _, event, weight, risks = arrange(predictions)
    return [(key, risk.mean(axis=0), event, weight) for key, risk in risks.items()]


def _groups(
    key: tuple[str, str],
    name: str,
    members: np.ndarray,
    count: int,
    risk: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
) -> pd.DataFrame:
    """People and known events of each group, its mean risk and observed share.

    Where people were lost to follow-up the share is that of the weights, and its interval that of as many equally
    weighted people as tell as much (Kish).
    """
    total = lambda values: np.bincount(members, weights=values, minlength=count)  # noqa: E731
    people = np.bincount(members, minlength=count)
    with np.errstate(invalid="ignore"):
        mean_risk = total(risk) / people
        observed = total(weight * event) / total(weight)
        equal = total(weight) ** 2 / total(weight**2)
    low, high = wilson(observed * equal, equal)
    return pd.DataFrame(
        {
            "model": pd.array([key[0]] * count, dtype="str"),
            "feature_set": pd.array([key[1]] * count, dtype="str"),
            name: np.arange(count),
            "n": people,
            "events": total(event).astype(np.int64),
            "mean_risk": mean_risk,
            "observed": observed,
            "low": low,
            "high": high,
        }
    )
