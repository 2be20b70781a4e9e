"""Answers with a guaranteed rate of error: "yes", "no", or that it cannot be told."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pipeline.evaluation.bootstrap import INTERVAL, resample

ANSWERS = ("yes", "no", "cannot tell", "neither")
LEVEL = 0.9


class Sets(NamedTuple):
    """How often each answer was given, and how often it was right."""

    table: pd.DataFrame      # who ("everybody", "event", "other"), measure (an answer, or "covered"), value, low, high
    reason: str              # why no answer can be given at this level; "" if it can


def prediction_sets(
    predictions: pd.DataFrame, groups: pd.Series, *, resamples: int, seed: int, level: float = LEVEL
) -> Sets:
    """Split-conformal sets, each class by itself (Mondrian), from the out-of-fold risks of one model.

    A person's risk is compared with those of the others of the same fold, all from a model that saw none of them:
    "event" stays possible unless the risk is among the lowest 1 - `level` of people with the event, "no event" unless
    it is among the highest of people without. So at least `level` of each class are covered, whatever the model,
    if people of a fold are exchangeable (Vovk V, Gammerman A, Shafer G, Algorithmic Learning in a Random World, 4.5).
    One that stays alone is the answer; both: it cannot be told; none: "neither". Where people were lost to follow-up,
    each counts with the weight of the table, and the promise holds as far as the weights are right (Tibshirani RJ
    et al., NeurIPS 2019). Means over repeats; intervals are quantiles over resamples of people.
    """
    needed = int(np.ceil(1 / (1 - level) - 1e-9)) - 1
    tables = []
    for _, rows in predictions.sort_values("person_id").groupby("repeat"):
        risk, event, weight, fold = (rows[c].to_numpy() for c in ("risk", "event", "weight", "fold"))
        possible = np.empty((len(rows), 2), dtype=bool)
        for number in np.unique(fold):
            own = fold == number
            with_event = (event[own] == 1) & (weight[own] > 0)
            fewest = min(with_event.sum(), ((event[own] == 0) & (weight[own] > 0)).sum())
            if fewest <= needed:
                return Sets(
                    pd.DataFrame(columns=["who", "measure", "value", "low", "high"]),
                    f"a part of the cross-validation has at most {needed} people with the event, or without: too few "
                    f"to be right in {100 * level:.0f} of 100",
                )
            possible[own] = conformal(risk[own], event[own], weight[own], level)
        tables.append(possible)
    persons, event, weight = rows["person_id"], rows["event"].to_numpy(), rows["weight"].to_numpy()
    both = np.stack(tables)                                            # repeats, people, (other, event)
    answers = {
        "yes": both[..., 1] & ~both[..., 0], "no": both[..., 0] & ~both[..., 1], "cannot tell": both.all(axis=-1),
        "neither": ~both.any(axis=-1), "covered": np.where(event == 1, both[..., 1], both[..., 0]),
    }  # fmt: skip
    drawn = resample(groups.loc[persons].to_numpy(), draws=resamples, seed=seed)
    found = []
    for who, members in (("everybody", weight > 0), ("event", event == 1), ("other", (event == 0) & (weight > 0))):
        counted = np.vstack([np.ones(len(event)), drawn]) * (weight * members)
        for measure, answer in answers.items():
            with np.errstate(invalid="ignore"):
                share = counted @ answer.mean(axis=0) / counted.sum(axis=1)
            found.append((who, measure, share[0], *np.nanquantile(share[1:], INTERVAL)))
    columns = ["who", "measure", "value", "low", "high"]
    return Sets(pd.DataFrame(found, columns=columns).astype({"who": "str", "measure": "str"}), "")


def conformal(
    risk: Float[np.ndarray, " people"], event: Int[np.ndarray, " people"], weight: Float[np.ndarray, " people"],
    level: float,
) -> Bool[np.ndarray, "people two"]:  # fmt: skip
    """Whether no event, and the event, stay possible for each person, judged by all others."""
    columns = []
    for kind, strange in ((0, risk), (1, -risk)):
        members = (event == kind) & (weight > 0)
        order = np.argsort(strange[members], kind="stable")
        ranked, heavier = strange[members][order], np.cumsum(weight[members][order][::-1])[::-1]
        at = np.searchsorted(ranked, strange, side="left")
        as_strange = np.append(heavier, 0.0)[at]                       # weight of members at least as strange
        own = np.where(members, weight, 0.0)                           # counted there already
        new = np.where(members, weight, 1.0)                           # what the person counts when put to the test
        columns.append((as_strange - own + new) / (heavier[0] - own + new) > 1 - level + 1e-12)
    return np.column_stack(columns)
