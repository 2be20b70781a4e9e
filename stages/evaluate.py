"""Judge the out-of-fold risks: metrics with intervals, differences, calibration, decision curve, strata."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main


def evaluate(study: Study, folder: Path, stage: Stage) -> None:
    """Tables of every judgement, one row a model and feature set."""
    import pandas as pd

    from pipeline import evaluation
    from pipeline.schema import validate

    path = "train/predictions.parquet"
    predictions = validate(pd.read_parquet(stage.read(folder / path)), "predictions", path)
    people = pd.read_parquet(stage.read(folder / "cohort/people.parquet"), columns=["person_id", "group_id"])
    threshold = study.evaluation.threshold
    judgement = evaluation.judge(
        predictions,
        people.set_index("person_id")["group_id"],
        threshold=threshold,
        resamples=study.evaluation.bootstrap,
        seed=study.seed,
    )
    tables = {
        "metrics": judgement.metrics,
        "differences": judgement.differences,
        "calibration": evaluation.calibration_curve(predictions),
        "decision": evaluation.decision_curve(predictions, threshold=threshold),
        "strata": evaluation.stratify(predictions, bands=study.report.bands),
    }
    for name, table in tables.items():
        table.to_parquet(stage.path(f"{name}.parquet"))
    stage.note(
        people=people["person_id"].isin(predictions["person_id"]).sum().item(),
        resamples=study.evaluation.bootstrap,
        resamples_dropped=judgement.dropped,
        missing=judgement.reasons,
        seed=study.seed,
    )


if __name__ == "__main__":
    main("evaluate", __doc__, evaluate)
