"""Take in a delivery: people and readings in the library's variables, what was wrong, and how good it is.

IN is FHIR R4 (a bundle, .json; ndjson; a folder of these; also packed as .gz or .zip), OMOP CDM 5.4 (a DuckDB file, or
a folder of Parquet or CSV files named by table), a folder of Swedish emergency charts (.txt), or a version of a data
set of images. The folder gets people.parquet, readings.parquet, unmapped.csv (codes without a variable), findings.csv
(of the reader), questions.csv (all findings ranked by harm, with what to ask), the report (intake.html, and intake.json
with the same figures) and a manifest, or nothing at all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import faults_in_words

if TYPE_CHECKING:
    from pipeline.delivery import Delivery

SHOWN = 12      # findings on the screen; the rest stand in the file
DAY = "records: day of the delivery, after which nothing is dated (default: newest time of a bundle, else today)"
PERSON = "records: who is a person: id, or identifier for the first of a Patient or person_source_value (default: id)"


def main() -> None:
    """Command line of the intake."""
    parser = argparse.ArgumentParser(prog="python -m stages.intake", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN", help="file or folder of the delivery")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--kind", help="fhir, omop, charts or images (default: what the path looks like)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="folder of an earlier intake, to compare with")
    parser.add_argument("--delivered", metavar="YYYY-MM-DD", help=DAY)
    parser.add_argument("--identify-by", metavar="WHAT", help=PERSON)
    arguments = parser.parse_args()
    with faults_in_words():
        from pipeline import curation, intake
        from pipeline.runs import RunError, stage

        out = arguments.out
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "outputs.sha256").exists())):
            raise RunError(f"{out} holds other files; give a new folder, as the old one is replaced")
        before = curation.read_before(arguments.before) if arguments.before else None
        options = {"delivered": arguments.delivered, "identify_by": arguments.identify_by}
        delivery = intake.read(arguments.source, arguments.kind, progress=sys.stderr.isatty(), **options)
        facts, quality = dict(delivery.identity), curation.curate(delivery, before)
        with stage(out, config=options | {"kind": arguments.kind}) as running:
            curation.write(delivery, quality, running.path)
            running.inputs[facts["file"]] = facts["sha256"]
            for name in ("people.parquet", "readings.parquet") if arguments.before else ():
                running.read(arguments.before / name)
            running.note(people=len(delivery.people), readings=len(delivery.readings), **facts)
        _tell(delivery, quality.figures, out)


def _tell(delivery: Delivery, figures: dict[str, Any], out: Path) -> None:
    people, readings, facts = delivery.people, delivery.readings, delivery.identity
    missing, names = int((readings["value"].isna() & readings["text"].isna()).sum()), readings["variable"].nunique()
    day = f", delivered {facts['delivered']}" if "delivered" in facts else ""
    print(
        f"intake: {len(people):,} people, {len(readings) - missing:,} readings of {names} variables and {missing:,} "
        f"set missing, out of {facts['rows']:,} rows or resources ({facts['note']}){day}"
    )
    left = delivery.unmapped["count"]
    print(f"intake: {len(left):,} codes have no variable ({left.sum():,} statements), see unmapped.csv")
    grave = [found for found in delivery.findings if found.severity != "note"]
    for found in grave[:SHOWN]:
        first = f"; first: {found.example}" if found.example else ""
        print(f"  {found.severity}: {found.kind}, {found.times:,} times: {found.place} {found.what}{first}")
    more = f", {SHOWN} shown" if len(grave) > SHOWN else ""
    print(f"intake: {len(grave)} findings refused or flagged something{more}; all, with notes, in findings.csv")
    points, questions = figures["score"]["score"], figures["verdict"]["questions"]
    asked = f"{questions} question{'s' if questions != 1 else ''}"
    print(f"intake: score {points} of 100, {asked} to the sender: {out / 'intake.html'}")


if __name__ == "__main__":
    main()
