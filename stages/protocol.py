"""Write the protocol of a study from its settings alone, before anything is run."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import read_study
from stages import RUNS, faults_in_words


def main() -> None:
    """Command line of the protocol."""
    parser = argparse.ArgumentParser(prog="python -m stages.protocol", description=__doc__)
    parser.add_argument("study", type=Path, help="study file, such as configs/nhanes_dysglycaemia.toml")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)

        from pipeline.reports import protocol

        document = protocol(study)
        folder = arguments.runs / arguments.study.stem / "protocol"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "protocol.html").write_text(document.html(), encoding="utf-8")
        (folder / "protocol.json").write_text(document.json(), encoding="utf-8")
        print(f"protocol: {folder / 'protocol.html'}")


if __name__ == "__main__":
    main()
