"""Fits of all twins for all people, and the draws that carry their uncertainty onwards."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, qmc

from pipeline.config import require
from pipeline.fitting.population import Unknowns
from pipeline.fitting.posterior import Posterior, laplace
from pipeline.fitting.quantities import FREE, QUANTITIES, TRAITS, Trait, describe, possible
from pipeline.fitting.sensors import SENSORS
from pipeline.fitting.visits import Answers, Readings, ask, gather
from pipeline.twins import TWINS, YEARS

UNLIKELY = 1e-4        # readings that contradict each other, or everybody: a chance below this is said
FEW = 256              # people up to whom their number is filled up to a power of two
TELLS = 0.98           # posterior over prior spread below which a quantity counts as estimated from others


class Fitted(NamedTuple):
    """Personalised twins of a cohort."""

    table: pd.DataFrame                                  # the table of fits
    people: dict[str, np.ndarray]                        # what twins need of a person, (people, draws)
    parameters: dict[str, dict[str, np.ndarray]]         # twin -> parameter -> (draws,)
    person_id: np.ndarray
    settled: np.ndarray                                  # whether the search for the mode ended
    unknowns: Unknowns                                   # that `people` follow from, for `learn_population`

    def status(self) -> dict[str, np.ndarray]:
        """For each twin and person "ok", or why there is no fit."""
        return {twin: _status(twin, self.people, self.settled) for twin in self.parameters}

    def from_usual(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """How far each person lies from what is usual, in spreads before measuring: mean and spread of each of `FREE`.

        Usual is what stands before a quantity: for age and sex, and for body fat and liver fat also for the weight, for
        diastolic also for systolic pressure. Without measurement the mean is 0 and the spread 1. NaN without a fit.
        """
        z, names, ids = self.unknowns.z.astype(float), [q.name for q in FREE], pd.Index(self.person_id)
        return pd.DataFrame(z.mean(axis=1), ids, names), pd.DataFrame(z.std(axis=1), ids, names)


def personalise(
    people: pd.DataFrame, observations: pd.DataFrame, twins: Collection[str], draws: int, seed: int
) -> Fitted:
    """The posterior of every person from whatever was measured of them by time zero, and draws from it.

    `people` has person_id, age_years and sex, `observations` are long, with readings of any number of visits; those
    after time zero are not looked at. Who was not measured at all gets the prior of age and sex, and so, of a trait,
    does who answers both yes and no at one visit. The same quasi-random normal points serve every person, so that a
    person's draws depend on that person alone. Parameters of the mechanism are drawn with them. A twin that needs what
    no quantity covers has a status that says what, and NaN.
    """
    require(twins, YEARS, "[twins] names")
    order = [name for name in TWINS if name in twins]
    ids = people["person_id"].to_numpy(dtype=str)
    known, readings = gather(people, observations)
    answers = [ask(trait.name, observations, ids) for trait in TRAITS]
    posterior = _of_people(solve, known, readings)
    spread = [(t, q) for t in order for q in TWINS[t].parameters if q.log_sd > 0 and not _is_whole(t, q.name)]
    points = _normal_points(len(FREE) + len(TRAITS) + len(spread), draws, seed)
    z, of_traits, of_twins = np.split(points, np.cumsum([len(FREE), len(TRAITS)]), axis=1)
    unknowns = np.asarray(posterior.mean[:, None] + z @ np.swapaxes(posterior.root, 1, 2))
    drawn = _of_people(_draw, known, unknowns)
    persons = {name: np.array(np.broadcast_to(values, (len(ids), draws))) for name, values in drawn.items()}
    for trait, answer, point in zip(TRAITS, answers, of_traits.T, strict=True):
        has = norm.cdf(point) < _chance(trait, answer, known)[:, None]
        persons[trait.name] = has * (persons[trait.amount] if trait.amount else 1.0)
    for name in {n for t in order for n in TWINS[t].needs} - persons.keys():
        persons[name] = np.full((len(ids), draws), np.nan)
    settled = posterior.settled
    persons |= {n: np.where(settled[:, None], v, np.nan) for n, v in persons.items() if n not in known}
    parameters = {t: {q.name: np.full(draws, q.median) for q in TWINS[t].parameters} for t in order}
    for i, (t, q) in enumerate(spread):
        parameters[t][q.name] = q.median * np.exp(q.log_sd * of_twins[:, i])
    for t in order:         # drawn whole: their single parameters are not identified
        vectors = TWINS[t].accepted
        for name in vectors[0] if vectors else ():
            parameters[t][name] = np.array([vectors[d % len(vectors)][name] for d in range(draws)])
    table = _table(ids, known, readings, answers, posterior, order, persons)
    mean, root, unknowns = (
        np.where(settled.reshape(-1, *[1] * (part.ndim - 1)), part, np.nan)
        for part in (posterior.mean, posterior.root, unknowns)
    )
    return Fitted(table, persons, parameters, ids, settled, Unknowns(mean, root, unknowns.astype(np.float32)))


@jax.jit
@jax.vmap
def solve(known: dict[str, Any], readings: list[Readings]) -> Posterior:
    """The posterior of each person; `readings` in the order of `SENSORS`."""
    return laplace(lambda z: residuals(z, known, readings), len(FREE))


def residuals(z: Any, known: dict[str, Any], readings: list[Readings]) -> Any:
    """How far one person's readings lie from what `z` says, in their own errors; 0 where there is none."""
    person = describe(z, known)
    pairs = zip(SENSORS, readings, strict=True)
    errors = [
        r.whiten @ ((r.value - sensor.predict(person, r.years)) / sensor.scale(person, r.years)) for sensor, r in pairs
    ]
    return jnp.concatenate(errors)


