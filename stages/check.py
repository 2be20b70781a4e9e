"""Check a study before any work, and write the settings that each stage depends on.

A settings file is rewritten only if its content changed, so that make reruns what a change touches and
nothing else. The hash of a CSV cohort is part of the settings of its cohort stage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.config import ConfigError, CsvCohort, read_study
from pipeline.runs import hash_file
from stages import RUNS, SCENARIOS, faults_in_words

SECTIONS = {
    "cohort": {"cohort", "outcome", "variables"},
    "fit": {"twins", "seed"},
    "features": {"twins", "seed"},
    "train": {"models", "predictors", "seed", "variables"},
    "evaluate": {"evaluation", "report", "seed"},
    "report": {"title", "question", "population", "horizon", "caution"}
    | {"evaluation", "report", "outcome", "twins", "models", "seed"},
    "track": {"title"},
}


def main() -> None:
    """Command line of the check."""
    parser = argparse.ArgumentParser(prog="python -m stages.check", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)
        there = sorted(path.stem for path in SCENARIOS.glob("*.toml"))
        for name in study.twins.interventions:
            if name not in there:
                where = f"{arguments.study}: [twins] interventions"
                raise ConfigError(f"{where}: no scenario {name} in {SCENARIOS}; there are {', '.join(there)}")
        folder = arguments.runs / arguments.study.stem / "config"
        folder.mkdir(parents=True, exist_ok=True)
        for name, sections in SECTIONS.items():
            settings = study.model_dump(mode="json", include=sections)
            if name == "cohort" and isinstance(study.cohort, CsvCohort):
                settings["file_sha256"] = hash_file(study.cohort.path)
            text = json.dumps(settings, indent=1, sort_keys=True) + "\n"
            path = folder / f"{name}.json"
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
