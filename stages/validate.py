"""Try the packaged model of a study on the people of another, as it is: external validation."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import Study, read_study
from pipeline.runs import RunError, Stage, stage
from stages import RUNS, faults_in_words


def body(model_of: Path, other: Study, name: str, running: Stage) -> None:
    """Risks of the other study's people by the packaged model, judged; the model learns nothing here."""
    import pandas as pd

    from pipeline import cohorts, evaluation, served

    for path in sorted(model_of.iterdir()) if model_of.exists() else ():
        running.read(path)
    model = served.load(model_of)
    report, own = model.settings.report, model.settings.outcome
    if own.horizon_years != other.outcome.horizon_years:
        spans = [f"{o.horizon_years:g} years" if o.horizon_years else "the visit itself" for o in (own, other.outcome)]
        raise RunError(f"the model foretells {spans[0]} and {name} asks for {spans[1]}: they cannot be compared")
    cohort = cohorts.build(other)
    found = model.consider(cohort.people, cohort.observations, progress=True)
    lost = found.status != "ok"
    outcomes = cohort.outcomes.set_index("person_id").reindex(found.risk.index)
    known = outcomes["event"].notna() & ~lost
    table = outcomes.loc[known, ["event", "weight"]].astype({"event": int}).assign(risk=found.risk[known])
    table = table.reset_index().assign(model=report.model, feature_set=report.feature_set, repeat=0)
    groups = cohort.people.set_index("person_id")["group_id"]
    judged = other.evaluation
    judgement = evaluation.judge(
        table, groups, threshold=judged.threshold, resamples=judged.bootstrap, seed=other.seed
    )
    curve = evaluation.calibration_curve(table)
    judgement.metrics.to_csv(running.path("metrics.csv"), index=False)
    curve.to_csv(running.path("calibration.csv"), index=False)
    absent = [name for name in found.rows if found.rows[name].isna().all()]
    running.note(model=model.settings.origin.model_dump(), people=len(table), lost=int(lost.sum()), absent=absent)
    shown = judgement.metrics[["metric", "value", "low", "high"]]
    print(pd.DataFrame(shown).round(3).to_string(index=False))
    print(f"{model.settings.origin.study} on {name}: {len(table)} people, {int(lost.sum())} without a risk")
    if absent:
        print(f"never measured there: {', '.join(absent)}")


def main() -> None:
    """Command line of the validation."""
    parser = argparse.ArgumentParser(prog="python -m stages.validate", description=__doc__)
    parser.add_argument("study", type=Path, help="study whose packaged model is tried")
    parser.add_argument("--on", type=Path, required=True, help="study whose people it is tried on")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        read_study(arguments.study)
        other, name = read_study(arguments.on), arguments.on.stem
        folder = arguments.runs / arguments.study.stem
        with stage(folder / f"validate_{name}", config={"on": other.model_dump(mode="json")}) as running:
            body(folder / "package/model", other, name, running)


if __name__ == "__main__":
    main()
