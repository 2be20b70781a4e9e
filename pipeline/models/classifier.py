"""What classifiers of our own share: the call follows from the risk, an ensemble's risk is the mean of its members."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, ClassifierMixin


class RiskClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of two outcomes, 0 and 1, by the chance of the second."""

    @abstractmethod
    def predict_proba(self, X: np.ndarray) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Whether the event is more likely than not."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


class MeanOfMembers(RiskClassifier):
    """A classifier of several members that were learned apart; it needs events for each to find something."""

    fewest_events = 20

    @abstractmethod
    def members(self, X: np.ndarray) -> Float[np.ndarray, "members rows"]:
        """The risk of each row by each member: their spread is what is unknown about the model."""

    def predict_proba(self, X: np.ndarray) -> Float[np.ndarray, "rows 2"]:
        """Chances of no event and of the event, the mean over members."""
        risk = self.members(X).mean(axis=0)
        return np.column_stack([1.0 - risk, risk])
