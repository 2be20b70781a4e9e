"""Personalise the twins: what each twin needs to know of each person, with its uncertainty."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Read the cohort, fit every twin to every person, write fits and draws."""
    import pandas as pd

    from pipeline.fitting import personalise, write_draws
    from pipeline.schema import validate

    people = pd.read_parquet(stage.read(folder / "cohort" / "people.parquet"))
    observations = pd.read_parquet(stage.read(folder / "cohort" / "observations.parquet"))
    fitted = personalise(people, observations, study.twins.names, study.twins.draws, study.seed)
    validate(fitted.table, "fits", "fits").to_parquet(stage.path("fits.parquet"), index=False)
    write_draws(fitted, stage.path("draws.npz"))
    status = {twin: pd.Series(words).value_counts().to_dict() for twin, words in fitted.status().items()}
    unlikely = int(fitted.table.groupby("person_id")["unlikely"].first().sum())
    stage.note(people=len(people), draws=study.twins.draws, seed=study.seed, status=status, unlikely=unlikely)
    for twin, counted in status.items():
        print(f"{twin}: " + ", ".join(f"{n} {words}" for words, n in counted.items()))


if __name__ == "__main__":
    main("fit", __doc__, body)
