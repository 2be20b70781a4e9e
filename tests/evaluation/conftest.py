"""Predictions of one model as a table, and groups of one person each."""

import numpy as np
import pandas as pd


def table(risk: np.ndarray, event: np.ndarray, weight: np.ndarray | float = 1.0) -> pd.DataFrame:
    ids = [f"p{i:05d}" for i in range(len(risk))]
    rows = {"person_id": ids, "model": "logistic", "feature_set": "routine", "event": event, "weight": weight}
    return pd.DataFrame({**rows, "repeat": 0, "fold": np.arange(len(risk)) % 5, "risk": risk})


def alone(rows: pd.DataFrame) -> pd.Series:
    persons = rows["person_id"].unique()
    return pd.Series(persons, index=persons)
