"""The best fit: least squares from many random starts.

SciPy's trust-region reflective method keeps the bounds of the search exactly and is told the exact Jacobian, which
matters where directions differ by orders of magnitude in how well the data see them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares
from tqdm import tqdm

from pipeline.calibration.problem import INSET, Problem

LEANS = 1e-3           # nearer to a bound than this, in logarithm, a parameter is not free
RIDGE = 1e-6           # keeps directions that the data do not see finite
BROKEN = 1e6           # residual where the model has no finite value

Bounds = tuple[np.ndarray, np.ndarray]


class Optimum(NamedTuple):
    """The best of many starts."""

    x: np.ndarray            # natural logarithm of the parameters
    cost: float
    costs: np.ndarray        # where each start ended, from best to worst
    same: float              # costs this near the best have reached it

    @property
    def reached(self) -> int:
        """How many starts ended at the best cost."""
        return int(np.sum(self.costs <= self.cost + self.same))


class Search:
    """A problem compiled once for all searches: free, or with one quantity pinned to a value.

    `rows(x, steep, pinned, target)` are the residuals, the walls, and springs of steepness `steep` that hold the
    quantities where `pinned` is 1 at `target`; `slopes` is their Jacobian.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.bounds = (problem.lower, problem.upper)
        self._free = np.zeros(len(problem.labels)), np.zeros(len(problem.labels))
        self.rows = jax.jit(self._residuals)
        self.slopes = jax.jit(jax.jacfwd(self._residuals))
        self._judge = jax.jit(self._judgement)
        self._compass = jax.jit(jax.jacfwd(self._quantities))

    def cost(self, x: np.ndarray) -> float:
        """Cost with the published penalty."""
        return float(self._judge(x)[0])

    def obeys(self, x: np.ndarray) -> bool:
        """Whether every band is kept."""
        return float(self._judge(x)[1]) < INSET

    def values(self, x: np.ndarray) -> np.ndarray:
        """Logarithms of parameters and derived quantities."""
        return np.asarray(self._judge(x)[2])

    def minimise(
        self, start: np.ndarray, pin: tuple[int, float] | None = None, bounds: Bounds | None = None
    ) -> np.ndarray:
        """Where the search from `start` ends; `pin` holds quantity i at the logarithm v.

        The pin is a steep spring. Where it ends is exactly the best point for the value the quantity has there.
        """
        bounds, effort = bounds or self.bounds, self.problem.effort
        pinned, target = (part.copy() for part in self._free)
        if pin is not None:
            pinned[pin[0]], target[pin[0]] = 1.0, pin[1]
        x = start
        for steep in effort.ramp:
            found = least_squares(
                lambda x, *more: np.asarray(self.rows(x, *more)),
                np.clip(x, *bounds),
                jac=lambda x, *more: np.nan_to_num(np.asarray(self.slopes(x, *more)), posinf=0.0, neginf=0.0),
                args=(steep, pinned, target),
                bounds=bounds,
                method="trf",
                ftol=effort.tolerance,
                xtol=effort.tolerance,
                gtol=effort.tolerance,
                max_nfev=effort.tries,
            )
            x = found.x
        return x

    def ahead(self, x: np.ndarray, index: int, by: float) -> np.ndarray:
        """Where the best fit goes, to first order, when the quantity at `index` moves by `by` from its place at `x`."""
        low, high = self.bounds
        free = (x - low > LEANS) & (high - x > LEANS)
        free[index : index + 1] = True       # nothing, if it is derived
        steep = np.asarray(self.slopes(x, 1.0, *self._free))[:, free]
        way = np.asarray(self._compass(x))[index, free]
        move = np.linalg.solve(steep.T @ steep + RIDGE * np.eye(free.sum()), way)
        new = x.copy()
        new[free] += by * move / (way @ move)
        return np.clip(new, low, high)

    def _judgement(self, x: Any) -> tuple[Any, Any, Any]:
        theta = self.problem.theta(x)
        derived = self.problem.derived(theta)
        walls = jnp.max(self.problem.walls(derived))
        return self.problem.cost(theta), walls, self.problem.log_quantities(theta, derived)

    def _quantities(self, x: Any) -> Any:
        theta = self.problem.theta(x)
        return self.problem.log_quantities(theta, self.problem.derived(theta))

    def _residuals(self, x: Any, steep: Any, pinned: Any, target: Any) -> Any:
        theta = self.problem.theta(x)
        derived = self.problem.derived(theta)
        off = self.problem.log_quantities(theta, derived) - target
        rows = [
            self.problem.residuals(theta),
            steep * self.problem.walls(derived),
            jnp.where(pinned > 0.0, steep * off, 0.0),
        ]
        joined = jnp.concatenate(rows)
        return jnp.where(jnp.isfinite(joined), joined, BROKEN)


def optimise(search: Search, starts: int, seed: int, progress: bool = True) -> Optimum:
    """The best of `starts` searches from points that are uniform on the log scale of the problem's coordinates."""
    draw = np.random.default_rng(seed)
    matrix, low, high = search.problem.chart
    points = draw.uniform(low, high, size=(starts, len(search.problem.names))) @ np.linalg.inv(matrix).T
    label = f"{search.problem.name}: starts"
    ends = [search.minimise(p) for p in tqdm(points, desc=label, leave=False, disable=None if progress else True)]
    costs = np.array([search.cost(x) for x in ends])
    best = int(np.nanargmin(costs))
    x = search.minimise(ends[best])      # once more, because a search may have ended for want of tries
    return Optimum(x, search.cost(x), np.sort(costs), search.problem.effort.same)
