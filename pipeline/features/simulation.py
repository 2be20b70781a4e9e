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

YEAR = 365.25
STEPS: Mapping[str, Any] = {"max_step": 62.0}                                          # days
FINER_STEPS: Mapping[str, Any] = {"max_step": 16.0, "growth": 1.15, "first_step": 0.02}


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

    `chunk` is the number of simulations in one compiled call. Whoever's error estimate exceeds `max_error`, or
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

    def one_person(person: Any, method: Literal["batch", "reference"], grid: Grid) -> Any:
        def one(draw: Any, parameters: Any, u: Any) -> Any:
            return simulate(system, draw, parameters, u, switches, grid, method=method)

        over_scenarios = jax.vmap(one, in_axes=(None, None, 0))
        result = jax.vmap(over_scenarios, in_axes=(0, 0, None))(person, fitted.parameters, inputs)
        row = jnp.stack([_read(f, person, result.values, order) for f in features], axis=-1)
        courses = jnp.stack([result.values[name] for name in outputs])       # outputs, draws, scenarios, times
        low, high = jnp.quantile(courses, jnp.array([0.025, 0.975]), axis=1)
        bands = jnp.stack([courses.mean(axis=1), low, high])
        status = {name: s.max() for name, s in result.status.items()}
        flags = {name: f.any(axis=1).mean() for name, f in result.flags.items()}
        return row, bands, status, flags, jnp.max(result.error)

    draws = fitted.people["male"].shape[1]
    batch = max(1, chunk // (draws * len(scenarios)))
    found = run_batches(
        lambda x: one_person(x, "batch", grid), fitted.people, chunk=batch, label="simulating people", progress=progress
    )
    resolved = 0
    again_by: tuple[tuple[Literal["batch", "reference"], Grid, int], ...] = (
        ("batch", finer, batch),
        ("reference", grid, 4),
    )
    for method, steps, at_once in again_by:
        again = _failed(found, system, max_error)
        if again.size:
            resolved = resolved or int(again.size)
            some = {name: values[again] for name, values in fitted.people.items()}
            new = run_batches(
                partial(one_person, method=method, grid=steps),
                some,
                chunk=min(at_once, again.size),
                label="solving the hard ones again",
                progress=progress,
            )
            for old, better in zip(jax.tree.leaves(found), jax.tree.leaves(new), strict=True):
                old[again] = better
    row, bands, status, flags, _ = found
    words = {name: np.array([Status(int(v)).words for v in values]) for name, values in status.items()}
    table = _long(bands, fitted.person_id, list(scenarios), outputs)
    return Simulated(row, table, words, flags, resolved)


def _failed(found: tuple[Any, ...], system: System, max_error: float) -> Int[np.ndarray, " people"]:
    """Who must be solved again: not finite, or not accurate enough where something was solved."""
    _, _, status, _, error = found
    if not system.dynamic:
        return np.arange(0)
    solved = np.stack([status[t.name] for t in system.dynamic])
    rough = (solved == Status.OK).any(axis=0) & ~(error <= max_error)
    return np.flatnonzero((solved == Status.NOT_FINITE).any(axis=0) | rough)


def _stack(inputs: list[list[dict[str, float]]]) -> list[dict[str, np.ndarray]]:
    segments = range(len(inputs[0]))
    return [{n: np.array([s[i][n] for s in inputs]) for n in inputs[0][0]} for i in segments]


def _read(feature: Feature, person: Any, values: Any, order: Mapping[str, int]) -> Any:
    """One feature for each draw; `values` have axes draws, scenarios, times."""
    if feature.kind == "parameter":
        return person[feature.observable]
    course = values[feature.observable]
    here = course[:, order[feature.scenario], feature.year]
    return here - course[:, order["no_change"], feature.year] if feature.kind == "response" else here


def _long(bands: np.ndarray, person_id: np.ndarray, scenarios: list[str], outputs: list[str]) -> pd.DataFrame:
    """Bands (people, 3, outputs, scenarios, times) as a tidy table, without what failed."""
    times = bands.shape[-1]
    index = pd.MultiIndex.from_product(
        [person_id, outputs, scenarios, range(times)], names=["person_id", "output", "scenario", "year"]
    )
    flat = np.moveaxis(bands, 1, -1).reshape(-1, 3)
    table = pd.DataFrame(flat, index=index, columns=["mean", "low", "high"]).dropna().reset_index()
    return table[["person_id", "scenario", "output", "year", "mean", "low", "high"]]
