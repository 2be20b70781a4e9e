"""How many groups a cloud of points has: Gaussian mixtures, and which of their parts a valley separates.

The Bayesian information criterion finds several Gaussians in any cloud that is skewed or has long tails. Parts between
which the density does not fall to `VALLEY` of the lower peak are therefore one group (Hennig C, Adv Data Anal Classif
2010;4:3-34, doi 10.1007/s11634-010-0058-3). Peaks and valleys of two Gaussians lie on one line (Ray S, Lindsay BG, Ann
Stat 2005;33:2042-2065, doi 10.1214/009053605000000417), along which the density of the whole mixture is read. A null
of simulated points would not do: one Gaussian is rejected by every skewed cloud, and points with the margins of the
data keep the very peaks that they should lack.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

MOST = 6               # Gaussians that are tried; each has a shape of its own
VALLEY = 0.5           # density between groups over that of the lower peak; two equal normal groups 3.5 sd apart
LEAST_VARIANCE = 1e-3  # added to that of each Gaussian; points have variance 1
SMALLEST = 0.05        # share of people; what is fewer is joined to the group beyond the shallowest valley
READ = 65              # places on a line at which the density is read


class Groups(NamedTuple):
    """A mixture, and the group of each of its parts."""

    mixture: Any                              # sklearn's GaussianMixture
    group: Int[np.ndarray, " components"]     # 0 is the largest

    @property
    def number(self) -> int:
        """How many groups there are; 1 means none."""
        return int(self.group.max()) + 1

    def place(self, points: Float[np.ndarray, "people axes"]) -> Float[np.ndarray, "people groups"]:
        """How likely each person is to be of each group."""
        return self.mixture.predict_proba(points) @ np.eye(self.number)[self.group]


def find_groups(points: Float[np.ndarray, "people axes"], seed: int, starts: int) -> Groups:
    """The mixture that the Bayesian information criterion prefers, parts without a valley between them joined."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    settings = {"n_init": starts, "reg_covar": LEAST_VARIANCE, "random_state": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)      # a slow search is judged by its likelihood too
        tried = [GaussianMixture(number, **settings).fit(points) for number in range(1, MOST + 1)]
    best = min(tried, key=lambda mixture: mixture.bic(points))
    return Groups(best, _joined(best))


def _joined(mixture: Any) -> Int[np.ndarray, " components"]:
    """The group of each part, the largest group first."""
    from scipy.sparse.csgraph import connected_components

    count = len(mixture.weights_)
    between = np.eye(count)
    for i in range(count):
        for j in range(i):
            between[i, j] = between[j, i] = _valley(mixture, i, j)
    _, group = connected_components(between > VALLEY, directed=False)
    while (share := np.bincount(group, weights=mixture.weights_)).min() < SMALLEST:
        few = group == share.argmin()
        nearest = np.where(few, -1.0, between[few].max(axis=0)).argmax()
        group = np.unique(np.where(few, group[nearest], group), return_inverse=True)[1]
    return np.argsort(np.argsort(-share, kind="stable"))[group]


def _valley(mixture: Any, i: int, j: int) -> float:
    """The least density between two parts over the lower of the peaks at its sides; 1 if there is no valley."""
    first, second = mixture.precisions_[i], mixture.precisions_[j]
    along = np.linspace(0.0, 1.0, READ)[:, None, None]
    precision = (1.0 - along) * first + along * second
    pull = (1.0 - along) * (first @ mixture.means_[i])[:, None] + along * (second @ mixture.means_[j])[:, None]
    height = mixture.score_samples(np.linalg.solve(precision, pull)[:, :, 0])
    peaks = np.minimum(np.maximum.accumulate(height), np.maximum.accumulate(height[::-1])[::-1])
    return float(np.exp(np.min(height - peaks)))
