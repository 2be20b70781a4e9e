"""Make the gallery: a page for each twin with its equations, parameters, fits and failures, and an index.

Every page is one file that needs no network. Open OUT/index.html.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from stages import SCENARIOS, faults_in_words

GALLERY = Path("data/gallery")


def main() -> None:
    """Command line of the gallery."""
    parser = argparse.ArgumentParser(prog="python -m stages.gallery", description=__doc__)
    parser.add_argument("--out", type=Path, default=GALLERY, help="folder of the pages (default: %(default)s)")
    parser.add_argument("--twin", nargs="+", metavar="NAME", help="twins to show (default: all)")
    parser.add_argument(
        "--scenarios", type=Path, default=SCENARIOS, help="folder of scenario files (default: %(default)s)"
    )
    arguments = parser.parse_args()
    with faults_in_words():
        from tqdm import tqdm

        from pipeline.config import require
        from pipeline.reports import render_index, render_twin
        from pipeline.twins import TWINS, read_scenarios

        names = arguments.twin or list(TWINS)
        require(names, TWINS, "--twin")
        stems = tuple(sorted(path.stem for path in arguments.scenarios.glob("*.toml")))
        scenarios = list(read_scenarios(arguments.scenarios, stems).values())
        draft = arguments.out.with_name(arguments.out.name + ".part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in tqdm(names, desc="gallery", disable=not sys.stderr.isatty()):
            page = render_twin(TWINS[name], TWINS, scenarios)
            (draft / f"{name}.html").write_text(page, encoding="utf-8")
        shown = {name: TWINS[name] for name in TWINS if name in names}
        (draft / "index.html").write_text(render_index(shown), encoding="utf-8")
        before = arguments.out.with_name(arguments.out.name + ".old")
        shutil.rmtree(before, ignore_errors=True)
        if arguments.out.exists():
            arguments.out.rename(before)
        draft.rename(arguments.out)
        shutil.rmtree(before, ignore_errors=True)
        print(f"Gallery of {len(names)} twins: {arguments.out / 'index.html'}")


if __name__ == "__main__":
    main()
