"""Simulate one person under one scenario or through one episode, and write what twins say as a tidy CSV file.

A scenario file holds title and segments as in configs/scenarios/, and beside them the person, the twins and the times
to read, in days. A file with [events] is an episode: drinks and meals, in minutes. Examples:
configs/people/woman_45_plus_250_kcal.toml and configs/people/man_wine_with_dinner.toml.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import faults_in_words


def main() -> None:
    """Command line of the simulation."""
    parser = argparse.ArgumentParser(prog="python -m stages.simulate", description=__doc__)
    parser.add_argument("scenario", type=Path, help="TOML file of person, twins, segments and times")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write: time, observable, value, unit")
    arguments = parser.parse_args()
    with faults_in_words():
        from pipeline.config import read_toml, toml_sections
        from pipeline.twins import PersonEpisode, PersonScenario, simulate_person, simulate_person_episode

        if "events" in toml_sections(arguments.scenario):
            time = "time_min"
            rows, warnings = simulate_person_episode(read_toml(arguments.scenario, PersonEpisode))
        else:
            time = "time_d"
            rows, warnings = simulate_person(read_toml(arguments.scenario, PersonScenario))
        draft = arguments.out.with_suffix(".part")
        text = "".join(f"{t:.10g},{name},{value:.12g},{unit}\n" for t, name, value, unit in rows)
        draft.write_text(f"{time},observable,value,unit\n" + text, encoding="utf-8")
        draft.rename(arguments.out)
        for words in warnings:
            print(f"warning: {words}: do not believe these numbers")
        print(f"{len(rows)} values of {len({r[1] for r in rows})} observables in {arguments.out}")


if __name__ == "__main__":
    main()
