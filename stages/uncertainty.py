"""Refit the reported model to people drawn again: how sure each risk is, the person apart from the model."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main, read_features


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Each person's risk with interval and its two parts, and the samples that they were made of."""
    import numpy as np

    from pipeline import models
    from pipeline.schema import validate

    _, matrix, draws = read_features(study, folder, stage)
    settings = study.models
    sampled = models.sample_risks(
        matrix,
        draws,
        models.MODELS[study.report.model],
        study.report.feature_set,
        folds=settings.folds,
        refits=settings.refits,
        seed=study.seed,
        train_draws=settings.train_draws,
        progress=True,
    )
    parts = validate(sampled.parts(), "uncertainty", "uncertainty.parquet")
    parts.to_parquet(stage.path("uncertainty.parquet"), index=False)
    np.savez_compressed(
        stage.path("samples.npz"),
        person_id=sampled.person_id,
        risk=sampled.risk.astype(np.float32),
        draw=sampled.draw.astype(np.int16),
    )
    stage.note(
        model=study.report.model,
        feature_set=study.report.feature_set,
        refits=settings.refits,
        draws=sampled.risk.shape[2],
        without_interval=int(parts["low"].isna().sum()),
        seed=study.seed,
    )


if __name__ == "__main__":
    main("uncertainty", __doc__, body)
