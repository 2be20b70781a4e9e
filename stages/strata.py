"""Group people by mechanism, and by the intervention that would help them most, as far as trials say."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main, read_risks

RESAMPLES = 50      # of people, to see whether groups by mechanism stay


def strata(study: Study, folder: Path, stage: Stage) -> None:
    """Tables of groups by mechanism and by benefit, and what is to be known of them."""
    import pandas as pd

    from pipeline.evaluation import band_of
    from pipeline.fitting import read_draws
    from pipeline.models import stack_draws
    from pipeline.strata import SURE, changes_until, evidence_on, find_benefit, find_endotypes

    persons, risk, draw = read_risks(study, folder, stage)
    people = pd.read_parquet(stage.read(folder / "cohort/people.parquet")).set_index("person_id").loc[persons]
    outcomes = pd.read_parquet(stage.read(folder / "cohort/outcomes.parquet")).set_index("person_id").loc[persons]
    fitted = read_draws(stage.read(folder / "fit/draws.npz"), stage.read(folder / "fit/fits.parquet"))
    long = pd.read_parquet(stage.read(folder / "features/features_draws.parquet"))
    columns = [name for name in long if "_change_" in name]
    horizon = study.outcome.horizon_years
    changes = changes_until(stack_draws(long, persons, columns), columns, study.twins.years, horizon)
    means = {f"{s} {o}": values.mean(axis=1) for s, by in changes.items() for o, values in by.items()}

    # Height says nothing of how a risk comes about.
    profile, sd = (table.drop(columns="height_cm").loc[persons] for table in fitted.from_usual())
    found = find_endotypes(
        profile,
        sd,
        pd.Series(risk.mean(axis=1), index=persons),
        people,
        outcomes,
        pd.DataFrame(means, index=persons),
        resamples=RESAMPLES,
        seed=study.seed,
    )
    labels = pd.DataFrame({"person_id": persons, "group": found.label, "probability": found.probability})
    labels.to_parquet(stage.path("endotypes.parquet"), index=False)
    found.table.to_parquet(stage.path("endotype_groups.parquet"), index=False)

    effects = evidence_on(study.outcome.evidence) if study.outcome.evidence else {}
    report = study.report
    reported = [("model", "==", report.model), ("feature_set", "==", report.feature_set)]
    predictions = pd.read_parquet(stage.read(folder / "train/predictions.parquet"), filters=reported)
    band = band_of(predictions, report.bands).loc[persons].to_numpy()
    benefit = find_benefit(persons, risk, draw, changes, effects, seed=study.seed, band=band)
    benefit.table.to_parquet(stage.path("benefit.parquet"), index=False)
    benefit.groups.to_parquet(stage.path("benefit_groups.parquet"), index=False)
    benefit.bands.to_parquet(stage.path("benefit_bands.parquet"), index=False)
    facts = {
        "endotypes": found.facts(),
        "benefit": {
            "outcome": study.outcome.evidence,
            "effects": [effect._asdict() for effect in effects.values()],
            "without_evidence": sorted(set(study.twins.interventions) - benefit.beyond.keys()),
            "beyond_trials": benefit.beyond,
            "sure": SURE,
        },
    }
    stage.path("facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    counts = {row.choice: int(row.people) for row in benefit.groups.itertuples() if row.people}
    stage.note(people=len(persons), placed=found.placed, groups=found.verdict, benefit=counts, seed=study.seed)
    print(f"strata: groups by mechanism: {found.verdict} ({found.reason})")
    print("strata: most benefit: " + ", ".join(f"{name} {number}" for name, number in counts.items()))


if __name__ == "__main__":
    main("strata", __doc__, strata)
