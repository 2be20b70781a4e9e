"""Write the report of one person of a finished study: two sheets of A4 in plain words, for print or screen."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import read_study
from pipeline.pseudonym import default_key, pseudonym, read_key
from pipeline.runs import RunError, Stage
from stages import RUNS, faults_in_words


def main() -> None:
    """Command line of the patient report."""
    parser = argparse.ArgumentParser(prog="python -m stages.patient", description=__doc__)
    parser.add_argument("study", type=Path, help="study file, such as configs/nhanes_dysglycaemia.toml")
    parser.add_argument("--person", required=True, help="person_id in the cohort of the study; never printed")
    parser.add_argument("--language", default="en", help="en or sv (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to write (default: patients/CODE-LANGUAGE.html)")
    parser.add_argument("--key", type=Path, help="secret key of pseudonyms (default: in the user's settings)")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        study = read_study(arguments.study)
        folder = arguments.runs / arguments.study.stem

        from pipeline import reports

        if arguments.language not in reports.languages():
            raise RunError(f"no language {arguments.language!r}; there are {', '.join(reports.languages())}")
        key = read_key(arguments.key or default_key())
        code = pseudonym(key, folder.name, arguments.person)
        patient = reports.read_patient(study, folder, Stage(folder).read, arguments.person, code)
        path = arguments.out or folder / "patients" / f"{patient.code}-{arguments.language}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(reports.render_patient(patient, arguments.language), encoding="utf-8")
        draft.replace(path)
        print(f"patient report: {path}")


if __name__ == "__main__":
    main()
