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
FEW = 64                                     # draws that the reference solver takes at once: all wait for the slowest


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


def simulate_people(
    fitted: Fitted,
    twins: Sequence[Twin],
    scenarios: Mapping[str, Scenario],
    features: Sequence[Feature],
    *,
    years: int,
    chunk: int,
    max_error: float,
    progress: bool = True,
) -> Simulated:
    """Simulate `years` years of every scenario for all people and draws.

    `chunk` is the number of simulations in one compiled call. A draw whose error estimate exceeds `max_error`, or
    whose batch solution is not finite, is solved again with finer steps, and then by Diffrax; what still fails is NaN
    with its status.
    All scenarios are cut where any of them switches, and must start at day 0.

    Raises `ValueError` if one does not.
    """
    if late := [name for name, s in scenarios.items() if s.switches[0] != 0.0]:
        raise ValueError(f"scenarios of one study must start at day 0; {', '.join(late)} does not")
    switches = tuple(sorted({day for s in scenarios.values() for day in s.switches}))
    read = tuple(YEAR * y for y in range(years + 1))
    grid, finer = (make_grid(switches, read, **steps) for steps in (STEPS, FINER_STEPS))
    system = System(tuple(twins))
    outputs = [name for t in system.twins for name in t.over_years]
    inputs = _stack([s.at(switches).arrays() for s in scenarios.values()])
    order = {name: i for i, name in enumerate(scenarios)}

    def one_draw(unit: tuple[Any, Any], method: Method, grid: Grid) -> Outcome:
        person, parameters = unit

        def one(u: Any) -> Any:
            return simulate(system, person, parameters, u, switches, grid, method=method)

        result = jax.vmap(one)(inputs)
        return Outcome(
            jnp.stack([_read(f, person, result.values, order) for f in features]),
            jnp.stack([result.values[name] for name in outputs]),
            {name: s.max() for name, s in result.status.items()},
            {name: f.any() for name, f in result.flags.items()},
            jnp.max(result.error),
        )

    people, draws = fitted.people["male"].shape
    units = jax.tree.map(np.ravel, fitted.people), jax.tree.map(lambda v: np.tile(v, people), fitted.parameters)
    batch = max(1, chunk // len(scenarios))

    def solve(which: Any, method: Method, steps: Grid, at_once: int, label: str) -> Outcome:
        some = jax.tree.map(lambda v: v[which], units)
        call = partial(one_draw, method=method, grid=steps)
        return run_batches(call, some, chunk=at_once, label=label, unit="draw", progress=progress)

    found = solve(slice(None), "batch", grid, batch, "simulating people")
    hard: set[int] = set()
    better_ways: tuple[tuple[Method, Grid, int], ...] = (("batch", finer, batch), ("reference", grid, FEW))
    for method, steps, at_once in better_ways:
        again = _failed(found, system, max_error)
        if again.size:
            hard |= set((again // draws).tolist())
            new = solve(again, method, steps, at_once, "solving the hard ones again")
            for old, better in zip(jax.tree.leaves(found), jax.tree.leaves(new), strict=True):
                old[again] = better
    by_person = jax.tree.map(lambda v: v.reshape(people, draws, *v.shape[1:]), found)
    low, high = np.quantile(by_person.courses, [0.025, 0.975], axis=1)
    bands = np.stack([by_person.courses.mean(axis=1), low, high], axis=1)
    words = {n: np.array([Status(int(v)).words for v in s.max(axis=1)]) for n, s in by_person.status.items()}
    flags = {name: f.mean(axis=1) for name, f in by_person.flags.items()}
    table = _long(bands, fitted.person_id, list(scenarios), outputs)
    return Simulated(by_person.row, table, words, flags, len(hard))


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
