"""The end-to-end hybrid: what is known of a person, through the person's own twins, to risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from pipeline.models.classifier import MeanOfMembers
from pipeline.models.columns import round_medians, standardised
from pipeline.models.published import reader

TWINS = ("body_composition", "liver_fat", "blood_pressure")
HIDDEN = (32, 16)
RATE, DECAY, BATCH, STEPS, LOOKS = 2e-3, 1e-2, 256, 20, 10
TYPICAL_AGE, TYPICAL_MALE = 50.0, 0.5     # where a table has no age or sex
TOLD = ("age_years", "sex")               # of whom nothing else is told, the prior of the twins is what is known


class PersonRows(BaseEstimator, TransformerMixin):
    """Rows of variables to all that a hybrid needs of a person, as numbers without gaps.

    Columns: age and sex; what each sensor read, then one over its error, both 0 where it read nothing; all variables as
    logistic regression takes them; and how these differ from a row in which nothing but age and sex is told.
    """

    def __init__(self, numbers: Sequence[str], levels: Sequence[tuple[str, Sequence[str]]]) -> None:
        self.numbers = numbers
        self.levels = levels

    def fit(self, X: pd.DataFrame, y: Any = None) -> PersonRows:
        """Learn how to fill what is missing, and centres and spreads."""
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.columns_ = round_medians(Pipeline(standardised(self.numbers, dict(self.levels))).fit(X))
        return self

    def transform(self, X: pd.DataFrame) -> Float[np.ndarray, "rows columns"]:
        """An array without missing values."""
        column, visit = reader(X), read_visit(X[list(self.numbers)], 0.0)
        age, male = column("age_years", TYPICAL_AGE), column("male", TYPICAL_MALE)
        x = self.columns_.transform(X)
        beyond = x - self.columns_.transform(X.assign(**{n: np.nan for n in X.columns if n not in TOLD}))
        return np.column_stack([age, male, visit["value"], visit["whiten"], x, beyond])


def read_visit(table: pd.DataFrame, years: np.ndarray | float) -> dict[str, np.ndarray]:
    """What each sensor read at one visit, one over its error (both 0 where it read nothing), and years from today."""
    from pipeline.fitting import read_rows

    readings = read_rows(table, years)
    return {
        "value": np.concatenate([r.value for r in readings], axis=1),
        "whiten": np.concatenate([r.whiten[:, 0] for r in readings], axis=1),
        "years": np.concatenate([r.years for r in readings], axis=1),
    }


class Hybrid(MeanOfMembers):
    """Log odds by a straight line in the variables and in what a person's twins say, calibrated.

    A network corrects the linear posterior mean of the person's unknowns; the twins simulate the person so described,
    at the visit and over a year of eating less, and the loss is differentiated through their solver. Besides the
    outcome, the person has to explain the readings of the row, each with its error, and stay near the prior. Members
    each leave out a part of the people (`pipeline.models.ensemble`). Where the twins fail, what they say on average
    stands; `failed_` counts the people it stood for in training.
    """

    learns_from_later = True

    def __init__(self, twins: Sequence[str] = TWINS, n_members: int = 5, random_state: int = 0) -> None:
        self.twins = twins
        self.n_members = n_members
        self.random_state = random_state

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None = None,
        later: pd.DataFrame | None = None,
    ) -> Hybrid:
        """Learn all members at once from the columns of `PersonRows`, and from what the next visit read, if any."""
        from pipeline.models import encoder, ensemble

        self.classes_ = np.array([0, 1])
        y = np.asarray(y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        chain, rows = encoder.build(tuple(self.twins)), encoder.unpack(np.asarray(X))
        if later is not None:
            rows["later"] = read_visit(later.drop(columns="years"), later["years"].fillna(0.0).to_numpy())
        members, seed = self.n_members, self.random_state
        descent = ensemble.Descent(RATE, DECAY, BATCH, STEPS, LOOKS)
        parts = ensemble.divide(y, descent, members=members, rows_per_person=1, seed=seed)
        sizes = (rows["told"].shape[1], *HIDDEN, rows["mean"].shape[1])
        layers = ensemble.layers(sizes, members=members, seed=seed)
        # Before learning, members differ in nothing that is heard, so the scale of what the twins say is common.
        untaught = {"line": np.zeros((members, 1 + rows["x"].shape[1] + chain.numbers)), "layers": layers}
        self.centre_, self.spread_ = np.zeros(chain.numbers), np.ones(chain.numbers)
        said = ensemble.evaluate(chain.forward, untaught, self._scale(), rows)[1][0]
        spread = np.nanstd(said, axis=0)
        self.centre_, self.spread_ = np.nanmean(said, axis=0), np.where(spread > 1e-9, spread, 1.0)
        heard = np.nan_to_num((said - self.centre_) / self.spread_)
        C, lines = ensemble.straight_lines([np.column_stack([rows["x"], heard])] * members, y, weight, parts.fold)
        start, fixed = {"line": lines, "layers": layers}, self._scale()
        found, self.calibration_ = ensemble.learn(
            chain.loss, chain.forward, start, fixed, C, rows, y, weight, parts, descent
        )
        self.line_, self.layers_ = found["line"], ensemble.to_arrays(found["layers"])
        self.failed_ = int(np.isnan(self._each(rows)[1]).any(axis=(0, 2)).sum())
        return self

    def members(self, X: np.ndarray) -> Float[np.ndarray, "members rows"]:
        """The risk of each row by each member: their spread is what is unknown about the model."""
        from pipeline.models import encoder, ensemble

        logits, _ = self._each(encoder.unpack(np.asarray(X)))
        return ensemble.calibrated(logits, self.calibration_)

    def _each(self, rows: Any) -> tuple[np.ndarray, ...]:
        """Log odds of rows by each member, and what it hears from the twins."""
        from pipeline.models import encoder, ensemble

        params = {"line": self.line_, "layers": ensemble.from_arrays(self.layers_)}
        return ensemble.evaluate(encoder.build(tuple(self.twins)).forward, params, self._scale(), rows)

    def _scale(self) -> dict[str, np.ndarray]:
        """Centres and spreads of what the twins say, the same for every member."""
        both = {"centre": self.centre_, "spread": self.spread_}
        return {name: np.tile(values, (self.n_members, 1)) for name, values in both.items()}


def hybrid(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """The hybrid on routine variables; it makes its own mechanistic features, one row a person."""
    levels = tuple((name, tuple(levels)) for name, levels in categories.items())
    return Pipeline([("person", PersonRows(tuple(numbers), levels)), ("risk", Hybrid(random_state=seed))])
