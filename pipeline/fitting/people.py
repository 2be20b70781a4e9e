"""Fits of all twins for all people, and the draws that carry their uncertainty onwards."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, qmc

from pipeline.config import require
from pipeline.fitting import blood_pressure, body_composition, diet, liver_fat
from pipeline.fitting.estimate import column
from pipeline.twins import TWINS, YEARS

FITTERS = (body_composition.fit, diet.fit, liver_fat.fit, blood_pressure.fit)
KNOWN = ("age_years", "height_cm", "weight_kg")      # taken as they are


class Fitted(NamedTuple):
    """Personalised twins of a cohort."""

    table: pd.DataFrame                                  # the table of fits
    people: dict[str, np.ndarray]                        # what twins need of a person, (people, draws)
    parameters: dict[str, dict[str, np.ndarray]]         # twin -> parameter -> (draws,)
    person_id: np.ndarray

    def status(self) -> dict[str, np.ndarray]:
        """For each twin and person "ok", or the first needed value that is missing."""
        return {twin: _status(twin, self.people) for twin in self.parameters}


def personalise(table: pd.DataFrame, counts: pd.DataFrame, twins: Collection[str], draws: int, seed: int) -> Fitted:
    """Fit every twin to every row of a baseline table and draw from the posteriors.

    `counts` (same index) says how often each variable was measured. The same quasi-random normal points serve
    every person, so that a person's draws depend on that person's row alone. Parameters of the mechanism are
    drawn with them. A twin that misses something has a status that says what, and NaN.
    """
    require(twins, YEARS, "[twins] names")
    order = [name for name in TWINS if name in twins]
    owner = {name: t for t in reversed(order) for name in TWINS[t].needs}      # the first twin that needs it
    everything = [e for fit in FITTERS for e in fit(table, counts) if e.name in owner]
    whole = {t: TWINS[t].accepted for t in order}
    spread = [
        (t, q)
        for t in order
        for q in TWINS[t].parameters
        if q.log_sd > 0 and not any(q.name in vector for vector in whole[t])
    ]
    z = _normal_points(len(everything) + len(spread), draws, seed)
    known = {name: column(table, name) for name in KNOWN}
    people = {name: np.repeat(values[:, None], draws, axis=1) for name, values in known.items()}
    people["male"] = np.repeat((table["sex"] == "male").to_numpy(dtype=float)[:, None], draws, axis=1)
    people |= {e.name: e.draw(z[:, i]) for i, e in enumerate(everything)}
    diet.constrain(people)
    for name in owner.keys() - people.keys():
        people[name] = np.full((len(table), draws), np.nan)
    parameters = {t: {q.name: np.full(draws, q.median) for q in TWINS[t].parameters} for t in order}
    for i, (t, q) in enumerate(spread):
        parameters[t][q.name] = q.median * np.exp(q.log_sd * z[:, len(everything) + i])
    for t, vectors in whole.items():         # drawn whole: their single parameters are not identified
        for name in vectors[0] if vectors else ():
            parameters[t][name] = np.array([vectors[d % len(vectors)][name] for d in range(draws)])
    status = {t: _status(t, people) for t in order}
    rows = [e.table(table.index, owner[e.name], status[owner[e.name]]) for e in everything]
    return Fitted(pd.concat(rows, ignore_index=True), people, parameters, table.index.to_numpy(dtype=str))


def _status(twin: str, people: dict[str, np.ndarray]) -> np.ndarray:
    """ "ok", or the first needed value that is missing, for each person."""
    status = np.full(len(people["male"]), "ok", dtype=object)
    for name in reversed(list(TWINS[twin].needs)):
        status[np.isnan(people[name]).any(axis=1)] = f"missing {name}"
    return status.astype(str)


def _normal_points(dimensions: int, draws: int, seed: int) -> np.ndarray:
    """Standard normal points (draws, dimensions) that fill the space evenly; each column has mean 0 and sd 1."""
    size = 1 << (draws - 1).bit_length()
    uniform = qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random(size)[:draws]
    z = norm.ppf(np.clip(uniform, 1e-6, 1 - 1e-6))
    return (z - z.mean(axis=0)) / z.std(axis=0)


def write_draws(fitted: Fitted, path: Path) -> None:
    """Keep the draws of people and parameters in one file."""
    arrays = {f"person/{name}": values for name, values in fitted.people.items()}
    arrays |= {f"{twin}/{q}": v for twin, values in fitted.parameters.items() for q, v in values.items()}
    np.savez_compressed(path, allow_pickle=False, person_id=fitted.person_id, **arrays)


def read_draws(draws: Path, fits: Path) -> Fitted:
    """The fits that an earlier stage wrote."""
    with np.load(draws) as stored:
        people: dict[str, np.ndarray] = {}
        parameters: dict[str, dict[str, np.ndarray]] = {}
        for key in stored.files:
            owner, _, name = key.partition("/")
            if owner == "person":
                people[name] = stored[key]
            elif name:
                parameters.setdefault(owner, {})[name] = stored[key]
        return Fitted(pd.read_parquet(fits), people, parameters, stored["person_id"])
