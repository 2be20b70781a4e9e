"""Whether a person is like those that a model has learned from: values at the edge, rare answers, much missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.schema import Variable
from pipeline.sections import Strict

# Of numbers, the middle 99 of 100 people; of answers, what at least 1 of 100 people gave. With seventeen numbers one
# person in nine has one of them outside: a word of care, not a verdict.
MIDDLE = (0.005, 0.995)
RARE = 0.01
# More than this share of what the model asks for is not known of the person.
MUCH_MISSING = 1 / 3


class Usual(Strict):
    """What most people of a cohort have of one variable; no ends where they would tell of too few people."""

    low: float | None = None                     # of a number
    high: float | None = None
    levels: tuple[str, ...] | None = None        # of an answer


class Edge(NamedTuple):
    """A value that few people have; for an answer, `low` and `high` are not numbers."""

    variable: str
    value: float | str
    low: float
    high: float


class Unlike(NamedTuple):
    """What sets a person apart from the people of a cohort."""

    edges: list[Edge]
    missing: list[str]       # variables that are not known of the person
    asked: int               # how many the model asks for

    @property
    def much_missing(self) -> bool:
        """Whether so little is known that the model has to guess."""
        return len(self.missing) > MUCH_MISSING * self.asked


def find_usual(
    people: pd.DataFrame, predictors: Sequence[str], known: Mapping[str, Variable], least: int = 0
) -> dict[str, Usual]:
    """What is usual among `people`, who have a row each and a column a variable, as `baseline` gives them.

    A predictor that nobody has is not among them. The ends of a number are told if at least `least` people lie beyond.
    """
    found = {}
    for name in predictors:
        values = people[name].dropna() if name in people else pd.Series(dtype=float)
        if values.empty:
            continue
        if known[name].kind == "category":
            share = values.value_counts(normalize=True)
            found[name] = Usual(levels=tuple(sorted(share.index[share >= RARE].astype(str))))
        elif MIDDLE[0] * len(values) >= least:
            low, high = values.quantile(list(MIDDLE))
            found[name] = Usual(low=float(low), high=float(high))
        else:
            found[name] = Usual()
    return found


def find_unlike(person: pd.Series, usual: Mapping[str, Usual]) -> Unlike:
    """Where a person, a value a variable, lies beside what is usual."""
    missing = [name for name in usual if name not in person.index or pd.isna(person[name])]
    edges = []
    for name, most in usual.items():
        if name in missing:
            continue
        value = person[name]
        if most.levels is not None:
            if value not in most.levels:
                edges.append(Edge(name, str(value), np.nan, np.nan))
        elif most.low is not None and most.high is not None and not most.low <= value <= most.high:
            edges.append(Edge(name, float(value), most.low, most.high))
    return Unlike(edges, missing, len(usual))
