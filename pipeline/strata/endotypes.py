"""Groups of people by mechanism: how they come to their risk, not how high it is. Stable, or declared unstable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from pipeline.evaluation import resample, wilson
from pipeline.strata.mixtures import Groups, find_groups
from pipeline.strata.profile import Relative, informative, relative_to_risk
from pipeline.strata.words import name_groups

FEWEST = 50            # people among whom groups are sought
STARTS = 3             # of the search for each mixture
STABLE = 0.8           # median adjusted Rand index of resamples below which groups must not be used
INTERVAL = (0.025, 0.975)
NORMAL_95 = 1.959964
NONE = -1              # the label of whoever is in no group
ENDS = ("mean", "low", "high")


class Endotypes(NamedTuple):
    """What was found. Groups that are not stable have neither labels nor a table."""

    verdict: str                           # "stable", "no groups" or "unstable: do not use"
    reason: str                            # in words
    number: int                            # of groups that were found; 1 means none
    label: Int[np.ndarray, " people"]      # 0 is the largest group; -1 in none
    probability: Float[np.ndarray, " people"]      # of being of that group; NaN in none
    agreement: tuple[float, float, float]  # adjusted Rand index: median and 95 % of resamples; NaN without groups
    names: list[str]
    table: pd.DataFrame                    # group, name, people, kind, column, mean, low, high
    columns: pd.DataFrame                  # column, contracted (share of people), kept
    placed: int                            # people among whom groups were sought
    gaussians: int                         # parts of the mixture before those without a valley between were joined

    def facts(self) -> dict[str, Any]:
        """All but labels and table as plain JSON; None where there is no number."""
        agreement = dict(zip(("median", "low", "high"), self.agreement, strict=True))
        kept = self.columns["kept"]
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "number": self.number,
            "names": self.names,
            "adjusted_rand_index": None if np.isnan(self.agreement[0]) else agreement,
            "placed": self.placed,
            "not_placed": len(self.label) - self.placed,
            "gaussians": self.gaussians,
            "columns": self.columns["column"][kept].tolist(),
            "left_out": dict(zip(self.columns["column"][~kept], self.columns["contracted"][~kept], strict=True)),
        }


def find_endotypes(
    profile: pd.DataFrame,
    sd: pd.DataFrame,
    risk: pd.Series,
    people: pd.DataFrame,
    outcomes: pd.DataFrame,
    responses: pd.DataFrame,
    *,
    resamples: int,
    seed: int,
) -> Endotypes:
    """Groups of people with a like profile at equal risk; all tables have person_id as index, in one order.

    `profile` holds spreads from usual and `sd` their posterior spread; only what measuring taught is used
    (`profile.informative`), relative to risk (`profile.relative_to_risk`). The number of groups is that of a Gaussian
    mixture chosen by the Bayesian information criterion, parts without a valley between them joined (`mixtures`). All
    of it is repeated on people drawn again (whole groups of `people.group_id`), and the groups of those drawn are
    compared with those of everybody: adjusted Rand index, Hubert L, Arabie P, J Classif 1985;2:193-218, doi
    10.1007/BF01908075. Twin `responses` follow from profile, age and size: they describe the groups, but do not make
    them.
    """
    found = informative(profile, sd)
    some = np.flatnonzero(found.placed & risk.notna().to_numpy())
    nobody = np.full(len(profile), NONE), np.full(len(profile), np.nan)
    none = Endotypes("no groups", "", 1, *nobody, (np.nan,) * 3, [], _table([]), found.columns, len(some), 0)
    if found.profile.empty:
        return none._replace(reason="too little was measured of enough people")
    if len(some) < FEWEST:
        return none._replace(reason=f"{len(some)} people are too few to look for groups: {FEWEST} are needed")
    values, chance = found.profile.to_numpy(dtype=float)[some], risk.to_numpy(dtype=float)[some]
    known = np.column_stack([people["age_years"], people["sex"] == "male"]).astype(float)[some]

    def seek(which: Int[np.ndarray, " chosen"], seed: int) -> tuple[Relative, Groups | None]:
        relative = relative_to_risk(values[which], chance[which], known[which])
        return relative, find_groups(relative.points, seed, STARTS) if relative.points.shape[1] else None

    relative, groups = seek(np.arange(len(some)), seed)
    if groups is None:
        return none._replace(reason="people differ in nothing but how high their risk is")
    none = none._replace(gaussians=len(groups.group), number=groups.number)
    if groups.number == 1:
        return none._replace(reason="one continuous cloud: no valley separates people")
    chances = groups.place(relative.points)
    label = chances.argmax(axis=1)
    label = np.argsort(np.argsort(-np.bincount(label), kind="stable"))[label]      # the largest first, by people
    scores = []
    for again, counts in enumerate(resample(people["group_id"].to_numpy()[some], draws=resamples, seed=seed)):
        which = np.flatnonzero(counts)         # each once: the same person twice would look like a peak
        other, fitted = seek(which, seed + 1 + again)
        new = fitted.place(other.points).argmax(axis=1) if fitted else np.zeros(len(which))
        scores.append(_agreement(label[which], new))
    middle, low, high = (float(q) for q in np.quantile(scores, (0.5, *INTERVAL)))
    none = none._replace(agreement=(middle, low, high))
    told = f"adjusted Rand index with those of people drawn again {middle:.2f} ({low:.2f} to {high:.2f})"
    if middle < STABLE:
        return none._replace(verdict="unstable: do not use", reason=f"groups change: {told}, below {STABLE:g}")
    none.label[some], none.probability[some] = label, chances.max(axis=1)
    levels = pd.DataFrame(relative.level, columns=found.profile.columns)
    names = name_groups(levels.groupby(label).mean().to_numpy(), list(levels))
    kinds = {"at equal risk": levels, "profile": found.profile.iloc[some], "response": responses.iloc[some]}
    table = _describe(label, names, kinds, outcomes.iloc[some])
    return none._replace(verdict="stable", reason=f"groups stay: {told}", names=names, table=table)


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Adjusted Rand index of two groupings of the same people: 1 if equal, about 0 by chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def _describe(
    label: Int[np.ndarray, " people"], names: list[str], kinds: dict[str, pd.DataFrame], outcomes: pd.DataFrame
) -> pd.DataFrame:
    """Mean of every column in each group with its 95 % interval, and the share with the outcome with Wilson's."""
    rows: list[tuple[object, ...]] = []
    event, weight = (outcomes[column].to_numpy(dtype=float) for column in ("event", "weight"))
    for group, name in enumerate(names):
        members = label == group
        size = int(members.sum())
        for kind, frame in kinds.items():
            values = frame[members]
            mean, error = values.mean(), NORMAL_95 * values.sem()
            rows += [(group, name, size, kind, c, mean[c], mean[c] - error[c], mean[c] + error[c]) for c in values]
        with np.errstate(invalid="ignore"):        # nobody's outcome may be known
            share = weight[members] @ event[members] / weight[members].sum()
            equal = weight[members].sum() ** 2 / np.sum(weight[members] ** 2)      # Kish, as in evaluation
            low, high = (float(end[0]) for end in wilson(np.array([share * equal]), np.array([equal])))
        rows.append((group, name, size, "outcome", "share", share, low, high))
    return _table(rows)


def _table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    heads = {"group": "int64", "name": "str", "people": "int64", "kind": "str", "column": "str"}
    return pd.DataFrame(rows, columns=[*heads, *ENDS]).astype(heads | dict.fromkeys(ENDS, "float64"))
