"""A small neural network: what bends and interactions add to a straight line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.pipeline import Pipeline

from pipeline.models.classifier import MeanOfMembers
from pipeline.models.columns import standardised

HIDDEN = (32, 16)
RATE, DECAY, BATCH, STEPS, LOOKS = 2e-3, 1e-2, 256, 30, 16


class Network(MeanOfMembers):
    """Log odds by a straight line plus two hidden layers, the mean risk of several members, calibrated.

    Each member leaves out a part of the people that it learns from (`pipeline.models.ensemble`). Lines begin as ridge
    logistic regression and layers at zero, so that a network with nothing to add stays that regression.
    """

    def __init__(self, n_members: int = 5, rows_per_person: int = 1, random_state: int = 0) -> None:
        self.n_members = n_members
        self.rows_per_person = rows_per_person
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Network:
        """Learn all members at once; consecutive rows, `rows_per_person` of them, are one person."""
        from pipeline.models import ensemble

        self.classes_ = np.array([0, 1])
        X, y = np.asarray(X, dtype=float), np.asarray(y)
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        descent = ensemble.Descent(RATE, DECAY, BATCH, STEPS, LOOKS)
        seed, members = self.random_state, self.n_members
        parts = ensemble.divide(y, descent, members=members, rows_per_person=self.rows_per_person, seed=seed)
        C, lines = ensemble.straight_lines([X] * members, y, weight, parts.fold)
        wide = ensemble.widen(X)
        more = wide.shape[1] - X.shape[1]
        start = {
            "line": np.pad(lines, ((0, 0), (0, more))),
            "layers": ensemble.layers((wide.shape[1], *HIDDEN, 1), members=members, seed=seed),
        }
        found, self.calibration_ = ensemble.learn(_loss, _forward, start, {}, C, {"x": wide}, y, weight, parts, descent)
        self.line_, self.layers_ = found["line"], ensemble.to_arrays(found["layers"])
        return self

    def members(self, X: np.ndarray) -> Float[np.ndarray, "members rows"]:
        """The risk of each row by each member: their spread is what is unknown about the model."""
        from pipeline.models import ensemble

        rows = {"x": ensemble.widen(np.asarray(X, dtype=float))}
        params = {"line": self.line_, "layers": ensemble.from_arrays(self.layers_)}
        (logits,) = ensemble.evaluate(_forward, params, {}, rows)
        return ensemble.calibrated(logits, self.calibration_)


def _forward(params: Any, fixed: Any, rows: Any) -> tuple[Any]:
    """Log odds of rows by one member."""
    from pipeline.models.ensemble import through

    x, line = rows["x"], params["line"]
    return (line[0] + x @ line[1:] + through(params["layers"], x)[:, 0],)


def _loss(params: Any, fixed: Any, batch: Any) -> Any:
    """What one member lacks a person, in nats."""
    from pipeline.models.ensemble import lack

    return lack(*_forward(params, fixed, batch), batch)


def network(
    seed: int, numbers: Sequence[str], categories: Mapping[str, Sequence[str]], rows_per_person: int = 1
) -> Pipeline:
    """A network on the columns that logistic regression takes too."""
    risk = Network(rows_per_person=rows_per_person, random_state=seed)
    return Pipeline([*standardised(numbers, categories), ("risk", risk)])
