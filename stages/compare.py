"""Set the finished studies side by side: the model that each reports beside logistic regression on routine data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.runs import RunError
from stages import RUNS, faults_in_words


def main() -> None:
    """Command line of the comparison."""
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description=__doc__)
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        import pandas as pd

        from pipeline import evaluation

        finished = sorted(path.parent.parent for path in arguments.runs.glob("*/evaluate/manifest.json"))
        if not finished:
            raise RunError(f"no study is finished under {arguments.runs}: make run STUDY=... first")
        rows = []
        for folder in finished:
            report = json.loads((folder / "config" / "report.json").read_text(encoding="utf-8"))["report"]
            metrics, differences = (
                pd.read_parquet(folder / "evaluate" / f"{name}.parquet") for name in ("metrics", "differences")
            )
            found = evaluation.beside_simple(metrics, differences, report["model"], report["feature_set"])
            rows.append({"study": folder.name, "model": report["model"], "features": report["feature_set"], **found})
        table = pd.DataFrame(rows)
        path = arguments.runs / "comparison.csv"
        table.to_csv(path, index=False)
        print(table.round(3).to_string(index=False))
        print(f"{path}: differences of AUROC are paired, with 95 % intervals; a slope of 1 is ideal")


if __name__ == "__main__":
    main()
