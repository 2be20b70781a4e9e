"""Every draw of every person under every scenario, reduced to features and yearly bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pipeline.features.definitions import Feature
from pipeline.fitting import Fitted
from pipeline.solving import Status, make_grid, run_batches
from pipeline.twins import Scenario, System, Twin, simulate

YEAR = 365.25
LONGEST_STEP_D = 62.0


class Simulated(NamedTuple):
    """What all twins say of all people."""

    draws: np.ndarray                        # (people, draws, features); NaN where a twin has nothing to say
    bands: pd.DataFrame                      # person_id, scenario, output, year, mean, low, high
    status: dict[str, np.ndarray]            # twin -> status in words for each person
    flags: dict[str, np.ndarray]             # warning -> share of a person's draws that raise it
    resolved: int                            # people solved again by the reference solver


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
    whose batch solution is not finite, is solved again by Diffrax; what still fails is NaN with its status.
    All scenarios are cut where any of them switches, and must start at day 0.

    Raises `ValueError` if one does not.
    """
    if late := [name for name, s in scenarios.items() if s.switches[0] != 0.0]:
        raise ValueError(f"scenarios of one study must start at day 0; {', '.join(late)} does not")
    switches = tuple(sorted({day for s in scenarios.values() for day in s.switches}))
    grid = make_grid(switches, tuple(YEAR * y for y in range(years + 1)), max_step=LONGEST_STEP_D)
    system = System(tuple(twins))
    outputs = [name for t in system.twins for name in t.over_years]
    inputs = _stack([s.at(switches).arrays() for s in scenarios.values()])
    order = {name: i for i, name in enumerate(scenarios)}

    def one_person(person: Any, method: Literal["batch", "reference"]) -> Any:
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

    number, draws = fitted.people["male"].shape
    batch = max(1, chunk // (draws * len(scenarios)))
    people = fitted.people
    row, bands, status, flags, error = run_batches(
        lambda x: one_person(x, "batch"), people, chunk=batch, label="simulating people", progress=progress
    )
    solved = np.stack([status[t.name] for t in system.dynamic]) if system.dynamic else np.empty((0, number))
    rough = (solved == Status.OK).any(axis=0) & ~(error <= max_error)
    again = np.flatnonzero((solved == Status.NOT_FINITE).any(axis=0) | rough)
    if again.size:
        some = {name: values[again] for name, values in people.items()}
        new = run_batches(
            lambda x: one_person(x, "reference"), some, chunk=4, label="solving the hard ones again", progress=progress
        )
        for old, better in zip(jax.tree.leaves((row, bands, status, flags)), jax.tree.leaves(new[:4]), strict=True):
            old[again] = better
    words = {name: np.array([Status(int(v)).words for v in values]) for name, values in status.items()}
    table = _long(bands, fitted.person_id, list(scenarios), outputs)
    return Simulated(row, table, words, flags, int(again.size))


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
