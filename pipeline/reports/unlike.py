"""Whether a person is like those that a model has learned from: values at the edge, rare answers, much missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.schema import Variable

# Of numbers, the middle 99 of 100 people; of answers, what at least 1 of 100 people gave. With seventeen numbers one
# person in nine has one of them outside: a word of care, not a verdict.
MIDDLE = (0.005, 0.995)
RARE = 0.01
# More than this share of what the model asks for is not known of the person.
MUCH_MISSING = 1 / 3


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


def find_unlike(
    person: pd.Series, people: pd.DataFrame, predictors: Sequence[str], known: Mapping[str, Variable]
) -> Unlike:
    """Where a person lies beside `people`, who have a row each and a column a variable; both as `baseline` gives them.

    A predictor that nobody of the cohort has is not asked for.
    """
    asked = [name for name in predictors if name in people and people[name].notna().any()]
    missing = [name for name in asked if name not in person.index or pd.isna(person[name])]
    edges = []
    for name in asked:
        if name in missing:
            continue
        values = people[name].dropna()
        if known[name].kind == "category":
            if (values == person[name]).mean() < RARE:
                edges.append(Edge(name, str(person[name]), np.nan, np.nan))
            continue
        low, high = values.quantile(list(MIDDLE))
        if not low <= person[name] <= high:
            edges.append(Edge(name, float(person[name]), float(low), float(high)))
    return Unlike(edges, missing, len(asked))
