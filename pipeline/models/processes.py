"""Calls spread over processes, with progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from joblib import Parallel, parallel_config
from tqdm import tqdm


def spread_out(calls: Iterable[Any], *, jobs: int, label: str, progress: bool) -> Iterator[Any]:
    """The results of `joblib.delayed` calls in their order, one thread a process; values do not depend on `jobs`."""
    waiting = list(calls)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        results = Parallel(n_jobs=min(jobs, len(waiting)), return_as="generator")(waiting)
        yield from tqdm(results, total=len(waiting), desc=label, disable=None if progress else True)
