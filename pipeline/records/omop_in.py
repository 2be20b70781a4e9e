"""OMOP CDM 5.4 to a `Delivery`: what has a variable is chosen in the database by concept, the rest is counted there.

A concept is understood by the table of codes; where the source carries the vocabulary (CONCEPT), also by its code in
LOINC, SNOMED CT, RxNorm, ATC or ICD-10, and a drug by its ancestors (CONCEPT_ANCESTOR). OMOP has no time zones: times
are taken as UTC.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pipeline.delivery import Delivery
from pipeline.records.codes import Target, targets
from pipeline.records.delivering import as_day, deliver, fingerprint, today
from pipeline.records.intake import Intake
from pipeline.records.omop_rows import Batch, take, take_span
from pipeline.records.omop_tables import VOCABULARY, Tables, open_tables
from pipeline.records.omop_vocabulary import Vocabulary
from pipeline.records.people import Known
from pipeline.records.times import NEVER, day
from pipeline.schema import TableError

SEX = {8507: "male", 8532: "female"}
OWN = "tvilling:"           # starts the source value of what our own export has no concept for
IDENTIFY = ("id", "identifier")
SPANS = {
    "death": (("yes", "died", "death_datetime", "death_date"),),
    "observation_period": (
        ("yes", "under_observation", "", "observation_period_start_date"),
        ("no", "under_observation", "", "observation_period_end_date"),
    ),
}


class Part(NamedTuple):
    """A table of statements: its columns for what is read of each row, "" where the table has none."""

    table: str
    concept: str
    moment: str
    day: str
    value: str = ""
    answer: str = ""        # concept
    text: str = ""
    source: str = ""        # the source's own code
    unit: str = ""
    unit_text: str = ""
    operator: str = ""


PARTS = (
    Part(
        "measurement", "measurement_concept_id", "measurement_datetime", "measurement_date", "value_as_number",
        "value_as_concept_id", "value_source_value", "measurement_source_value", "unit_concept_id", "unit_source_value",
        "operator_concept_id",
    ),
    Part(
        "observation", "observation_concept_id", "observation_datetime", "observation_date", "value_as_number",
        "value_as_concept_id", "value_as_string", "observation_source_value", "unit_concept_id", "unit_source_value",
    ),
    Part("condition_occurrence", "condition_concept_id", "condition_start_datetime", "condition_start_date"),
    Part("drug_exposure", "drug_concept_id", "drug_exposure_start_datetime", "drug_exposure_start_date"),
)  # fmt: skip


def read_omop(
    path: Path,
    *,
    delivered: date | str | None = None,
    identify_by: str = "id",
    progress: bool = False,
) -> Delivery:
    """People and readings of a DuckDB file, or a folder of Parquet or CSV files, in OMOP CDM 5.4.

    `delivered` is the day after which nothing can be dated (default: today). A person is the person_id, or with
    `identify_by="identifier"` the person_source_value. Death is a reading of `died`; start and end of each observation
    period are readings of `under_observation`. `identity` holds what became of all rows (`counts`).
    """
    if identify_by not in IDENTIFY:
        raise TableError(f"identify_by is {identify_by!r}; allowed: {', '.join(IDENTIFY)}")
    given = as_day(delivered)
    tables = open_tables(path)
    try:
        out, vocabulary = Intake(), Vocabulary(tables)
        _people(tables, out, identify_by)
        for part in tqdm(PARTS, desc="records", disable=None if progress else True):
            if part.table in tables.relations:
                _statements(part, tables, vocabulary, out)
            else:
                out.findings.add("table absent", part.table.upper(), "is not in the delivery")
        for table in SPANS:
            if table in tables.relations:
                _spans(table, tables, out)
            else:
                out.findings.add("table absent", table.upper(), "is not in the delivery")
        content = [relation for table, relation in tables.relations.items() if table not in VOCABULARY]
        identity = {
            "file": path.name,
            "sha256": fingerprint(path),
            "licence": "that of the records' owner",
            "citation": "health records of the user",
            "rows": sum(tables.rows(f"SELECT count(*) FROM {relation}")[0][0] for relation in content),
            "note": "OMOP CDM 5.4",
        }
    finally:
        tables.close()
    return deliver(out, today() if given is None else given, identity)


def _people(tables: Tables, out: Intake, identify_by: str) -> None:
    optional = ("month_of_birth", "day_of_birth", "person_source_value")
    columns = ", ".join(tables.column("person", name) for name in optional)
    born = tables.column("person", "birth_datetime")
    query = f"""SELECT person_id, TRY_CAST(gender_concept_id AS BIGINT), TRY_CAST(year_of_birth AS INTEGER),
        TRY_CAST({born} AS DATE), {columns} FROM {tables.relations["person"]}"""
    for number, gender, year, at, month, day_of, source in tables.rows(query):
        person = str(source) if identify_by == "identifier" and source else str(number)
        example = "PERSON"
        text = str(at) if at else f"{year:04d}-{int(month or 1):02d}-{int(day_of or 1):02d}" if year else ""
        if text and not at and not (month and day_of):
            what = "is known to the year or month; it stands at the start of that time"
            out.findings.add("birth date partial", "PERSON.year_of_birth", what, example)
        if gender not in SEX:
            what = "is neither 8507 (male) nor 8532 (female); left missing"
            out.findings.add("sex neither female nor male", "PERSON.gender_concept_id", what, example)
        try:
            birth = day(text) if text else NEVER
        except ValueError:
            out.findings.add("birth date impossible", "PERSON.year_of_birth", "is no date; left missing", example)
            birth = NEVER
        out.people.names[str(number)] = person
        out.people.merge(person, Known(SEX.get(gender, ""), birth), example)
        out.ledger.count("PERSON", "taken")


def _statements(part: Part, tables: Tables, vocabulary: Vocabulary, out: Intake) -> None:
    """Every row whose concept has a variable, and the count of each other concept."""
    relation, name = tables.relations[part.table], part.table.upper()
    concept = f"coalesce(TRY_CAST({part.concept} AS BIGINT), 0)"
    source = tables.column(part.table, part.source)
    own = f"CASE WHEN {concept} = 0 AND starts_with({source}::VARCHAR, '{OWN}') THEN {source}::VARCHAR END"
    counted = tables.rows(f"SELECT {concept}, {own}, count(*) FROM {relation} GROUP BY ALL ORDER BY ALL")
    ids = {c for c, ours, _ in counted if not ours}
    vocabulary.look_up(ids)
    meant: dict[str, tuple[Target, ...]] = {str(c): vocabulary.meaning(c) for c in ids}
    if part.table == "drug_exposure":
        meant |= {str(c): m for c, m in vocabulary.of_drugs(c for c in ids if not meant[str(c)]).items()}
    meant |= {ours: targets("tvilling", ours.removeprefix(OWN)) for _, ours, _ in counted if ours}
    if not part.value:      # the concept has to say it all
        meant = {key: tuple(t for t in found if t.level) for key, found in meant.items()}
    for number, ours, times in counted:
        if not meant[ours or str(number)]:
            out.unmapped.add("OMOP", ours or str(number), vocabulary.name(number), name, times)
            out.ledger.count(name, "unmapped", times)
    pick = [number for number, ours, _ in counted if not ours and meant[str(number)]]
    fields = {
        "value": f"TRY_CAST({tables.column(part.table, part.value)} AS DOUBLE)",
        "answer": f"coalesce(TRY_CAST({tables.column(part.table, part.answer)} AS BIGINT), 0)",
        "text": f"coalesce({tables.column(part.table, part.text)}::VARCHAR, '')",
        "unit": f"coalesce(TRY_CAST({tables.column(part.table, part.unit)} AS BIGINT), 0)",
        "unit_text": f"coalesce({tables.column(part.table, part.unit_text)}::VARCHAR, '')",
        "operator": f"coalesce(TRY_CAST({tables.column(part.table, part.operator)} AS BIGINT), 0)",
    }
    moment = f"TRY_CAST({tables.column(part.table, part.moment)} AS TIMESTAMP)"
    query = f"""SELECT {part.table}_id AS line, person_id::VARCHAR AS person,
        coalesce({own}, {concept}::VARCHAR) AS concept,
        epoch(coalesce({moment}, TRY_CAST({part.day} AS TIMESTAMP))) AS seconds,
        {", ".join(f"{sql} AS {field}" for field, sql in fields.items())}
        FROM {relation} WHERE {concept} IN ({", ".join(str(p) for p in pick) or "NULL"}) OR {own} IS NOT NULL"""
    for frame in tables.frames(query):
        vocabulary.look_up({int(c) for column in ("unit", "answer") for c in np.unique(frame[column])})
        for key, group in frame.groupby("concept", sort=False):
            for target in meant[str(key)]:
                take(Batch(name, f"{part.table}_id", str(key), group), target, vocabulary, out)


def _spans(table: str, tables: Tables, out: Intake) -> None:
    """Readings that a table means without concepts: deaths, and when a person was observed."""
    key = tables.column(table, f"{table}_id", "row_number() OVER ()")
    for text, variable, moment, day_of in SPANS[table]:
        at = f"TRY_CAST({tables.column(table, moment)} AS TIMESTAMP)"
        query = f"""SELECT {key} AS line, person_id::VARCHAR AS person,
            epoch(coalesce({at}, TRY_CAST({day_of} AS TIMESTAMP))) AS seconds FROM {tables.relations[table]}"""
        for frame in tables.frames(query):
            take_span(Batch(table.upper(), "row", f"{table.upper()}.{day_of}", frame), variable, text, out)