def _of_people(function: Callable[..., Any], *parts: Any) -> Any:
    """A compiled function of all people as NumPy arrays; of few, padded so that other few need not compile again."""
    size = len(jax.tree.leaves(parts)[0])
    whole = 1 << (size - 1).bit_length() if size <= FEW else size
    rows = np.minimum(np.arange(whole), size - 1)
    return jax.tree.map(lambda v: np.asarray(v)[:size], function(*jax.tree.map(lambda v: np.asarray(v)[rows], parts)))


def _chance(trait: Trait, answer: Answers, known: dict[str, np.ndarray]) -> np.ndarray:
    """The chance of each person to have the trait: 1 or 0 if answered."""
    return np.where(np.isnan(answer.has), np.asarray(trait.chance(known)), answer.has)


@jax.jit
@jax.vmap
def _draw(known: dict[str, Any], z: Any) -> dict[str, Any]:
    """Everything of each person for each of that person's unknowns `z` (draws, unknowns)."""
    return jax.vmap(lambda point: possible(describe(point, known)))(z)


@jax.jit
@jax.vmap
def summarise(known: dict[str, Any], posterior: Posterior) -> tuple[Any, Any, Any]:
    """Mode, spread and spread before measuring, each (quantities,).

    Spreads follow from slopes, for what is told so as a share of the mode. Of a bent quantity it is half of what lies
    between one spread of its unknown to either side of the mode, before measuring too: a slope would say that whoever
    hardly drinks does so for certain, and spreads grow with what is drunk.
    """

    def values(z: Any) -> Any:
        person = describe(z, known)
        return jnp.stack([jnp.log(person[q.name]) if q.is_log else person[q.name] for q in QUANTITIES])

    middle = jnp.stack([posterior.mode, jnp.zeros(len(FREE))])
    roots = jnp.stack([posterior.root, jnp.eye(len(FREE))])
    step = jnp.linalg.norm(roots, axis=2)
    slopes = jax.vmap(jax.jacfwd(values))(middle)
    above, below = (jax.vmap(values)(posterior.mode + side) for side in (step, -step))
    found = values(posterior.mode)
    is_log, is_bent = (jnp.array([getattr(q, name) for q in QUANTITIES]) for name in ("is_log", "is_bent"))
    size = jnp.where(is_log, jnp.exp(found), 1.0)
    spread = size * jnp.where(is_bent, 0.5 * (above - below), jnp.linalg.norm(slopes @ roots, axis=2))
    return jnp.where(is_log, size, found), spread[0], spread[1]


