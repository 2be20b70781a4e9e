"""From what is known of a person through the twins to log odds, as one function that can be differentiated.

A row of numbers says what a person's visit read and what else is known. An encoder turns it into the standard normal
unknowns of the person, the twins simulate that person, and log odds are a straight line in the row and in what the
twins say. The unknowns also have to explain the readings, each with its error, and stay near their prior.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pipeline.fitting import FREE, SENSORS, describe, possible
from pipeline.models.ensemble import lack, lengthen, through, widen
from pipeline.solving import make_grid
from pipeline.twins import NO_CHANGE, System, build_twins, simulate

YEAR = 365.25
LONGEST_STEP_D = 62.0
DEFICIT_KCAL_D = 500.0      # eaten less in the year that is simulated, as guidelines advise
FARTHEST = 8.0              # spreads from what was expected of a reading, beyond which it counts no more
OUTLIER = 5.0               # errors of a reading, beyond which it pulls no harder
AGE = (50.0, 15.0)          # years: centre and spread for the encoder


class Chain(NamedTuple):
    """The functions of a choice of twins; `params` and `fixed` are of one member, `rows` of many people."""

    forward: Callable[[Any, Any, Any], Any]  # to log odds, and what the twins say, NaN where they fail
    loss: Callable[[Any, Any, Any], Any]
    numbers: int                             # that the twins say of a person


@cache
def build(twins: tuple[str, ...]) -> Chain:
    """The hybrid of the named twins; the same functions each time, so that each compiles once."""
    system = System(build_twins(twins))
    parameters = {t.name: t.defaults() for t in system.twins}
    inputs = NO_CHANGE.arrays()[0] | {"energy_change_kcal_d": -DEFICIT_KCAL_D}
    grid = make_grid((0.0,), (0.0, YEAR), max_step=LONGEST_STEP_D)

    @_without_failures
    def said(z: Any, known: Any) -> Any:
        """What the twins say of the visit, and what a year of eating less changes."""
        person = possible(describe(z, known))
        values = simulate(system, person, parameters, [inputs], (0.0,), grid, method="batch").values
        today = [values[name][0] for t in system.twins for name in t.at_visit]
        changes = [values[name][1] - values[name][0] for t in system.twins for name in t.over_years]
        return jnp.stack([*today, *changes])

    def judge(params: Any, fixed: Any, rows: Any) -> tuple[Any, Any, Any]:
        z = encode(params, rows)
        heard = jax.vmap(said)(z, rows["known"])
        solved = jnp.isfinite(heard).all(axis=1, keepdims=True)
        columns = jnp.where(solved, (heard - fixed["centre"]) / fixed["spread"], 0.0)
        both = jnp.concatenate([rows["x"], columns], axis=1)
        return params["line"][0] + both @ params["line"][1:], jnp.where(solved, heard, jnp.nan), z

    def loss(params: Any, fixed: Any, rows: Any) -> Any:
        """Lack of the risks, misfit of the readings and distance from the prior, a person."""
        logit, _, z = judge(params, fixed, rows)
        return lack(logit, rows) + jax.vmap(_misfit)(z, rows).mean()

    numbers = sum(len(t.at_visit) + len(t.over_years) for t in system.twins)
    return Chain(lambda *of: judge(*of)[:2], loss, numbers)


def _without_failures(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same function, whose gradient is 0 for a person of whom it gives NaN, or has NaN as gradient."""
    safe = jax.custom_vjp(function)

    def forward(z: Any, known: Any) -> tuple[Any, Any]:
        value, pull = jax.vjp(lambda z: function(z, known), z)
        return value, (pull, known)

    def backward(kept: Any, slope: Any) -> tuple[Any, Any]:
        pull, known = kept
        (found,) = pull(slope)
        return jnp.where(jnp.isfinite(found).all(), found, 0.0), jax.tree.map(jnp.zeros_like, known)

    safe.defvjp(forward, backward)
    return safe


def expected(z: Any, known: Any, years: Any) -> Any:
    """What every sensor would read of one person without error."""
    person = describe(z, known)
    return jnp.stack([sensor.predict(person, year) for sensor, year in zip(SENSORS, years, strict=True)])


def _misfit(z: Any, row: Any) -> Any:
    """Half the squares of unknowns and of errors of one person's readings, those of a later visit among them."""
    total = 0.5 * (z**2).sum()
    for visit in (row["visit"], row["later"]):
        errors = visit["whiten"] * (visit["value"] - expected(z, row["known"], visit["years"]))
        total = total + optax.losses.huber_loss(errors, delta=OUTLIER).sum()
    return total


@jax.jit
@jax.vmap
def linear(known: Any, visit: Any) -> tuple[Any, Any, Any]:
    """The posterior mean of each person were readings linear in the unknowns, and how far each reading lies.

    The distance is in spreads of what is expected of someone of that age and sex; 0 where there is no reading, and so
    is the mean where there is none at all.
    """
    at = jnp.zeros(len(FREE))
    slope = jax.jacfwd(expected)(at, known, visit["years"])
    spread = jnp.linalg.norm(slope, axis=1)
    there = visit["whiten"] > 0
    away = jnp.clip((visit["value"] - expected(at, known, visit["years"])) / spread, -FARTHEST, FARTHEST) * there
    pull = visit["whiten"][:, None] * slope
    z = jnp.linalg.solve(jnp.eye(len(FREE)) + pull.T @ pull, pull.T @ (visit["whiten"] * spread * away))
    return z, away, there.astype(float)


def unpack(X: np.ndarray) -> dict[str, Any]:
    """Rows for the chain from the columns of `PersonRows`; nothing is known of a later visit."""
    width = (X.shape[1] - 2 - 2 * len(SENSORS)) // 2
    known, value, whiten, x, beyond = np.split(X, np.cumsum([2, len(SENSORS), len(SENSORS), width]), axis=1)
    person = {"age_years": known[:, 0], "male": known[:, 1]}
    visit = {"value": value, "whiten": whiten, "years": np.zeros_like(value)}
    found = linear(*lengthen((person, visit)))
    mean, away, there = (np.asarray(each)[: len(X)] for each in found)
    first = np.stack([(known[:, 0] - AGE[0]) / AGE[1], known[:, 1]], axis=1)
    told = widen(np.concatenate([first, mean, away, there, beyond], axis=1))
    untold = np.pad(first, ((0, 0), (0, told.shape[1] - 2)))
    later = jax.tree.map(np.zeros_like, visit)
    encoded = {"mean": mean, "told": told, "untold": untold}
    return {"known": person, "visit": visit, "later": later, "x": widen(x)} | encoded


def encode(params: Any, rows: Any) -> Any:
    """The unknowns of each person: the linear posterior mean, corrected; 0, the prior, where nothing is told."""
    layers = params["layers"]
    return rows["mean"] + through(layers, rows["told"]) - through(layers, rows["untold"])
