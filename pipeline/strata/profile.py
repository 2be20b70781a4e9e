"""What groups by mechanism are sought in: what was learned of people, without how high their risk is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

CONTRACTED = 0.25      # share of the variance before measuring that must be gone, for an entry to be the person's own
ENOUGH = 0.8           # of people whose entries must be; a column with fewer is left out
CHANCE = 0.01          # below which the profile is taken to tell of the risk at all
FLAT = 1e-6            # share of the spread below which an axis is none


class Informative(NamedTuple):
    """The columns of a profile that tell people apart, and why others do not."""

    profile: pd.DataFrame                      # of all people, the kept columns
    columns: pd.DataFrame                      # column, contracted (share of people), kept
    placed: Bool[np.ndarray, " people"]        # whose every kept entry is their own


class Relative(NamedTuple):
    """A profile without the direction in which risk rises."""

    points: Float[np.ndarray, "people axes"]        # uncorrelated, of variance 1
    level: Float[np.ndarray, "people columns"]      # the profile as it would be at everybody's mean risk


def informative(profile: pd.DataFrame, sd: pd.DataFrame) -> Informative:
    """Columns of `profile` (spreads from usual) that measuring taught something about, for enough people.

    `sd` is the posterior spread of each entry, 1 where nothing was learned. Where too few entries are a person's own,
    the column is the prior and not the people. Who lacks a kept column is not placed, for all such people would look
    alike.
    """
    known = profile.notna().all(axis=1) & sd.notna().all(axis=1)
    own = 1.0 - sd**2 >= CONTRACTED
    share = own[known].mean() if known.any() else pd.Series(0.0, index=profile.columns)
    kept = list(share.index[share >= ENOUGH])
    columns = pd.DataFrame({"column": share.index, "contracted": share.to_numpy(), "kept": share.index.isin(kept)})
    return Informative(profile[kept], columns, (known & own[kept].all(axis=1)).to_numpy())


def relative_to_risk(
    profile: Float[np.ndarray, "people columns"],
    risk: Float[np.ndarray, " people"],
    given: Float[np.ndarray, "people known"],
) -> Relative:
    """The profile with the direction of risk regressed out: how, not how much.

    The log odds of `risk` are regressed on the profile beside `given` (age and sex), which gives each person's severity
    as far as the profile tells it; its straight-line effect on every column is taken away. Two groups that differ by
    more or less of one thing that raises risk become one. Where the profile tells nothing of the risk (F test) there is
    no such direction, and nothing is taken away.
    """
    from scipy.stats import f

    centred = profile - profile.mean(axis=0)
    inside = np.clip(risk, 1e-9, 1.0 - 1e-9)
    wanted = np.log(inside) - np.log1p(-inside)
    others = np.column_stack([np.ones(len(risk)), given])
    rest, told = (x - others @ np.linalg.lstsq(others, x, rcond=None)[0] for x in (wanted, centred))
    weights = np.linalg.lstsq(told, rest, rcond=None)[0]
    left, free = np.sum((rest - told @ weights) ** 2), len(risk) - told.shape[1] - others.shape[1]
    severity = centred @ weights
    if f.sf((np.sum(rest**2) - left) / told.shape[1] / max(left / free, 1e-12), told.shape[1], free) < CHANCE:
        centred = centred - np.outer(severity, severity @ centred / (severity @ severity))
    axes, spread, _ = np.linalg.svd(centred, full_matrices=False)
    kept = spread > FLAT * np.sqrt(np.sum(profile.var(axis=0)) * len(profile))
    return Relative(axes[:, kept] * np.sqrt(len(profile)), centred + profile.mean(axis=0))
