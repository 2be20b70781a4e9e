"""Put the reported model and its twins into one folder that needs no other file: raw variables in, risk out."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import SCENARIOS, main, read_features

TOLD = ("title", "question", "population", "horizon", "caution", "seed", "predictors", "variables")


def package(study: Study, folder: Path, stage: Stage) -> None:
    """The model of everybody and those of people drawn again, with all that the twins need."""
    import numpy as np

    from pipeline import models, served
    from pipeline.cohorts import find_usual
    from pipeline.fitting import effective_share
    from pipeline.runs import hash_code, hash_file
    from pipeline.twins import read_scenarios

    _, matrix, draws = read_features(study, folder, stage)
    members = models.learn_members(
        matrix,
        draws,
        models.MODELS[study.report.model],
        study.report.feature_set,
        refits=study.models.refits,
        seed=study.seed,
        train_draws=study.models.train_draws,
        progress=True,
    )
    columns = matrix.sets[study.report.feature_set]
    asked = [name for name in study.predictors if name in columns.columns]
    made_up = models.describe(members[0].estimator, matrix.frame, columns)["example"]
    settings = served.Settings(
        **study.model_dump(include={*TOLD, "twins", "outcome", "evaluation", "report"}),
        scenarios={n: s.model_dump() for n, s in read_scenarios(SCENARIOS, study.twins.interventions).items()},
        numbers=columns.numbers,
        categories=columns.categories,
        mechanistic=columns.mechanistic,
        usual=find_usual(matrix.frame, asked, study.known_variables(), study.report.min_count),
        example={name: value for name, value in made_up.items() if name not in columns.mechanistic},
        origin=served.Origin(
            study=folder.name,
            people=len(matrix.event),
            events=int(matrix.event.sum()),
            cohort_sha256=hash_file(stage.read(folder / "cohort/outputs.sha256")),
            code_sha256=hash_code(),
        ),
    )
    served.save(served.ServedModel(settings, members), stage.path("model"))
    interface = {"inputs": settings.inputs(), "outputs": served.OUTPUTS, "example": settings.example}
    interface |= {"description": f"{study.title}: {study.question}"}
    stage.path("interface.json").write_text(json.dumps(interface, indent=1) + "\n", encoding="utf-8")
    stage.note(model=study.report.model, feature_set=study.report.feature_set, refits=study.models.refits)
    if draws and draws.unknowns and members[0].population:      # draws were made for the population of the literature
        share = effective_share(draws.unknowns, members[0].population)
        stage.note(draws_worth=round(float(np.nanmedian(share)), 3), worth_below_a_quarter=int((share < 0.25).sum()))


if __name__ == "__main__":
    main("package", __doc__, package)
