"""Simulate every person under every scenario, and turn what the twins say into features."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import SCENARIOS, main


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Read fits and draws, simulate, write features, their draws, their dictionary and yearly bands."""
    import json

    import pandas as pd

    from pipeline.features import Simulator, define
    from pipeline.fitting import read_draws
    from pipeline.schema import validate
    from pipeline.twins import build_twins, read_scenarios

    fitted = read_draws(stage.read(folder / "fit" / "draws.npz"), stage.read(folder / "fit" / "fits.parquet"))
    scenarios = read_scenarios(SCENARIOS, study.twins.interventions)
    twins = build_twins(study.twins.names, study.twins.mode)
    features = define(study.twins.names, scenarios, study.twins.years)
    simulator = Simulator(twins, scenarios, features, years=max(study.twins.years), max_error=study.twins.max_error)
    simulated = simulator(fitted, chunk=study.twins.chunk)
    names = [f.name for f in features]
    people, draws, _ = simulated.draws.shape
    row = pd.DataFrame(simulated.draws.mean(axis=1), columns=names)
    row.insert(0, "person_id", fitted.person_id)
    validate(row, "features", "features").to_parquet(stage.path("features.parquet"), index=False)
    spread = row.assign(**{n: simulated.draws[:, :, i].std(axis=1, ddof=1) for i, n in enumerate(names)})
    spread.to_parquet(stage.path("features_sd.parquet"), index=False)
    every = pd.DataFrame(simulated.draws.reshape(people * draws, -1), columns=names)
    every.insert(0, "person_id", fitted.person_id.repeat(draws))
    every.insert(1, "draw", list(range(draws)) * people)
    every.to_parquet(stage.path("features_draws.parquet"), index=False)
    simulated.bands.to_parquet(stage.path("trajectories.parquet"), index=False)
    dictionary = pd.DataFrame(features).rename(columns={"name": "feature"})
    dictionary.to_csv(stage.path("dictionary.csv"), index=False)
    told = {name: s.model_dump(include={"title", "description", "source"}) for name, s in scenarios.items()}
    stage.path("scenarios.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    status = {}
    for twin, words in fitted.status().items():      # why it could not be fitted, else how the solve ended
        ended = pd.Series(words).where(words != "ok", simulated.status[twin])
        status[twin] = ended.value_counts().to_dict()
    flags = {words: int((share > 0.5).sum()) for words, share in simulated.flags.items()}
    count = people * draws * len(scenarios)
    stage.note(simulated=count, status=status, flags=flags, solved_again=simulated.resolved)
    print(f"features: {count} simulations of {people} people; {simulated.resolved} people solved again more finely")


if __name__ == "__main__":
    main("features", __doc__, body)
