"""Judge the out-of-fold risks: metrics with intervals, calibration, decision curve, strata, subgroups, answers."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main


def evaluate(study: Study, folder: Path, stage: Stage) -> None:
    """Tables of every judgement, one row a model and feature set; some only of the model of the report."""
    import pandas as pd

    from pipeline import evaluation
    from pipeline.cohorts import baseline
    from pipeline.schema import validate

    path = "train/predictions.parquet"
    predictions = validate(pd.read_parquet(stage.read(folder / path)), "predictions", path)
    people = pd.read_parquet(stage.read(folder / "cohort/people.parquet"))
    observations = pd.read_parquet(stage.read(folder / "cohort/observations.parquet"))
    known = baseline(people, observations, study.known_variables())
    groups = people.set_index("person_id")["group_id"]
    threshold, report = study.evaluation.threshold, study.report
    drawn = {"resamples": study.evaluation.bootstrap, "seed": study.seed}
    judgement = evaluation.judge(predictions, groups, threshold=threshold, **drawn)
    is_chosen = (predictions["model"] == report.model) & (predictions["feature_set"] == report.feature_set)
    chosen = predictions[is_chosen]
    smooth = evaluation.smooth_calibration(chosen, groups, **drawn)
    sets = evaluation.prediction_sets(chosen, groups, **drawn)
    tables = {
        "metrics": judgement.metrics,
        "differences": judgement.differences,
        "calibration": evaluation.calibration_curve(predictions),
        "decision": evaluation.decision_curve(predictions, threshold=threshold),
        "strata": evaluation.stratify(predictions, bands=report.bands),
        "smooth": smooth.curve,
        "agreement": smooth.measures,
        "sets": sets.table,
        "subgroups": evaluation.by_subgroup(
            chosen, evaluation.subgroups(known), groups, threshold=threshold, **drawn
        ),
        "missing": evaluation.missing_values(chosen, known, study.predictors),
    }
    if study.outcome.horizon_years is not None:
        tables["over_time"] = evaluation.over_time(
            predictions,
            pd.read_parquet(stage.read(folder / "train/courses.parquet")),
            pd.read_parquet(stage.read(folder / "cohort/outcomes.parquet")),
            groups,
            feature_set=report.feature_set,
            model=report.model,
            **drawn,
        )
    for name, table in tables.items():
        table.to_parquet(stage.path(f"{name}.parquet"))
    stage.note(
        people=people["person_id"].isin(predictions["person_id"]).sum().item(),
        resamples=study.evaluation.bootstrap,
        resamples_dropped=judgement.dropped,
        missing=judgement.reasons,
        no_curve=smooth.reason,
        no_sets=sets.reason,
        seed=study.seed,
    )


if __name__ == "__main__":
    main("evaluate", __doc__, evaluate)
