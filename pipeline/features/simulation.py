"""Every draw of every person under every scenario, reduced to features and yearly bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Int

from pipeline.features.definitions import Feature
from pipeline.fitting import Fitted
from pipeline.solving import Grid, Status, make_grid, run_batches
from pipeline.twins import Scenario, System, Twin, simulate

Method = Literal["batch", "reference"]
YEAR = 365.25
STEPS: Mapping[str, Any] = {"max_step": 62.0}                                          # days
FINER_STEPS: Mapping[str, Any] = {"max_step": 8.0, "growth": 1.15, "first_step": 0.02}
SOME, FEW = 512, 64                          # draws solved again at once; with the reference, all wait for the slowest


class Outcome(NamedTuple):
    """One draw of one person under every scenario; arrays have the draws of all people in front."""

    row: Any                                 # features
    courses: Any                             # outputs, scenarios, times
    status: dict[str, Any]                   # twin -> the worst of the scenarios
    flags: dict[str, Any]                    # warning -> whether any scenario raises it
    error: Any                               # largest estimate


class Simulated(NamedTuple):
    """What all twins say of all people."""

    draws: np.ndarray                        # (people, draws, features); NaN where a twin has nothing to say
    bands: pd.DataFrame                      # person_id, scenario, output, year, mean, low, high
    status: dict[str, np.ndarray]            # twin -> status in words for each person
    flags: dict[str, np.ndarray]             # warning -> share of a person's draws that raise it
    resolved: int                            # people solved again: with finer steps, or by the reference solver


class Simulator:
    """The twins of a study under its scenarios, for any people: what is compiled once serves every later call."""

    def __init__(
        self,
        twins: Sequence[Twin],
        scenarios: Mapping[str, Scenario],
        features: Sequence[Feature],
        *,
        years: int,
        max_error: float,
    ) -> None:
        """Simulations run `years` years; a draw whose error estimate exceeds `max_error` is solved again.

        All scenarios are cut where any of them switches, and must start at day 0. Raises `ValueError` if one does not.
        """
        if late := [name for name, s in scenarios.items() if s.switches[0] != 0.0]:
            raise ValueError(f"scenarios of one study must start at day 0; {', '.join(late)} does not")
        self.scenarios, self._features, self._max_error = scenarios, features, max_error
        self._switches = tuple(sorted({day for s in scenarios.values() for day in s.switches}))
        read = tuple(YEAR * y for y in range(years + 1))
        grid, finer = (make_grid(self._switches, read, **steps) for steps in (STEPS, FINER_STEPS))
        self._system = System(tuple(twins))
        self._outputs = [name for t in self._system.twins for name in t.over_years]
        self._order = {name: i for i, name in enumerate(scenarios)}
        ways: tuple[tuple[Method, Grid], ...] = (("batch", grid), ("batch", finer), ("reference", grid))
        self._ways = [partial(self._one_draw, method=method, grid=steps) for method, steps in ways]

    def __call__(
        self,
        fitted: Fitted,
        *,
        chunk: int,
        scenarios: Mapping[str, Scenario] | None = None,
        progress: bool = True,
    ) -> Simulated:
        """Simulate every scenario for all people and draws.

        `chunk` is the number of simulations in one compiled call. A draw that is not accurate enough, or whose batch
        solution is not finite, is solved again with finer steps, and then by Diffrax; what still fails is NaN with its
        status. `scenarios` stand in for those of the study under the same names, and switch on the same days; raises
        `ValueError` for one that does not.
        """
        given = self.scenarios if scenarios is None else scenarios
        inputs = _stack([given[name].at(self._switches).arrays() for name in self.scenarios])
        people, draws = fitted.people["male"].shape
        units = jax.tree.map(np.ravel, fitted.people), jax.tree.map(lambda v: np.tile(v, people), fitted.parameters)
        batch = max(1, chunk // len(given))

        def solve(which: Any, way: Any, at_once: int, label: str) -> Outcome:
            some = jax.tree.map(lambda v: v[which], units)
            return run_batches(way, some, inputs, chunk=at_once, label=label, unit="draw", progress=progress)

        first, *better_ways = self._ways
        found = solve(slice(None), first, batch, "simulating people")
        hard: set[int] = set()
        for way, at_once in zip(better_ways, (min(batch, SOME), min(batch, FEW)), strict=True):
            again = _failed(found, self._system, self._max_error)
            if again.size:
                hard |= set((again // draws).tolist())
                new = solve(again, way, at_once, "solving the hard ones again")
                for old, better in zip(jax.tree.leaves(found), jax.tree.leaves(new), strict=True):
                    old[again] = better
        by_person = jax.tree.map(lambda v: v.reshape(people, draws, *v.shape[1:]), found)
        low, high = np.quantile(by_person.courses, [0.025, 0.975], axis=1)
        bands = np.stack([by_person.courses.mean(axis=1), low, high], axis=1)
        words = {n: np.array([Status(int(v)).words for v in s.max(axis=1)]) for n, s in by_person.status.items()}
        flags = {name: f.mean(axis=1) for name, f in by_person.flags.items()}
        table = _long(bands, fitted.person_id, list(self.scenarios), self._outputs)
        return Simulated(by_person.row, table, words, flags, len(hard))

    def prepare(self, fitted: Fitted, *, chunk: int) -> None:
        """Compile every way of solving for this `chunk`, so that no later call has to wait; anybody will do."""
        allowed, self._max_error = self._max_error, -1.0      # no draw is that accurate
        try:
            self(fitted, chunk=chunk, progress=False)
        finally:
            self._max_error = allowed

    def _one_draw(self, unit: tuple[Any, Any], inputs: Any, *, method: Method, grid: Grid) -> Outcome:
        person, parameters = unit

        def one(u: Any) -> Any:
            return simulate(self._system, person, parameters, u, self._switches, grid, method=method)

        result = jax.vmap(one)(inputs)
        return Outcome(
            jnp.stack([_read(f, person, result.values, self._order) for f in self._features]),
            jnp.stack([result.values[name] for name in self._outputs]),
            {name: s.max() for name, s in result.status.items()},
            {name: f.any() for name, f in result.flags.items()},
            jnp.max(result.error),
        )


def _failed(found: Outcome, system: System, max_error: float) -> Int[np.ndarray, " draws"]:
    """What must be solved again: not finite, or not accurate enough where something was solved."""
    if not system.dynamic:
        return np.arange(0)
    solved = np.stack([found.status[t.name] for t in system.dynamic])
    rough = (solved == Status.OK).any(axis=0) & ~(found.error <= max_error)
    return np.flatnonzero((solved == Status.NOT_FINITE).any(axis=0) | rough)


def _stack(inputs: list[list[dict[str, float]]]) -> list[dict[str, np.ndarray]]:
    segments = range(len(inputs[0]))
    return [{n: np.array([s[i][n] for s in inputs]) for n in inputs[0][0]} for i in segments]


def _read(feature: Feature, person: Any, values: Any, order: Mapping[str, int]) -> Any:
    """One feature; `values` have axes scenarios, times."""
    if feature.kind == "parameter":
        return person[feature.observable]
    course = values[feature.observable]
    here = course[order[feature.scenario], feature.year]
    return here - course[order["no_change"], feature.year] if feature.kind == "response" else here


def _long(bands: np.ndarray, person_id: np.ndarray, scenarios: list[str], outputs: list[str]) -> pd.DataFrame:
    """Bands (people, 3, outputs, scenarios, times) as a tidy table, without what failed."""
    times = bands.shape[-1]
    index = pd.MultiIndex.from_product(
        [person_id, outputs, scenarios, range(times)], names=["person_id", "output", "scenario", "year"]
    )
    flat = np.moveaxis(bands, 1, -1).reshape(-1, 3)
    table = pd.DataFrame(flat, index=index, columns=["mean", "low", "high"]).dropna().reset_index()
    return table[["person_id", "scenario", "output", "year", "mean", "low", "high"]]
