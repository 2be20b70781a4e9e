"""Health records (FHIR R4, or OMOP CDM 5.4) to people and readings in the library's variables, and what was wrong.

FHIR is a bundle (.json), ndjson, a folder of these, also packed as .gz or .zip; OMOP a DuckDB file, or a folder of
Parquet or CSV files named by table. The folder gets people.parquet, readings.parquet, unmapped.csv (codes without a
variable), findings.csv and a manifest, or nothing at all.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stages import faults_in_words

if TYPE_CHECKING:
    from pipeline.delivery import Delivery

SHOWN = 12      # findings on the screen; the rest stand in the file
DAY = "after which nothing can be dated (default: newest timestamp of a bundle, else today)"
PERSON = "id, or identifier for the first identifier of a Patient or the person_source_value (default: %(default)s)"


def main() -> None:
    """Command line of the intake of records."""
    parser = argparse.ArgumentParser(prog="python -m stages.records", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN", help="file or folder of records")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--delivered", metavar="YYYY-MM-DD", help=f"day of the delivery, {DAY}")
    parser.add_argument("--identify-by", default="id", metavar="WHAT", help=f"who a person is: {PERSON}")
    arguments = parser.parse_args()
    with faults_in_words():
        import pandas as pd

        from pipeline import records
        from pipeline.delivery import Finding
        from pipeline.runs import RunError, stage

        out = arguments.out
        if out.exists() and any(out.iterdir()) and not (out / "outputs.sha256").exists():
            raise RunError(f"{out} holds other files; give a new folder, as the old one is replaced")
        read = records.read_omop if records.is_omop(arguments.source) else records.read_fhir
        options = {"delivered": arguments.delivered, "identify_by": arguments.identify_by}
        delivery = read(arguments.source, **options, progress=sys.stderr.isatty())
        facts = dict(delivery.identity)
        with stage(out, config=options) as running:
            delivery.people.to_parquet(running.path("people.parquet"), index=False)
            delivery.readings.to_parquet(running.path("readings.parquet"), index=False)
            delivery.unmapped.to_csv(running.path("unmapped.csv"), index=False)
            pd.DataFrame(delivery.findings, columns=Finding._fields).to_csv(running.path("findings.csv"), index=False)
            running.inputs[facts["file"]] = facts["sha256"]
            running.note(people=len(delivery.people), readings=len(delivery.readings), **facts)
        _tell(delivery)
        print(f"records: {out}")


def _tell(delivery: Delivery) -> None:
    people, readings, facts = delivery.people, delivery.readings, delivery.identity
    missing, names = int((readings["value"].isna() & readings["text"].isna()).sum()), readings["variable"].nunique()
    print(
        f"records: {len(people):,} people, {len(readings) - missing:,} readings of {names} variables and {missing:,} "
        f"set missing, out of {facts['rows']:,} rows or resources ({facts['note']}), delivered {facts['delivered']}"
    )
    left = delivery.unmapped["count"]
    print(f"records: {len(left):,} codes have no variable ({left.sum():,} statements), see unmapped.csv")
    grave = [found for found in delivery.findings if found.severity != "note"]
    for found in grave[:SHOWN]:
        first = f"; first: {found.example}" if found.example else ""
        print(f"  {found.severity}: {found.kind}, {found.times:,} times: {found.place} {found.what}{first}")
    more = f", {SHOWN} shown" if len(grave) > SHOWN else ""
    print(f"records: {len(grave)} findings refused or flagged something{more}; all, with notes, in findings.csv")


if __name__ == "__main__":
    main()
