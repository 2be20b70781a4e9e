"""Explain the reported model: what raises and lowers each risk, over which mechanism, and what would be enough."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main, read_features, read_risks


def explain(study: Study, folder: Path, stage: Stage) -> None:
    """Tables of contributions, of links from habit to risk, and of what would be enough, a row a person and thing."""
    import pandas as pd

    from pipeline import explain as why
    from pipeline.fitting import read_draws
    from pipeline.models import MODELS, stack_draws
    from pipeline.schema import validate
    from pipeline.strata import evidence_on
    from pipeline.twins import build_twins

    _, matrix, draws = read_features(study, folder, stage)
    persons, risk, draw = read_risks(study, folder, stage)
    fitted = read_draws(stage.read(folder / "fit/draws.npz"), stage.read(folder / "fit/fits.parquet"))
    rows = pd.Index(fitted.person_id).get_indexer(persons)
    own = {name: values[rows] for name, values in fitted.people.items()}
    dictionary = pd.read_csv(stage.read(folder / "features/dictionary.csv"), dtype={"feature": str})
    long = pd.read_parquet(stage.read(folder / "features/features_draws.parquet"))
    columns = [name for name in long if "_change_" in name]
    block = stack_draws(long, persons, columns)
    changes = why.changes_of(block, columns, study.twins.years, study.outcome.horizon_years)

    features = matrix.sets[study.report.feature_set]
    put = why.put_in_all(matrix.frame, features, draws.features if draws else None, dictionary, changes, own)
    groups = why.group_columns(features, dictionary.set_index("feature")["twin"].to_dict())
    settings = study.models
    samples = why.explain(
        matrix,
        draws,
        MODELS[study.report.model],
        study.report.feature_set,
        groups,
        put,
        folds=settings.folds,
        refits=settings.refits,
        seed=study.seed,
        train_draws=settings.train_draws,
        progress=True,
    )
    ranked = why.tells(samples, matrix.event, matrix.weight)
    effects = evidence_on(study.outcome.evidence) if study.outcome.evidence else {}
    chains = why.chains(samples, risk, draw, changes, own, effects, seed=study.seed)
    tables = {
        "attributions": why.attributions(samples, ranked),
        "global": why.overall(samples, ranked),
        "chains": chains,
        "counterfactuals": why.enough(
            samples, risk, draw, changes, own, effects,
            threshold=study.evaluation.threshold, bands=study.report.bands, seed=study.seed,
        ),
    }  # fmt: skip
    names = tuple(fitted.parameters)
    tables["slopes"] = why.slopes(samples.person_id, own, fitted.parameters, build_twins(names, study.twins.mode))
    for name, table in tables.items():
        path = f"{name}.parquet"
        validate(table, name, path).to_parquet(stage.path(path), index=False)
    facts = why.facts(tables, ranked)
    stage.path("facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    stage.note(model=study.report.model, feature_set=study.report.feature_set, refits=settings.refits, **facts)
    print(f"explain: {len(persons)} people, {facts['with_first']} with a first reason that survives refitting")


if __name__ == "__main__":
    main("explain", __doc__, explain)
