"""Try the models where data are few, missing or from elsewhere, as the study names it under [experiments]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import Study, read_study, require
from pipeline.runs import RunError, Stage, hash_file
from pipeline.sections import Experiments
from stages import built_matrix, main, read_matrix


def body(study: Study, folder: Path, stage: Stage) -> None:
    """A table for each experiment, as CSV and in the terminal."""
    import pandas as pd

    from pipeline import experiments, models

    asked = study.experiments
    if asked == Experiments():
        raise RunError("the study names no experiment: add one under [experiments]")

    people, matrix = read_matrix(study, folder, stage, ["routine"], None)
    require(study.models.names, models.MODELS, "[models] names")
    builders = {str(name): models.MODELS[name] for name in study.models.names}
    common: dict[str, Any] = {"feature_set": "routine", "seed": study.seed}
    sampling: dict[str, Any] = {"folds": study.models.folds, "resamples": study.evaluation.bootstrap}
    tables = {}
    if curve := asked.learning_curve:
        tables["learning_curve"] = experiments.learning_curve(
            matrix, builders, **common, sizes=curve.sizes, draws=curve.draws, test=curve.test, progress=True
        )
    if asked.missing_at_use:
        tables["missing_at_use"] = experiments.missing_at_use(
            matrix,
            builders,
            **common,
            variables=asked.missing_at_use,
            **sampling,
        )
    if shift := asked.range_shift:
        tables["range_shift"] = experiments.range_shift(
            matrix, builders, **common, variable=shift.variable, below=shift.below
        )
    if asked.transport_from:
        other = read_study(asked.transport_from)
        tables["transport"] = experiments.transport(
            built_matrix(other),
            matrix,
            builders,
            **common,
            **sampling,
        )
        stage.inputs[asked.transport_from.name] = hash_file(asked.transport_from)
    observations = pd.read_parquet(stage.read(folder / "cohort" / "observations.parquet"))
    if asked.repeated_visits:
        tables["repeated_visits"] = experiments.repeated_visits(
            matrix,
            people,
            observations,
            builders,
            **common,
            **sampling,
            earlier=asked.repeated_visits,
            repeats=study.models.repeats,
            threshold=study.evaluation.threshold,
            progress=True,
        )
    if asked.forecasts:
        every = [f.model_dump() | sampling | {"seed": study.seed} for f in asked.forecasts]
        tables["forecast"] = pd.concat([experiments.forecast(people, observations, **each) for each in every])
    for name, found in tables.items():
        found.to_csv(stage.path(f"{name}.csv"), index=False)
        print(f"{name.replace('_', ' ')}\n{found.round(3).to_string(index=False)}")
    stage.note(people=len(matrix.event), events=int(matrix.event.sum()), seed=study.seed, experiments=sorted(tables))


if __name__ == "__main__":
    main("experiments", __doc__, body)
