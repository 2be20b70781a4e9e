"""Entry points, one a make target: read, call the library, write. `main` is what they share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import ConfigError, Study, read_study
from pipeline.runs import RunError, Stage, hash_path, stage
from pipeline.schema import TableError
from pipeline.sections import CsvCohort, Delivered, VaultCohort

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.models import Matrix, TwinDraws

RUNS = Path("data/runs")
RAW = Path("data/raw")
SCENARIOS = Path("configs/scenarios")

# The parts of a study that each stage depends on.
SECTIONS: dict[str, Any] = {
    "cohort": {"cohort", "outcome", "variables"},
    "fit": {"twins", "seed", "variables"},
    "features": {"twins", "seed"},
    "train": {"models", "outcome", "predictors", "seed", "variables"},
    "uncertainty": dict.fromkeys(("models", "outcome", "predictors", "seed", "variables"), True)
    | {"report": {"model", "feature_set"}},
    "package": {"title", "question", "population", "horizon", "caution", "seed", "predictors", "variables"}
    | {"twins", "outcome", "models", "evaluation", "report"},
    "evaluate": {"evaluation", "outcome", "predictors", "report", "seed", "variables"},
    "strata": {"outcome": True, "twins": True, "seed": True, "report": {"model", "feature_set", "bands"}},
    "explain": dict.fromkeys(("models", "outcome", "predictors", "seed", "twins", "variables"), True)
    | {"evaluation": {"threshold"}, "report": {"model", "feature_set", "bands"}},
    "report": {"title", "question", "population", "horizon", "caution", "variables"}
    | {"cohort", "evaluation", "experiments", "report", "outcome", "predictors", "twins", "models", "seed"},
    "track": {"title", "tracking"},
    "experiments": {"experiments", "evaluation", "models", "outcome", "predictors", "seed", "variables"},
}


def main(name: str, doc: str | None, body: Callable[[Study, Path, Stage], None]) -> None:
    """Parse the command line of stage `name`, run `body(study, study_folder, stage)`, say faults in one line each."""
    parser = argparse.ArgumentParser(prog=f"python -m stages.{name}", description=doc)
    parser.add_argument("study", type=Path, help="study file, such as configs/nhanes_dysglycaemia.toml")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)
        folder = arguments.runs / arguments.study.stem
        with stage(folder / name, config=study.model_dump(mode="json", include=SECTIONS[name])) as running:
            body(study, folder, running)


def hash_sources(study: Study) -> dict[str, str]:
    """What tells whether the files that a study names have changed; a vault is asked anew each time."""
    cohort, hashes = study.cohort, {}
    if isinstance(cohort, VaultCohort):
        hashes["asked"] = datetime.now(UTC).isoformat()
    elif isinstance(cohort, CsvCohort | Delivered):
        hashes["file_sha256"] = hash_path(cohort.path)
    if isinstance(cohort, Delivered) and cohort.csv is not None:
        hashes["csv_sha256"] = hash_path(cohort.csv.path)
    return hashes


def read_matrix(
    study: Study, folder: Path, stage: Stage, names: Sequence[str], features: pd.DataFrame | None
) -> tuple[pd.DataFrame, Matrix]:
    """The people of the study's cohort, and their rows for models on the feature sets `names`."""
    import pandas as pd

    from pipeline.schema import validate

    def table(name: str) -> pd.DataFrame:
        path = f"cohort/{name}.parquet"
        return validate(pd.read_parquet(stage.read(folder / path)), name, path)

    people, observations, outcomes = (table(name) for name in ("people", "observations", "outcomes"))
    return people, _assembled(study, people, observations, outcomes, names, features)


def built_matrix(study: Study) -> Matrix:
    """The rows of another study's people on routine data, straight from its source."""
    from pipeline import cohorts

    built = cohorts.build(study)
    return _assembled(study, built.people, built.observations, built.outcomes, ["routine"], None)


def _assembled(
    study: Study,
    people: pd.DataFrame,
    observations: pd.DataFrame,
    outcomes: pd.DataFrame,
    names: Sequence[str],
    features: pd.DataFrame | None,
) -> Matrix:
    from pipeline import models
    from pipeline.cohorts import baseline, next_visit

    known = study.known_variables()
    return models.assemble(
        people,
        outcomes,
        baseline(people, observations, known),
        features,
        predictors=study.predictors,
        known=known,
        names=names,
        horizon_years=study.outcome.horizon_years,
        later=next_visit(observations, known),
    )


def read_features(
    study: Study, folder: Path, stage: Stage
) -> tuple[pd.DataFrame, Matrix, TwinDraws | None]:
    """The people of the study's cohort, their rows for all of its feature sets, and the draws of their twins."""
    import pandas as pd

    from pipeline import models
    from pipeline.fitting import Unknowns, read_draws
    from pipeline.schema import validate

    if set(study.models.feature_sets) == {"routine"}:
        return *read_matrix(study, folder, stage, ["routine"], None), None
    name = "features/features.parquet"
    features = validate(pd.read_parquet(stage.read(folder / name)), "features", name)
    people, matrix = read_matrix(study, folder, stage, study.models.feature_sets, features)
    long = pd.read_parquet(stage.read(folder / "features/features_draws.parquet"))
    fitted = read_draws(stage.read(folder / "fit/draws.npz"), stage.read(folder / "fit/fits.parquet"))
    block = models.stack_draws(long, matrix.frame.index, list(features.columns.drop("person_id")))
    rows = pd.Index(fitted.person_id).get_indexer(matrix.frame.index)
    return people, matrix, models.TwinDraws(block, Unknowns(*(part[rows] for part in fitted.unknowns)))


def read_risks(study: Study, folder: Path, stage: Stage) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Who has samples of the risk by the reported model, the samples (people, samples), and the draw each is of."""
    import numpy as np
    import pandas as pd

    with np.load(stage.read(folder / "uncertainty/samples.npz")) as stored:
        persons, risk, draw = pd.Index(stored["person_id"]), stored["risk"].astype(float), stored["draw"]
    if risk.shape[2] == 1:       # of a model without twins: each risk beside every draw of the person
        shape = (*risk.shape[:2], study.twins.draws)
        risk, draw = np.broadcast_to(risk, shape), np.broadcast_to(np.arange(shape[2]), shape)
    return persons, risk.reshape(len(persons), -1), draw.reshape(len(persons), -1)


class faults_in_words:  # noqa: N801
    """Context in which a fault the user can mend ends the program with its message instead of a traceback."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> None:
        if isinstance(fault, ConfigError | TableError | RunError):
            print(fault, file=sys.stderr)
            raise SystemExit(2) from None
