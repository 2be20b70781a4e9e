"""The population that people come from, learned from them by empirical Bayes in place of that of the literature.

Before measuring, the unknowns of everybody are standard normal. A person's posterior divided by that is what the
readings of the person say by themselves, a normal factor; the population N(mean, diag(sd^2)) under which the factors of
the training people are likeliest is found by expectation and maximisation, each step in closed form (Dempster AP et
al., J R Stat Soc B 1977;39:1-38). The literature's mean and spread count as much as those of `LITERATURE` people who
are known exactly, so that a few leave them almost as they are; what nobody was measured of stays as it was. Draws that
exist are carried over by weights, without a new fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LITERATURE = 20.0      # people, assumed
ITERATIONS = 1000
CLOSE = 1e-5           # largest change of a mean or spread in the last step
TOLD = 1e-6            # precision by readings, over that of the prior, below which nobody was measured


class Unknowns(NamedTuple):
    """Standard normal unknowns of each person after measuring; NaN where there is no fit."""

    mode: Float[np.ndarray, "people unknowns"]               # middle of the normal approximation
    root: Float[np.ndarray, "people unknowns unknowns"]      # lower Cholesky factor of the covariance
    z: Float[np.ndarray, "people draws unknowns"]

    @property
    def known(self) -> np.ndarray:
        """Who has a fit."""
        parts = (self.mode, self.root, self.z)
        return np.all([np.isfinite(p).all(axis=tuple(range(1, p.ndim))) for p in parts], axis=0)


class Population(NamedTuple):
    """Where the unknowns of people lie and how far they spread; 0 and 1 are the literature's."""

    mean: Float[np.ndarray, " unknowns"]
    sd: Float[np.ndarray, " unknowns"]


def learn_population(unknowns: Unknowns, train: Int[np.ndarray, " train"]) -> Population:
    """The population of the people at the rows `train`, each as often as it is named; nobody else is looked at."""
    rows, named = np.unique(train, return_counts=True)
    of = Unknowns(*(part[rows] for part in unknowns))
    precision, slope = _readings(of.mode[of.known], of.root[of.known])
    times = named[of.known].astype(float)
    number, size = times.sum(), slope.shape[1]
    mean, variance = np.zeros(size), np.ones(size)
    told = np.flatnonzero((np.abs(precision) > TOLD).any(axis=(0, 1))) if times.size else np.arange(0)
    precision, slope = precision[:, told[:, None], told], slope[:, told]
    for _ in range(ITERATIONS if told.size else 0):
        centre, spread = _given(precision, slope, mean[told], variance[told])
        new_mean = times @ centre / (number + LITERATURE * variance[told])
        squares = times @ (np.diagonal(spread, axis1=1, axis2=2) + (centre - new_mean) ** 2)
        new = (squares + LITERATURE) / (number + LITERATURE)
        moved = max(np.abs(new_mean - mean[told]).max(), np.abs(np.sqrt(new) - np.sqrt(variance[told])).max())
        mean[told], variance[told] = new_mean, new
        if moved < CLOSE:
            break
    return Population(mean, np.sqrt(variance))


def redraw(unknowns: Unknowns, population: Population, seed: int) -> Int[np.ndarray, "people draws"]:
    """Which of the draws of each person to take, and how often, for posteriors under `population`.

    Systematic resampling (Kitagawa G, J Comput Graph Stat 1996;5:1-25) with one offset for everybody, so that a
    person's draws depend on that person alone. Whoever has no fit keeps the draws as they are.
    """
    weight = _weights(unknowns, population)
    draws = weight.shape[1]
    places = (np.arange(draws) + np.random.default_rng(seed).uniform()) / draws
    # Each person's weights end at the next whole number, so that one search serves all.
    upto = np.cumsum(weight, axis=1)
    person = np.arange(len(weight))[:, None]
    found = np.searchsorted((upto / upto[:, -1:] + person).ravel(), (places + person).ravel())
    return np.minimum(found.reshape(weight.shape) - draws * person, draws - 1)


def effective_share(unknowns: Unknowns, population: Population) -> Float[np.ndarray, " people"]:
    """How many equally weighted draws those of each person are worth under `population`, as a share of them.

    Below a quarter, too few are left for an interval. NaN for whoever has no fit.
    """
    weight = _weights(unknowns, population)
    return np.where(unknowns.known, 1.0 / (weight.shape[1] * (weight**2).sum(axis=1)), np.nan)


def _readings(mode: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and slope at 0 of what the readings of each person say; no direction with less than no precision."""
    inverse = np.linalg.inv(root)
    whole = np.swapaxes(inverse, 1, 2) @ inverse
    values, vectors = np.linalg.eigh(whole - np.eye(mode.shape[1]))
    precision = (vectors * np.maximum(values, 0.0)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return precision, np.einsum("pij,pj->pi", whole, mode)


def _given(
    precision: np.ndarray, slope: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of each person's unknowns, from their readings and a population."""
    spread = np.linalg.inv(precision + np.diag(1.0 / variance))
    return np.einsum("pij,pj->pi", spread, slope + mean / variance), spread


def _weights(unknowns: Unknowns, population: Population) -> np.ndarray:
    """Share of each draw (people, draws) when its chance is that of `population` instead of the prior."""
    z = np.where(unknowns.known[:, None, None], unknowns.z, 0.0)
    away = (z - population.mean) / population.sd
    chance = 0.5 * (z**2 - away**2).sum(axis=2)
    chance = np.where(unknowns.known[:, None], chance, 0.0)
    weight = np.exp(chance - chance.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
