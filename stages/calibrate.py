"""Calibrate twins on study data: best fit, profiles, posterior sample, verdicts and held-back studies.

The tables ship with the library, so a calibration is run when a twin, its data or the method changes, not for
every study of patients.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stages import faults_in_words

POSTERIORS = Path("pipeline/twins/posteriors")


def main() -> None:
    """Command line of the calibration."""
    parser = argparse.ArgumentParser(prog="python -m stages.calibrate", description=__doc__)
    parser.add_argument("--twin", nargs="+", metavar="NAME", help="twins to calibrate (default: all that can be)")
    parser.add_argument("--out", type=Path, default=POSTERIORS, help="folder of the tables (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of starts and chains (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=100, help="random starts of the fit (default: %(default)s)")
    parser.add_argument("--warmup", type=int, default=1000, help="warm-up of each chain (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=1000, help="draws of each chain (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        from pipeline.calibration import PROBLEMS, calibrate, write
        from pipeline.config import require

        names = arguments.twin or list(PROBLEMS)
        require(names, PROBLEMS, "--twin")
        for name in names:
            found = calibrate(
                PROBLEMS[name],
                seed=arguments.seed,
                starts=arguments.starts,
                warmup=arguments.warmup,
                draws=arguments.draws,
                progress=sys.stderr.isatty(),
            )
            said = found.summary
            print(
                f"{name}: cost {said['best_cost']:.4f} (published {said['published_cost']:.4f}), reached by "
                f"{said['starts_reaching_best']} of {said['starts']} starts; r-hat at most {said['r_hat_max']:.3f}, "
                f"effective draws at least {said['effective_sample_size_min']:.0f}"
            )
            for verdict, rows in found.tables["_verdicts"].groupby("verdict"):
                print(f"  {verdict}: {', '.join(rows['quantity'])}")
            for path in write(found, arguments.out):
                print(f"  {path}")


if __name__ == "__main__":
    main()
