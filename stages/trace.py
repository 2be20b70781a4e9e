"""Tell where a figure of the report comes from: stages, runs, code, settings and files, back to the source."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.runs import RunError
from stages import faults_in_words


def main() -> None:
    """Command line of the run ledger; ends with 1 if a file is no longer what its manifest says."""
    parser = argparse.ArgumentParser(prog="python -m stages.trace", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of a finished study, such as data/runs/nhanes_dysglycaemia")
    parser.add_argument("what", nargs="?", help="figure, section or measure, such as calibration; all if not given")
    arguments = parser.parse_args()
    with faults_in_words():
        from pipeline.reports import tell_origin

        if not arguments.folder.is_dir():
            raise RunError(f"no folder {arguments.folder}: give the folder of a finished study")
        said, faults = tell_origin(arguments.folder, arguments.what)
        print("\n".join(said))
        run = arguments.folder / "track" / "run.json"
        if run.exists():
            print(f"\nMLflow run {json.loads(run.read_text(encoding='utf-8'))['run_id']}")
        print("\n".join(["", *faults]) if faults else "\nEvery file is what its manifest says.")
        if faults:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
