"""From everything that was read to a `Delivery`: the checks in their order, and what became of each statement."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.delivery import Delivery
from pipeline.records.checks import Rows, check_dates, check_pressures, check_repeats, convert_units, readings
from pipeline.records.intake import Intake
from pipeline.records.times import day
from pipeline.runs import hash_file
from pipeline.schema import TableError, validate


def today() -> int:
    """Seconds of the start of this day in UTC."""
    return day(datetime.now(UTC).date())


def as_day(delivered: date | str | None) -> int | None:
    """A day of delivery given by the caller, in seconds."""
    if delivered is None:
        return None
    try:
        return day(delivered)
    except ValueError:
        raise TableError(f"delivered is {delivered!r}, which is no day; write YYYY-MM-DD") from None


def deliver(
    out: Intake, delivered: int, identity: Mapping[str, Any], unmapped: pd.DataFrame | None = None
) -> Delivery:
    """All checks, then people, readings, unmapped codes and findings."""
    rows = Rows(out.items, out.findings)
    number, persons, lost = out.people.resolve(out.items.subjects.all())
    person = number[rows.subject]
    births = out.people.births(persons, delivered)
    convert_units(rows)
    check_dates(rows, person, births, delivered)
    check_repeats(rows, person)
    check_pressures(rows, person)
    unknown = lost[rows.subject] if len(lost) else np.zeros(len(rows.stays), dtype=bool)
    what = "is of a patient who is not in the delivery; sex and birth are not known"
    rows.find("patient unknown", unknown, what, "patient not in the delivery")
    out.find_strangers()
    _settle(rows, out)
    people = out.people.table(persons, births)
    said = readings(rows, persons, person)
    counts = {source: dict(sorted(kind.items())) for source, kind in sorted(out.ledger.counts.items())}
    return Delivery(
        validate(people, "delivered_people", "people"),
        validate(said, "delivered_readings", "readings"),
        left(out) if unmapped is None else unmapped,
        out.findings.all(),
        {**identity, "delivered": str(np.datetime64(delivered, "s"))[:10], "counts": counts},
    )


def left(out: Intake) -> pd.DataFrame:
    """Codes without a variable, the most frequent first."""
    rows = [(s, "" if c == d else c, d, n) for (s, c), (d, n, _) in out.unmapped.rows.items()]
    table = pd.DataFrame(rows, columns=["system", "code", "display", "count"])
    table = table.astype({"system": "str", "code": "str", "display": "str", "count": int})
    return table.sort_values(["count", "system", "code"], ascending=[False, True, True], ignore_index=True)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of all files of a folder."""
    if path.is_file():
        return hash_file(path)
    digest = hashlib.sha256()
    for one in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(f"{hash_file(one)}  {one.relative_to(path).as_posix()}\n".encode())
    return digest.hexdigest()


def _settle(rows: Rows, out: Intake) -> None:
    """What became of each statement that was understood: it is taken if any of its variables has a value."""
    has_value = ~np.isnan(rows.value) | (rows.text != "")
    ends = pd.DataFrame(
        {
            "source": rows.source[rows.meaning] if len(rows.source) else rows.meaning,
            "spot": rows.spot, "part": rows.part,
            "end": np.where(rows.stays & has_value, 2, np.where(rows.repeated, 1, 0)),
        }
    )  # fmt: skip
    statements = ends.groupby(["source", "spot", "part"], sort=False)["end"].max().reset_index()
    for (source, end), times in statements.groupby(["source", "end"]).size().items():
        out.ledger.count(str(source), ("refused", "repeated", "taken")[int(end)], int(times))
