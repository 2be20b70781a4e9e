"""Made-up people who were followed: some had the event, some died before it, some were lost."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.cohorts.outcome import by_horizon, censoring_weights
from pipeline.models import FeatureSet, FollowUp, Matrix

HORIZON_D = 1000.0
EFFECTS = np.array([[0.8, -0.5, 0.0], [0.0, 0.6, 0.4]])      # on the log hazards of the event and of death
RATES = np.array([3e-4, 2e-4])                               # a day, of the average person


def people(number: int, seed: int = 0) -> Float[np.ndarray, "people 3"]:
    return np.random.default_rng(seed).normal(size=(number, 3))


def follow_up(
    X: Float[np.ndarray, "people 3"], *, deaths: bool = True, lost: float = 1e-9, tied: bool = False
) -> FollowUp:
    """Constant hazards; `lost` is the rate a day of being lost. Days may be tied: then only every fiftieth is seen."""
    draw = np.random.default_rng(1)
    rates = RATES * np.exp(X @ EFFECTS.T) * [1.0, float(deaths)]
    with np.errstate(divide="ignore"):
        ends = np.column_stack([draw.exponential(1.0, X[:, :2].shape) / rates, draw.exponential(1 / lost, len(X))])
    time_d = np.minimum(ends.min(axis=1), 2 * HORIZON_D)
    time_d = np.ceil(time_d / 50) * 50 if tied else time_d
    status = np.array(["event", "competing", "censored"])[ends.argmin(axis=1)]
    status[time_d >= 2 * HORIZON_D] = "censored"
    return FollowUp(time_d, status, censoring_weights(time_d, status, HORIZON_D), HORIZON_D)


def truth(X: Float[np.ndarray, "people 3"], *, deaths: bool = True) -> Float[np.ndarray, " people"]:
    """The chance of the event within the horizon, with death before it if there is any."""
    event, death = (RATES * np.exp(X @ EFFECTS.T) * [1.0, float(deaths)]).T
    return event / (event + death) * -np.expm1(-(event + death) * HORIZON_D)


def happened(follow: FollowUp) -> np.ndarray:
    return (by_horizon(follow.time_d, follow.status, follow.horizon_d) == 1).astype(np.int64)


def matrix_of(X: Float[np.ndarray, "people 3"], follow: FollowUp) -> Matrix:
    """Two routine numbers, one of a twin, and a category that says nothing."""
    frame = pd.DataFrame(X, columns=["a", "b", "twin"], index=[f"p{i:04d}" for i in range(len(X))])
    frame["sex"] = pd.array(np.where(np.arange(len(X)) % 2, "male", "female"), dtype="str")
    sex = {"sex": ("female", "male")}
    sets = {"routine": FeatureSet(("a", "b"), sex, ()), "both": FeatureSet(("a", "b", "twin"), sex, ("twin",))}
    groups = np.array([f"g{i // 2}" for i in range(len(X))], dtype=object)
    return Matrix(frame, happened(follow), groups, sets, (), follow)
