"""Export the risks of a finished study as FHIR R4 RiskAssessment, one a person, with the identity of the model.

Each names the registered model, its version and study, the risk in per cent with its 95 % interval, and that it comes
from research software. People are those of the cohort, under the identifiers that the source gave them.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

from pipeline.config import read_study
from pipeline.runs import RunError, Stage
from stages import RUNS, faults_in_words

SETS = {"routine": "routine data", "mechanistic": "twins", "both": "routine data and twins"}


def main() -> None:
    """Command line of the export."""
    parser = argparse.ArgumentParser(prog="python -m stages.risks", description=__doc__)
    parser.add_argument("study", type=Path, help="study file, such as configs/nhanes_cvd.toml")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help=".json for a bundle, .ndjson for a resource a line (default: risks.ndjson of the run)")
    parser.add_argument("--at", type=date.fromisoformat, default=date.today(), metavar="YYYY-MM-DD",
                        help="day that the risks are of: time zero (default: today)")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)
        folder = arguments.runs / arguments.study.stem
        out = arguments.out or folder / "risks.ndjson"
        if out.suffix not in {".json", ".ndjson"}:
            raise RunError(f"{out}: give a file that ends in .json or .ndjson")
        read = Stage(folder).read

        import pandas as pd

        from pipeline import records
        from pipeline.schema import validate

        path = read(folder / "uncertainty" / "uncertainty.parquet")
        risks = validate(pd.read_parquet(path), "uncertainty", path.name)
        registered = json.loads(read(folder / "track" / "run.json").read_text(encoding="utf-8"))
        model = records.RiskModel(
            name=study.report.model,
            version=registered["run_id"],
            study=folder.name,
            outcome=study.outcome.label,
            horizon_years=study.outcome.horizon_years or 0.0,
            method=f"{study.report.model} on {SETS[study.report.feature_set]}, mean over refits and draws",
            caution=study.caution,
        )
        written = records.write_risks(risks, out, model=model, at=arguments.at)
        print(f"risks: {written} of {len(risks)} people: {out}")


if __name__ == "__main__":
    main()
