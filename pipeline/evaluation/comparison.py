"""One study in one line."""

from __future__ import annotations

import pandas as pd

from pipeline.evaluation.bootstrap import SIMPLE


def beside_simple(metrics: pd.DataFrame, differences: pd.DataFrame, model: str, feature_set: str) -> dict[str, float]:
    """People, events, AUROC and calibration slope of one model, and how far its AUROC is above the simple one.

    `metrics` and `differences` are those of `judge`, with 95 % intervals. What was not worked out is missing.
    """
    own = metrics[(metrics["model"] == model) & (metrics["feature_set"] == feature_set)].set_index("metric")
    reference = SIMPLE if model != SIMPLE else "routine"
    wanted = {"model": model, "feature_set": feature_set, "reference": reference, "metric": "auroc"}
    gap = differences[(differences[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    ends = {"": "value", "_low": "low", "_high": "high"}
    found = {name: own["value"].get(metric) for name, metric in (("people", "n"), ("events", "events"))}
    for name, metric in (("auroc", "auroc"), ("slope", "calibration_slope")):
        found |= {f"{name}{end}": own[column].get(metric) for end, column in ends.items()}
    for end, column in (ends | {"": "difference"}).items():
        found[f"difference{end}"] = float(gap[column].iloc[0]) if len(gap) else float("nan")
    return found
