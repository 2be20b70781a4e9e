"""The end-to-end hybrid: what is known of a person, through the person's own twins, to risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from pipeline.models.columns import standardised
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
        self.columns_ = Pipeline(standardised(self.numbers, dict(self.levels))).fit(X)
        return self

    def transform(self, X: pd.DataFrame) -> Float[np.ndarray, "rows columns"]:
        """An array without missing values."""
        from pipeline.fitting import read_rows

        column = reader(X)
        age, male = column("age_years", TYPICAL_AGE), column("male", TYPICAL_MALE)
        readings = read_rows(X[list(self.numbers)])
        value = np.concatenate([r.value for r in readings], axis=1)
        whiten = np.concatenate([r.whiten[:, 0] for r in readings], axis=1)
        x = self.columns_.transform(X)
        beyond = x - self.columns_.transform(X.assign(**{n: np.nan for n in X.columns if n not in TOLD}))
        return np.column_stack([age, male, value, whiten, x, beyond])


class Hybrid(ClassifierMixin, BaseEstimator):
    """Log odds by a straight line in the variables and in what a person's twins say, calibrated.

    A network corrects the linear posterior mean of the person's unknowns; the twins simulate the person so described,
    at the visit and over a year of eating less, and the loss is differentiated through their solver. Besides the
    outcome, the person has to explain the readings of the row, each with its error, and stay near the prior. Members
    each leave out a part of the people (`pipeline.models.ensemble`). Where the twins fail, what they say on average
    stands; `failed_` counts the people it stood for in training.
    """

    fewest_events = 20

    def __init__(self, twins: Sequence[str] = TWINS, n_members: int = 5, random_state: int = 0) -> None:
        self.twins = twins
        self.n_members = n_members
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Hybrid:
        """Learn all members at once from the columns of `PersonRows`."""
        from pipeline.models import encoder, ensemble

        self.classes_ = np.array([0, 1])
        y = np.asarray(y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        chain, rows, members = encoder.build(tuple(self.twins)), encoder.unpack(np.asarray(X)), self.n_members
        descent = ensemble.Descent(RATE, DECAY, BATCH, STEPS, LOOKS)
        parts = ensemble.divide(y, descent, members=members, rows_per_person=1, seed=self.random_state)
        said = encoder.hear(chain, rows)
        self.centre_, spread = np.nanmean(said, axis=0), np.nanstd(said, axis=0)
        self.spread_ = np.where(spread > 1e-9, spread, 1.0)
        heard = np.nan_to_num((said - self.centre_) / self.spread_)
        C, lines = ensemble.straight_lines([np.column_stack([rows["x"], heard])] * members, y, weight, parts.fold)
        sizes = (rows["told"].shape[1], *HIDDEN, rows["mean"].shape[1])
        start = {"line": lines, "layers": ensemble.layers(sizes, members=members, seed=self.random_state)}
        fixed = {"ridge": np.full(members, 1.0 / (C * weight.sum()))} | self._scale(members)
        found, self.calibration_ = ensemble.learn(
            chain.loss, chain.logit, start, fixed, rows, y, weight, parts, descent
        )
        self.line_, self.layers_ = found["line"], ensemble.to_arrays(found["layers"])
        self.failed_ = int((self._each(chain.solved, rows) < 1.0).any(axis=0).sum())
        return self

    def members(self, X: np.ndarray) -> Float[np.ndarray, "members rows"]:
        """The risk of each row by each member: their spread is what is unknown about the model."""
        from pipeline.models import encoder, ensemble

        chain = encoder.build(tuple(self.twins))
        return ensemble.calibrated(self._each(chain.logit, encoder.unpack(np.asarray(X))), self.calibration_)

    def predict_proba(self, X: np.ndarray) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event, the mean over members."""
        risk = self.members(X).mean(axis=0)
        return np.column_stack([1.0 - risk, risk])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Whether the event is more likely than not."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)

    def _each(self, function: Any, rows: Any) -> Float[np.ndarray, "members rows"]:
        from pipeline.models import ensemble

        params = {"line": self.line_, "layers": ensemble.from_arrays(self.layers_)}
        return ensemble.evaluate(function, params, self._scale(len(self.line_)), rows)

    def _scale(self, members: int) -> dict[str, np.ndarray]:
        """Centres and spreads of what the twins say, the same for every member."""
        return {"centre": np.tile(self.centre_, (members, 1)), "spread": np.tile(self.spread_, (members, 1))}


def hybrid(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """The hybrid on routine variables; it makes its own mechanistic features, one row a person."""
    levels = tuple((name, tuple(levels)) for name, levels in categories.items())
    return Pipeline([("person", PersonRows(tuple(numbers), levels)), ("risk", Hybrid(random_state=seed))])
