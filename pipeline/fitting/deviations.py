"""How far a person lies from what is usual: drawn quantities back to the standard normal numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from pipeline.fitting.quantities import FREE, Quantity

FARTHEST = 10.0        # spreads from usual; beyond it a deviation is told as this
HALVINGS = 50          # of the range in which a deviation is sought


def deviations(people: Mapping[str, Any]) -> dict[str, Float[np.ndarray, "people draws"]]:
    """For each unknown of `FREE` the distance from usual in units of the spread before measuring.

    `people` are the drawn quantities of `Fitted`. Usual is what stands before a quantity: for age and sex, and for body
    fat and liver fat also for the weight, for diastolic also for systolic pressure. Without measurement a deviation has
    mean 0 and spread 1. NaN where the fit failed.
    """
    return {name: np.asarray(z) for name, z in _all_deviations(dict(people)).items()}


@jax.jit
def _all_deviations(people: Mapping[str, Any]) -> dict[str, Any]:
    return {quantity.name: _deviation(quantity, people) for quantity in FREE}


def _deviation(quantity: Quantity, people: Mapping[str, Any]) -> Any:
    """Halving an interval: every quantity rises with its unknown."""
    value = people[quantity.name]

    def halve(ends: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
        low, high = ends
        middle = (low + high) / 2.0
        below = quantity.value(middle, people) < value
        return (jnp.where(below, middle, low), jnp.where(below, high, middle)), None

    start = (jnp.full_like(value, -FARTHEST), jnp.full_like(value, FARTHEST))
    (low, high), _ = jax.lax.scan(halve, start, None, length=HALVINGS)
    return jnp.where(jnp.isnan(value), jnp.nan, (low + high) / 2.0)
