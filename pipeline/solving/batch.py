"""Many people: chunks of a fixed shape, two at a time, with progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from tqdm import tqdm


def run_batches(
    function: Callable[..., Any],
    people: Any,
    *shared: Any,
    chunk: int,
    label: str,
    unit: str = "person",
    progress: bool = True,
) -> Any:
    """`jax.vmap(function)` over the leading axis of every leaf of `people`, as NumPy arrays in the same order.

    `function` takes one person, and what is `shared` by all. It is compiled once for `chunk` people, also over several
    calls with the same function, however many they are of: the last chunk is padded with the first person. Chunks of a
    few thousand keep one person's worth of state per variable in the cache; XLA leaves the interpreter lock, so
    threads use the cores.
    """
    size = len(jax.tree.leaves(people)[0])
    compiled = _compiled(function, len(shared))

    def run(start: int) -> Any:
        rows = np.arange(start, start + chunk)
        rows = np.where(rows < size, rows, 0)
        result = compiled(jax.tree.map(lambda leaf: np.asarray(leaf)[rows], people), *shared)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[: size - start], result)

    starts = range(0, size, chunk)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, tqdm(
        total=size, desc=label, unit=unit, disable=None if progress else True, leave=False
    ) as bar:
        parts = []
        for part in _in_order(pool, run, starts):
            parts.append(part)
            bar.update(len(jax.tree.leaves(part)[0]))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


@lru_cache(maxsize=8)
def _compiled(function: Callable[..., Any], shared: int) -> Callable[..., Any]:
    return jax.jit(jax.vmap(function, in_axes=(0, *[None] * shared)))


def _in_order(pool: ThreadPoolExecutor, run: Callable[[int], Any], starts: range) -> Iterator[Any]:
    first, *rest = starts
    yield run(first)                 # compiles, once, before the threads start
    yield from pool.map(run, rest)
