"""Delete old runs of a study from MLflow, with their models and files; the champion stays."""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import RUNS, faults_in_words


def main() -> None:
    """Command line of the deletion."""
    parser = argparse.ArgumentParser(prog="python -m stages.forget", description=__doc__)
    parser.add_argument("study", help="name of the study, such as nhanes_dysglycaemia")
    parser.add_argument("--keep", type=int, default=3, help="how many of the newest runs stay (default: %(default)s)")
    parser.add_argument("--store", type=Path, default=RUNS.parent / "mlflow", help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.keep < 1:
        parser.error(f"--keep is {arguments.keep}; at least 1 stays")
    with faults_in_words():
        from pipeline import tracking

        print(f"{arguments.study}: {tracking.forget(arguments.store, arguments.study, arguments.keep)} run(s) deleted")


if __name__ == "__main__":
    main()
