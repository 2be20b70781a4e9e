"""Check a study before any work, and write the settings that each stage depends on.

A settings file is rewritten only if its content changed, so that make reruns what a change touches and
nothing else. The hash of what a user brings is part of the settings of the cohort stage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.config import ConfigError, Study, read_study, require
from stages import RUNS, SCENARIOS, SECTIONS, faults_in_words, hash_sources


def check_names(study: Study, file: Path) -> None:
    """Raise `ConfigError` for a twin, model, scenario, output, quantity or evidence that the library does not have.

    Slow, because it loads the registries, so it is asked only when the study has changed.
    """
    from pipeline.fitting import QUANTITIES
    from pipeline.models import MODELS, ROUTINE_ONLY, learns_from_time
    from pipeline.strata import evidence
    from pipeline.twins import TWINS, YEARS, read_scenarios

    require(study.twins.names, YEARS, f"{file}: [twins] names")
    require(study.models.names, MODELS, f"{file}: [models] names")
    tried = sorted({effect.outcome for effect in evidence()})
    require([study.outcome.evidence] if study.outcome.evidence else [], tried, f"{file}: [outcome] evidence")
    timed = [name for name in study.models.names if learns_from_time(MODELS[name])]
    if timed and study.outcome.horizon_years is None:
        raise ConfigError(
            f"{file}: [models] names: {', '.join(timed)} can only learn from when an event came, and "
            f"{study.outcome.name} is of the visit itself; leave out, or give [outcome] events and horizon_years"
        )
    if study.report.model in ROUTINE_ONLY and study.report.feature_set != "routine":
        raise ConfigError(
            f'{file}: [report] feature_set: {study.report.model} makes its own features; write feature_set = "routine"'
        )
    outputs = [output for twin in study.twins.names for output in TWINS[twin].over_years]
    require(study.report.outputs, outputs, f"{file}: [report] outputs")
    foretold = [forecast.variable for forecast in study.experiments.forecasts]
    require(foretold, [q.name for q in QUANTITIES], f"{file}: [experiments] forecasts variable")
    there = sorted(path.stem for path in SCENARIOS.glob("*.toml"))
    require(study.twins.interventions, there, f"{file}: [twins] interventions")
    read_scenarios(SCENARIOS, study.twins.interventions)


def main() -> None:
    """Command line of the check."""
    parser = argparse.ArgumentParser(prog="python -m stages.check", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)
        folder = arguments.runs / arguments.study.stem / "config"
        texts = {}
        for name, sections in SECTIONS.items():
            settings = study.model_dump(mode="json", include=sections)
            if name == "cohort":
                settings |= hash_sources(study)
            texts[folder / f"{name}.json"] = json.dumps(settings, indent=1, sort_keys=True) + "\n"
        changed = {p: text for p, text in texts.items() if not p.exists() or p.read_text(encoding="utf-8") != text}
        if changed:
            check_names(study, arguments.study)
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in changed.items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
