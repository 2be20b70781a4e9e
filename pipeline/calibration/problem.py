"""What a calibration problem is: parameters of one twin, fitted on the log scale to group means of studies.

Everything in this package takes a `Problem` and nothing else. A new problem is one file that builds one, and one
line in `PROBLEMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pandas as pd

Theta = Mapping[str, Any]      # parameter -> scalar, in its unit

INSET = 1e-4                   # of a band's width: walls stand this far inside, so that leaning on one is still inside


class FitParameter(NamedTuple):
    """A parameter to fit, with the bounds of the search and the published best value."""

    name: str
    unit: str
    lower: float
    upper: float
    published: float


class Quantity(NamedTuple):
    """A positive quantity that follows from the parameters."""

    unit: str
    of: tuple[str, ...]      # parameters of which it is a ratio, share or product; none if it is something else
    description: str


class Predictions(NamedTuple):
    """What fitted vectors say of studies that were held back."""

    table: pd.DataFrame         # study, observable, time_d, mean, spread, kind, model_best, model_low, model_high, ...
    costs: dict[str, Any]       # for the report


class Coordinate(NamedTuple):
    """A product of powers of parameters whose logarithm is uniform between two values in starts and prior."""

    powers: Mapping[str, float]
    low: float
    high: float


class Effort(NamedTuple):
    """The most that is worth its time: a problem whose cost takes long says less than what it is asked for."""

    starts: int = 1_000_000
    chains: int = 1_000_000
    warmup: int = 1_000_000
    draws: int = 1_000_000
    walkers: int = 0             # of each ensemble, where a gradient takes too long for chains of gradients
    thinning: int = 1            # moves of an ensemble from one draw to the next
    tolerance: float = 1e-10     # relative, at which a search ends
    tries: int = 200             # evaluations of one search
    same: float = 0.01           # costs this near each other are the same
    # Weights of walls and pins, one search after the other: gentle ones let a search that starts far away pass through
    # (steep at once, 3 of 24 starts reach the liver's best cost instead of 23), steep ones displace by little.
    ramp: tuple[float, ...] = (10.0, 1e3)
    rise: float = 0.5            # of the cost, that a step of a profile aims at
    stride: float = 0.5          # longest step of a profile on the natural logarithm
    is_double: bool = True       # a step of a profile starts from the last point and beyond; else once, ahead


THOROUGH = Effort()


def no_penalty(theta: Theta) -> Any:
    """The penalty of a problem without bands."""
    return jnp.zeros(())


@dataclass(frozen=True)
class Problem:
    """Data and model of one calibration, as pure JAX functions of a dictionary of scalars.

    `residuals` are whitened: their sum of squares is the cost, and minus half of it the log likelihood.
    `bands` are hard limits on derived quantities; `penalty` is the published price of leaving them, zero inside.
    Optimiser and sampler see the bands as steep walls, because a jump in the cost has no slope to follow.
    """

    name: str
    citation: str
    parameters: tuple[FitParameter, ...]
    quantities: Mapping[str, Quantity]
    residuals: Callable[[Theta], Any]
    derived: Callable[[Theta], dict[str, Any]]       # the values of `quantities`
    points: int
    published_cost: float
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    penalty: Callable[[Theta], Any] = no_penalty
    excess: float = 3.84      # above the best cost: 95 % limit of one quantity, and of what is accepted
    effort: Effort = THOROUGH
    coordinates: tuple[Coordinate, ...] = ()      # as many as parameters; none: the parameters themselves
    predict: Callable[[Mapping[str, np.ndarray], np.ndarray], Predictions] | None = None   # of vectors and their costs

    @property
    def names(self) -> tuple[str, ...]:
        """The fitted parameters."""
        return tuple(q.name for q in self.parameters)

    @property
    def lower(self) -> np.ndarray:
        """Lower bounds of the search, natural logarithm."""
        return np.log([q.lower for q in self.parameters])

    @property
    def upper(self) -> np.ndarray:
        """Upper bounds of the search, natural logarithm."""
        return np.log([q.upper for q in self.parameters])

    @property
    def published(self) -> np.ndarray:
        """The published best vector, natural logarithm."""
        return np.log([q.published for q in self.parameters])

    @property
    def chart(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of starts and sample: matrix from logarithms of parameters to theirs, lower and upper ends."""
        if not self.coordinates:
            return np.eye(len(self.names)), self.lower, self.upper
        matrix = np.array([[c.powers.get(n, 0.0) for n in self.names] for c in self.coordinates])
        low, high = ([getattr(c, end) for c in self.coordinates] for end in ("low", "high"))
        return matrix, np.log(low), np.log(high)

    def theta(self, x: Any) -> dict[str, Any]:
        """The parameters at a point of the search, which is their logarithm."""
        return {name: jnp.exp(x[i]) for i, name in enumerate(self.names)}

    def cost(self, theta: Theta) -> Any:
        """Sum of squared residuals, with the published penalty."""
        return jnp.sum(self.residuals(theta) ** 2) + self.penalty(theta)

    def log_quantities(self, theta: Theta, derived: Mapping[str, Any]) -> Any:
        """Logarithms of all that can be profiled: parameters first, then derived quantities, as `labels` names them."""
        values = [theta[name] for name in self.names] + [derived[name] for name in self.quantities]
        return jnp.log(jnp.stack([jnp.asarray(v) for v in values]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all that can be profiled."""
        return (*self.names, *self.quantities)

    def walls(self, derived: Mapping[str, Any]) -> Any:
        """How far the derived quantities leave each band, over its width; 0 inside."""
        outside = [jnp.zeros(())]
        for name, (low, high) in self.bands.items():
            place = (derived[name] - low) / (high - low)
            outside.append(jnp.maximum(0.0, INSET - place) + jnp.maximum(0.0, place - (1.0 - INSET)))
        return jnp.stack(outside)
