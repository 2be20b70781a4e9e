"""Gradients of a scalar loss with respect to all parameters, beside the solve that they are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from benchmarks import cases
from benchmarks.measure import first, run_ours
from pipeline.twins import System

STEP = 1e-4      # of central differences, relative
TYPICAL = {"weight_kg": 80.0, "pdff_percent": 5.0} | {
    "blood_alcohol_mg_dl": 50.0, "acetate_mmol_l": 1.0, "breath_alcohol_g_210l": 0.05, "gastric_volume_ml": 100.0,
    "peth_ng_ml": 100.0,
}  # fmt: skip
MODES = {"reverse": jax.grad, "forward": jax.jacfwd}


class Gradient(NamedTuple):
    """What a gradient costs, and how far it is from central differences."""

    name: str
    number: int
    parameters: int
    forward_us: float
    modes: dict[str, float]      # us a person
    error: float
    cold_s: float
    cached_s: float

    @property
    def cheaper(self) -> str:
        """The mode to use."""
        return min(self.modes, key=lambda mode: self.modes[mode])


def loss(seen: dict[str, Any]) -> Any:
    """Mean squares over times, each output in units of what is typical."""
    return sum(jnp.mean((v / TYPICAL[name]) ** 2) for name, v in seen.items())


def liver(_: Any) -> tuple[Callable[[Any, Any], Any], Any]:
    """Loss of one person by parameters, and the parameters."""
    system = System(cases.BODY_LIVER)
    return lambda p, x: loss(cases.liver(system, x, "batch", p)), cases.BODY_LIVER_P


def alcohol(people: Any) -> tuple[Callable[[Any, Any], Any], Any]:
    """The same for a day of drinking."""
    steps = cases.steps_of(cases.DRINKER, people, cases.DAY[-1])
    return lambda p, x: loss(cases.alcohol(x, "batch", steps, p)), cases.DRINKER_P


LOSSES = {"liver": liver, "alcohol": alcohol}


def measure(key: str, number: int, few: int = 5) -> Gradient:
    """Each person's own gradient, at the medians."""
    case = cases.CASES[key]
    people = case.people(number)
    of, defaults = LOSSES[key](people)
    vector, unravel = ravel_pytree(jax.tree.map(float, defaults))
    by = lambda q, x: of(unravel(q), x)  # noqa: E731
    forward = run_ours(lambda x: by(vector, x), people, case.chunk)
    runs = {
        mode: run_ours(lambda x, gradient=gradient: gradient(by)(vector, x), people, case.chunk)
        for mode, gradient in MODES.items()
    }
    modes = {mode: run.cpu_us for mode, run in runs.items()}
    best = runs[min(modes, key=lambda mode: modes[mode])]
    error = difference(by, vector, first(people, few), best.outputs[:few])
    return Gradient(
        case.name, number, len(vector), forward.cpu_us, modes, error, best.cold_s, best.cached_s
    )


def difference(by: Callable[[Any, Any], Any], vector: Any, people: Any, found: np.ndarray) -> float:
    """Largest difference to central differences, with respect to log parameters, over the largest of a person."""
    some = jnp.where(vector == 0.0, 1.0, vector)
    shifts = STEP * jnp.diag(some)
    at = jax.jit(jax.vmap(jax.vmap(by, in_axes=(0, None)), in_axes=(None, 0)))
    true = np.asarray(some * (at(vector + shifts, people) - at(vector - shifts, people)) / (2.0 * STEP * some))
    return float(np.max(np.abs(found * np.asarray(some) - true) / np.max(np.abs(true), axis=1, keepdims=True)))