def _table(
    ids: np.ndarray,
    known: dict[str, np.ndarray],
    readings: list[Readings],
    answers: list[Answers],
    posterior: Posterior,
    order: list[str],
    persons: dict[str, np.ndarray],
) -> pd.DataFrame:
    """A row a person and quantity or trait that a twin needs: mode, spread and what of it is the person's own.

    Of a trait the mode is the chance, or the expected amount; its spread before measuring is that of an amount of the
    person's size, and whoever is known to have it, but not how much, is less certain than before.
    """
    mode, sd, prior_sd = (v.T for v in _of_people(summarise, known, posterior))
    number = sum(r.number for r in readings)
    unlikely = (number > 0) & (chi2.sf(posterior.misfit, np.maximum(number, 1)) < UNLIKELY)
    unlikely = unlikely | np.any([answer.both for answer in answers], axis=0)
    measured = {q.name: np.zeros(len(ids), dtype=bool) for q in QUANTITIES}
    for sensor, reading in zip(SENSORS, readings, strict=True):
        measured[sensor.tells] = measured[sensor.tells] | (reading.number > 0)
    measured["bmi_kg_m2"] = measured["bmi_kg_m2"] | (measured["weight_kg"] & measured["height_cm"])
    found = {q.name: (mode[i], sd[i], prior_sd[i], measured[q.name]) for i, q in enumerate(QUANTITIES)}
    for trait, answer in zip(TRAITS, answers, strict=True):
        size, spread, before, seen = found.get(trait.amount, (1.0, 0.0, 0.0, True))
        after, prior = _chance(trait, answer, known), np.asarray(trait.chance(known))
        now, then = (np.sqrt(p * s**2 + p * (1.0 - p) * size**2) for p, s in ((after, spread), (prior, before)))
        found[trait.name] = (after * size, now, then, (answer.has == 0) | ((answer.has == 1) & seen))
    rows = []
    for row in (*QUANTITIES, *TRAITS):
        owner = next((t for t in order if row.name in TWINS[t].needs), None)
        if owner is None:
            continue
        status = _status(owner, persons, posterior.settled)
        fails = status != "ok"
        *numbers, is_measured = found[row.name]
        shown = [np.where(fails, np.nan, v) for v in numbers]
        told = np.where(np.abs(numbers[1] / numbers[2] - 1.0) > 1.0 - TELLS, "estimated", "assumed")
        rows.append(
            {
                "person_id": ids,
                "twin": np.full(len(ids), owner),
                "parameter": np.full(len(ids), row.name),
                "unit": np.full(len(ids), row.unit),
                "mode": shown[0],
                "sd": shown[1],
                "prior_sd": shown[2],
                "contraction": 1.0 - (shown[1] / shown[2]) ** 2,
                "basis": np.where(fails, "none", np.where(is_measured, "measured", told)),
                "unlikely": unlikely,
                "status": status,
            }
        )
    return pd.DataFrame({name: np.concatenate([part[name] for part in rows]) for name in rows[0]})


def _is_whole(twin: str, parameter: str) -> bool:
    """Whether the parameter is drawn as a part of whole vectors."""
    return any(parameter in vector for vector in TWINS[twin].accepted[:1])


def _status(twin: str, people: dict[str, np.ndarray], settled: np.ndarray) -> np.ndarray:
    """ "ok", or the first needed value that is missing, for each person."""
    status = np.full(len(people["male"]), "ok", dtype=object)
    for name in reversed(list(TWINS[twin].needs)):
        status[np.isnan(people[name]).any(axis=1)] = f"missing {name}"
    return np.where(settled, status.astype(str), "search for the most likely values did not settle")


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
    arrays |= {f"unknowns/{name}": values for name, values in fitted.unknowns._asdict().items()}
    np.savez_compressed(path, allow_pickle=False, person_id=fitted.person_id, settled=fitted.settled, **arrays)


def read_draws(draws: Path, fits: Path) -> Fitted:
    """The fits that an earlier stage wrote."""
    with np.load(draws) as stored:
        people: dict[str, np.ndarray] = {}
        parameters: dict[str, dict[str, np.ndarray]] = {}
        for key in stored.files:
            owner, _, name = key.partition("/")
            if owner == "person":
                people[name] = stored[key]
            elif owner != "unknowns" and name:
                parameters.setdefault(owner, {})[name] = stored[key]
        unknowns = Unknowns(*(stored[f"unknowns/{name}"] for name in Unknowns._fields))
        return Fitted(pd.read_parquet(fits), people, parameters, stored["person_id"], stored["settled"], unknowns)
