"""Samples of parameters of calibrated twins (`make calibrate`), as tables shipped with the library."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_posterior(twin: str) -> tuple[dict[str, float], ...]:
    """Whole parameter vectors drawn from the posterior of `twin`; none where it was never calibrated."""
    table = files("pipeline.twins.posteriors").joinpath(f"{twin}.csv")
    if not table.is_file():
        return ()
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple({name: float(value) for name, value in row.items() if name != "cost"} for row in rows)
