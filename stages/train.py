"""Cross-validate every model on every feature set, and refit it on everybody for use elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.config import Study, require
from pipeline.runs import Stage
from stages import main, read_features


def train(study: Study, folder: Path, stage: Stage) -> None:
    """Out-of-fold predictions, at the horizon and over the years; fitted models, and the columns they take."""
    from pipeline import models
    from pipeline.schema import validate

    people, matrix, draws = read_features(study, folder, stage)
    require(study.models.names, models.MODELS, "[models] names")
    builders = {str(name): models.MODELS[name] for name in study.models.names}
    learning: dict[str, Any] = {"seed": study.seed, "train_draws": study.models.train_draws}
    settings = {"folds": study.models.folds, "repeats": study.models.repeats, **learning}
    predictions = models.out_of_fold(matrix, draws, builders, **settings, progress=True)
    validate(predictions, "predictions", "predictions.parquet").to_parquet(stage.path("predictions.parquet"))

    if matrix.follow is not None:
        courses = models.risk_courses(matrix, draws, builders, folds=study.models.folds, **learning, progress=True)
        courses.to_parquet(stage.path("courses.parquet"))

    stage.path("models").mkdir()
    for model, name in models.pairs(builders, matrix.sets):
        estimator = models.refit(matrix, draws, builders[model], name, **learning)
        path = stage.path(f"models/{model}__{name}.skops")
        models.save(estimator, path)
        signature = models.describe(estimator, matrix.frame, matrix.sets[name])
        path.with_suffix(".json").write_text(json.dumps(signature, indent=1) + "\n", encoding="utf-8")
    ranged = predictions[(predictions["repeat"] == 0) & (predictions["feature_set"] != "routine")]
    without = ranged.loc[ranged["risk_low"].isna(), "person_id"].nunique()
    sets = {name: columns.describe() for name, columns in matrix.sets.items()}
    stage.path("columns.json").write_text(json.dumps(sets, indent=1) + "\n", encoding="utf-8")
    stage.note(
        **settings,
        people=len(matrix.event),
        events=int(matrix.event.sum()),
        without_outcome=len(people) - len(matrix.event),
        absent_predictors=list(matrix.absent),
        without_interval=without,
    )


if __name__ == "__main__":
    main("train", __doc__, train)
