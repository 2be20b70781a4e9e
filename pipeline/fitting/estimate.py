"""What a fit of one quantity is, for all people at once, and how its draws are made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd


class Estimate(NamedTuple):
    """Posterior of one quantity for each person; arrays have shape (people,)."""

    name: str
    unit: str
    mode: np.ndarray         # NaN where it cannot be known
    sd: np.ndarray           # on the log scale if `log`
    prior_sd: np.ndarray     # the same before this person's own measurements; equal to sd where there are none
    basis: np.ndarray        # "measured", "estimated", "assumed" or "none"
    log: bool
    low: float               # draws are clipped here
    high: float

    def draw(self, z: np.ndarray) -> np.ndarray:
        """Draws of shape (people, draws) for standard normal `z` of shape (draws,)."""
        shift = self.sd[:, None] * z[None, :]
        drawn = self.mode[:, None] * np.exp(shift) if self.log else self.mode[:, None] + shift
        return np.clip(drawn, self.low, self.high)

    def table(self, person_id: pd.Index, twin: str, status: np.ndarray) -> pd.DataFrame:
        """Rows for the table of fits, spreads in the quantity's own unit; NaN where the twin has no fit."""
        size = np.abs(self.mode) if self.log else 1.0
        failed = status != "ok"
        hide = lambda values: np.where(failed, np.nan, values)  # noqa: E731
        return pd.DataFrame(
            {
                "person_id": np.asarray(person_id, dtype=str),
                "twin": twin,
                "parameter": self.name,
                "unit": self.unit,
                "mode": hide(self.mode),
                "sd": hide(self.sd * size),
                "prior_sd": hide(self.prior_sd * size),
                "basis": self.basis,
                "status": status,
            }
        )


def combine(
    prior: np.ndarray, prior_sd: np.ndarray | float, measured: np.ndarray, noise_sd: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Mode and sd of a normal prior with one normal measurement; the prior itself where that is missing.

    A prior of 120 with sd 16 and a reading of 160 with sd 8 give 152 with sd 7.2.
    """
    weight = np.where(np.isnan(measured), 0.0, 1.0 / np.square(np.broadcast_to(noise_sd, measured.shape)))
    precision = 1.0 / np.square(prior_sd) + weight
    mode = (prior / np.square(prior_sd) + weight * np.nan_to_num(measured)) / precision
    return mode, np.sqrt(1.0 / precision)


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    """A numeric column of a baseline table; all missing if it is not there."""
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy(dtype=float)


def basis(measured: np.ndarray, otherwise: str) -> np.ndarray:
    """ "measured" where there is a value, else `otherwise`."""
    return np.where(np.isnan(measured), otherwise, "measured")
