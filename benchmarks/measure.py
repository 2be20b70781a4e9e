"""How a case is measured: our program compiled and run, sund run one person after another, and their errors."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

from benchmarks.cases import Case, People
from benchmarks.sund_people import InSund

Outputs = dict[str, np.ndarray]
Options = dict[str, float] | None
TIGHT_SUND = {"rel_tol": 1e-11, "abs_tol": 1e-13, "max_num_steps": 1e7}


class Measured(NamedTuple):
    """What a run gave, and what a person costs."""

    outputs: Outputs
    cpu_us: float
    wall_us: float
    cold_s: float = 0.0       # until it can run, compilation included
    cached_s: float = 0.0     # the same where the compilation cache has it


def size(people: People) -> int:
    """How many people."""
    return len(jax.tree.leaves(people)[0])


def first(people: People, number: int) -> People:
    """The first of them."""
    return jax.tree.map(lambda v: v[:number], people)


def cheapest(function: Callable[[], Any], least_s: float = 1.0) -> tuple[Any, float, float]:
    """The result, and the least CPU and wall seconds of a call, over three calls or more."""
    cpu, wall, began, calls = np.inf, np.inf, time.perf_counter(), 0
    while calls < 3 or time.perf_counter() - began < least_s:
        c, w = time.process_time(), time.perf_counter()
        result = function()
        cpu, wall, calls = min(cpu, time.process_time() - c), min(wall, time.perf_counter() - w), calls + 1
    return result, cpu, wall


def fresh_cache() -> None:
    """A persistent compilation cache that is empty and takes everything."""
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp(prefix="bench-cache-"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    compilation_cache.reset_cache()


def compiled(function: Callable[[Any], Any], part: People) -> tuple[Callable[[Any], Any], float, float]:
    """The program for many people, and seconds to have it without and with the persistent cache."""
    seconds = []
    for _ in range(2):
        jax.clear_caches()
        start = time.perf_counter()
        program = jax.jit(jax.vmap(function)).lower(part).compile()
        seconds.append(time.perf_counter() - start)
    return program, *seconds


def run_ours(function: Callable[[Any], Any], people: People, chunk: int) -> Measured:
    """All people in equal parts, results in NumPy arrays that stand ready."""
    number = size(people)
    chunk = min(chunk, number)
    part = first(people, chunk)
    program, cold, cached = compiled(function, part)
    starts = [min(s, number - chunk) for s in range(0, number, chunk)]      # the last part overlaps
    found = jax.tree.map(lambda v: np.empty((number, *v.shape[1:]), v.dtype), program(part))

    def run() -> None:
        for start in starts:
            here = slice(start, start + chunk)
            seen = program(jax.tree.map(lambda v, here=here: v[here], people))
            for all_of_it, value in zip(jax.tree.leaves(found), jax.tree.leaves(seen), strict=True):
                all_of_it[here] = value

    _, cpu, wall = cheapest(run)
    return Measured(found, 1e6 * cpu / number, 1e6 * wall / number, cold, cached)


@cache
def sund_model(text: str) -> tuple[Any, float]:
    """A compiled model, once in a process as sund wants it, and seconds to have it."""
    import sund

    start = time.perf_counter()
    sund.install_model(text, force=True)
    return sund.load_model(text.split(maxsplit=3)[2]), time.perf_counter() - start


def run_sund(
    case: InSund, outputs: tuple[str, ...], number: int, options: Options = None, *, timed: bool = True
) -> Measured:
    """One person after another on one core, as sund is used; with its own options if none are given."""
    import sund

    model, setup = sund_model(case.text)
    alone = sund.Simulation(models=[model], time_vector=case.times, time_unit=case.unit)
    alone.set_options(options or {})
    defaults = dict(zip(alone.parameter_names, alone.parameter_values, strict=True))
    values = _by_person({n: case.parameters.get(n, defaults[n]) for n in defaults}, number)
    starts = _by_person({n: case.starts.get(n, 0.0) for n in alone.state_names}, number)
    place = [list(alone.feature_names).index(n) for n in outputs]
    found = np.empty((number, len(case.times), len(outputs)))

    def with_inputs(i: int) -> Any:
        activity = sund.Activity(time_unit=case.unit)
        for name, (times, levels) in case.inputs(i).items():
            activity.add_output(type="piecewise_constant", name=name, t=times, f=levels)
        simulation = sund.Simulation(
            models=[model], activities=[activity], time_vector=case.times, time_unit=case.unit
        )
        if options:
            simulation.set_options(options)
        return simulation

    def run() -> None:
        for i in range(number):
            simulation = alone if case.inputs is None else with_inputs(i)      # inputs of a simulation stay
            simulation.parameter_values = values[i]
            simulation.state_values = starts[i]
            simulation.simulate(time_vector=case.times, reset=False)
            found[i] = simulation.feature_values[:, place]

    if timed:
        _, cpu, wall = cheapest(run, 0.0)
    else:
        run()
        cpu = wall = 0.0
    return Measured(
        {n: found[:, :, i] for i, n in enumerate(outputs)}, 1e6 * cpu / number, 1e6 * wall / number, setup
    )


def exact_solution(case: Case, people: People, outputs: tuple[str, ...]) -> Outputs:
    """The tight solution that errors are against."""
    if case.exact == "sund":
        return run_sund(case.sund(people), outputs, size(people), TIGHT_SUND, timed=False).outputs
    one = case.ours(people, "reference")
    found = jax.jit(lambda x: jax.lax.map(one, x))(people)
    return jax.tree.map(np.asarray, found)


def largest_error(case: Case, found: Outputs, exact: Outputs) -> float:
    """Over people, times and outputs, relative to the value or to the largest of its course."""
    worst = 0.0
    counts = True if case.counts is None else case.counts(exact)
    for name, true in exact.items():
        scale = np.abs(true) if case.of_value else np.max(np.abs(true), axis=1, keepdims=True)
        scale = np.where(scale > 0.0, scale, 1.0)
        difference = np.abs(found[name][: len(true)] - true) / scale
        worst = np.maximum(worst, np.max(np.where(counts, difference, 0.0)))       # NaN stays
    return float(worst)


def _by_person(values: dict[str, Any], number: int) -> np.ndarray:
    return np.stack([np.broadcast_to(np.asarray(v, dtype=float), number) for v in values.values()], axis=1)
