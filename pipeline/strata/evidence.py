"""What trials say a change of a mediator does to an outcome: the rows of `evidence.csv`.

A row is the relative risk of one outcome for a change of `per` of one observable of the twins, from a meta-analysis of
trials or, where the row says so, from one trial. `most` is the largest change that it is used for.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

WIDTH_95 = 2 * 1.959964


class Effect(NamedTuple):
    """One relative risk with its 95 % interval."""

    outcome: str
    mediator: str            # an observable of the twins, whose name ends with its unit
    per: float               # change for which the relative risk holds
    unit: str
    relative_risk: float
    low: float
    high: float
    most: float              # of a change in either direction; beyond, it counts as this
    in_whom: str
    source: str
    disputed_below: float | None = None      # value of the mediator below which `in_whom` says that this is disputed

    @property
    def log_per_unit(self) -> float:
        """Logarithm of the relative risk for a change of +1."""
        return float(np.log(self.relative_risk)) / self.per

    @property
    def log_error(self) -> float:
        """Standard error of `log_per_unit`."""
        return float(np.log(self.high) - np.log(self.low)) / WIDTH_95 / abs(self.per)


@cache
def evidence() -> tuple[Effect, ...]:
    """All rows."""
    text = files("pipeline.strata").joinpath("evidence.csv").read_text(encoding="utf-8")
    numbers = {"per", "relative_risk", "low", "high", "most", "disputed_below"}
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Effect(**{k: float(v) if k in numbers and v else v or None for k, v in row.items()})  # type: ignore[arg-type]
        for row in rows
    )


def evidence_on(outcome: str) -> dict[str, Effect]:
    """The rows of one outcome by mediator; empty for one that no trial is known for."""
    return {effect.mediator: effect for effect in evidence() if effect.outcome == outcome}
