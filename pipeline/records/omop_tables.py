"""The tables of an OMOP CDM 5.4 source as DuckDB relations: a database file, or a folder of Parquet or CSV files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.runs import RunError
from pipeline.schema import TableError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# Columns that are needed of each table; the first names its rows.
TABLES: Mapping[str, tuple[str, ...]] = {
    "person": ("person_id", "gender_concept_id", "year_of_birth"),
    "measurement": (
        "measurement_id", "person_id", "measurement_concept_id", "measurement_date", "value_as_number",
        "value_as_concept_id", "unit_concept_id",
    ),
    "observation": (
        "observation_id", "person_id", "observation_concept_id", "observation_date", "value_as_concept_id",
    ),
    "condition_occurrence": ("condition_occurrence_id", "person_id", "condition_concept_id", "condition_start_date"),
    "drug_exposure": ("drug_exposure_id", "person_id", "drug_concept_id", "drug_exposure_start_date"),
    "observation_period": (
        "observation_period_id", "person_id", "observation_period_start_date", "observation_period_end_date",
    ),
    "death": ("person_id", "death_date"),
    "concept": ("concept_id", "vocabulary_id", "concept_code", "concept_name"),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
}  # fmt: skip
VOCABULARY = ("concept", "concept_ancestor")
DATABASES = (".duckdb", ".db", ".ddb")
MAGIC = b"DUCK"            # bytes 8 to 12 of a DuckDB file
MEMORY = "1GB"
VECTORS = 50               # of 2,048 rows that are in memory at a time


class Tables:
    """An open source; `columns` of each table that it has, in lower case."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, relations: Mapping[str, str]) -> None:
        self.connection, self.name, self.relations = connection, name, relations
        self.columns: dict[str, set[str]] = {}
        for table, relation in relations.items():
            described = self.rows(f"DESCRIBE SELECT * FROM {relation}")
            self.columns[table] = {str(row[0]).lower() for row in described}
            if absent := [c for c in TABLES[table] if c not in self.columns[table]]:
                raise TableError(
                    f"{name}: table {table.upper()} has no column {', '.join(absent)}, which OMOP CDM 5.4 has; "
                    f"its columns are {', '.join(sorted(self.columns[table]))}"
                )

    def rows(self, query: str) -> list[tuple]:
        """The rows of a query; a fault of the source in a sentence."""
        import duckdb

        try:
            return self.connection.execute(query).fetchall()
        except duckdb.Error as fault:
            raise TableError(f"{self.name}: cannot be read ({_first(fault)})") from None

    def frames(self, query: str) -> Iterator[pd.DataFrame]:
        """The rows of a query, a batch at a time; other queries may run between."""
        import duckdb

        try:
            cursor = self.connection.cursor().execute(query)
            while len(frame := cursor.fetch_df_chunk(VECTORS)):
                yield frame
        except duckdb.Error as fault:
            raise TableError(f"{self.name}: cannot be read ({_first(fault)})") from None

    def column(self, table: str, name: str, instead: str = "NULL") -> str:
        """A column in SQL, or what stands for it where the table has none."""
        return name if name in self.columns[table] else instead

    def close(self) -> None:
        """Let go of the source."""
        self.connection.close()


def is_omop(path: Path) -> bool:
    """Whether a file or folder looks like OMOP tables."""
    if path.is_file():
        if path.suffix.lower() in DATABASES:
            return True
        with path.open("rb") as file:
            return file.read(12)[8:] == MAGIC
    return path.is_dir() and "person" in _files(path)


def open_tables(path: Path) -> Tables:
    """The tables of a source, opened for reading only; raises if there is no PERSON or a column is missing."""
    try:
        import duckdb
    except ImportError:
        raise RunError('OMOP tables need duckdb: pip install "tvilling[clinical]"') from None
    if not path.exists():
        raise RunError(f"{path} is missing: give a DuckDB file, or a folder of Parquet or CSV files named by table")
    try:
        connection = duckdb.connect(str(path), read_only=True) if path.is_file() else duckdb.connect()
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = ''")     # nothing of a person on disk
        relations = _in_database(connection) if path.is_file() else _files(path)
    except duckdb.Error as fault:
        raise TableError(f"{path.name}: is no DuckDB database that can be read ({_first(fault)})") from None
    if "person" not in relations:
        connection.close()
        raise TableError(
            f"{path.name}: has no table PERSON; OMOP CDM 5.4 is a DuckDB file, or a folder with person.parquet, "
            "measurement.parquet and so on (or .csv)"
        )
    try:
        return Tables(connection, path.name, relations)
    except TableError:
        connection.close()
        raise


def _in_database(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = connection.execute("SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL").fetchall()
    names = {str(name).lower(): f"{_quoted(schema)}.{_quoted(name)}" for schema, name in reversed(found)}
    return {table: names[table] for table in TABLES if table in names}


def _files(folder: Path) -> dict[str, str]:
    """How DuckDB reads the file, or folder of parts, of each table."""
    relations: dict[str, str] = {}
    for path in sorted(folder.iterdir(), reverse=True):      # Parquet before CSV of the same table
        name = path.name.lower()
        table = name.split(".")[0]
        if table not in TABLES:
            continue
        text = str(path).replace("'", "''")
        if path.is_dir() and any(path.glob("*.parquet")):
            relations[table] = f"read_parquet('{text}/*.parquet')"
        elif name.endswith(".parquet"):
            relations[table] = f"read_parquet('{text}')"
        elif name.endswith((".csv", ".csv.gz")) and ".parquet" not in relations.get(table, ""):
            relations[table] = f"read_csv('{text}', header = true, sample_size = -1)"
    return relations


def _quoted(name: object) -> str:
    return '"' + str(name).replace('"', '""') + '"'


def _first(fault: Exception) -> str:
    return str(fault).strip().split("\n")[0]
