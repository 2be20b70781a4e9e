"""The file of a vault: one SQLite database that never holds a plain value of a person.

Everything personal is sealed before SQLite sees it, so the database, its rollback journal and whatever it keeps in
memory hold sealed bytes alone. The journal is deleted at the end of every transaction (no write-ahead log, which
would keep what was erased), deleted rows are overwritten with zeros, and `sweep` writes the whole file anew.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runs import RunError

FILE = "vault.sqlite"
FORM = 1                 # of the tables below
BUSY_S = 120.0           # how long one process waits for another: reading a million readings takes as long
# `person` is a pseudonym, a `mark` is a keyed hash, the rest is sealed. Every row number is part of what it seals.
TABLES = """
CREATE TABLE vault (vault BLOB NOT NULL, form INTEGER NOT NULL, root BLOB NOT NULL, unswept INTEGER NOT NULL) STRICT;
CREATE TABLE people (person BLOB PRIMARY KEY, key BLOB NOT NULL, card BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE readings (
    number INTEGER PRIMARY KEY,
    person BLOB NOT NULL,
    variable BLOB NOT NULL,
    content BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX readings_once ON readings (person, variable, content);
CREATE TABLE rules (number INTEGER PRIMARY KEY, person BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE INDEX rules_person ON rules (person);
CREATE TABLE runs (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE uses (
    run INTEGER NOT NULL, mark BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (run, mark)
) STRICT, WITHOUT ROWID;
CREATE TABLE log (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL, about BLOB NOT NULL, chain BLOB NOT NULL) STRICT;
"""
COUNTED = ("people", "readings", "rules", "runs", "uses")


class Store:
    """An open database of a vault; one process or thread each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            self._settle()
        except BaseException:
            self.close()
            raise

    def _settle(self) -> None:
        with self._said():
            for setting in (
                "journal_mode = DELETE",
                "secure_delete = ON",
                "synchronous = EXTRA",      # a journal that comes back after a power cut would undo an erasure
                "temp_store = MEMORY",
                "mmap_size = 0",
                "trusted_schema = OFF",
            ):
                self._connection.execute(f"PRAGMA {setting}")
            if self.one("PRAGMA journal_mode") != ("delete",):
                raise RunError(f"{self.path}: another program holds this vault in another journal mode; close it")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Execute one statement."""
        return self._connection.execute(statement, values)

    def many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Execute one statement for every row."""
        self._connection.executemany(statement, rows)

    def one(self, statement: str, *values: Any) -> Any:
        """The first row of the answer, or None."""
        return self._connection.execute(statement, values).fetchone()

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table: self.one(f"SELECT count(*) FROM {table}")[0] for table in COUNTED}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Alone with the file; all of it happens, or nothing."""
        with self._said():
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.run("ROLLBACK")
                raise

    def sweep(self) -> None:
        """Write the whole file anew, so that no copy of a deleted row is left between the rows that stay."""
        with self._said():
            self.run("VACUUM")
            self.run("UPDATE vault SET unswept = 0")

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as fault:
            if "locked" in str(fault):
                raise RunError(f"{self.path}: another program has held it for {BUSY_S:g} s; try again") from None
            raise RunError(f"{self.path}: {fault}") from None
        except sqlite3.DatabaseError as fault:
            raise RunError(f"{self.path} is no vault, or is damaged ({fault}); put back a copy") from None


def make_store(path: Path, vault: bytes, root: bytes) -> Store:
    """An empty vault in a new file that its owner alone can read."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    store = Store(path)
    with store.transaction():
        for statement in TABLES.strip().split(";\n"):
            store.run(statement.rstrip(";"))
        store.run("INSERT INTO vault VALUES (?, ?, ?, 0)", vault, FORM, root)
    return store


def open_store(folder: Path) -> Store:
    """The vault in `folder`."""
    path = folder / FILE
    if not path.is_file():
        raise RunError(f"{folder} holds no vault ({FILE} is missing); make one with init")
    store = Store(path)
    try:
        with store.transaction():
            form = store.one("SELECT form FROM vault")
        if form != (FORM,):
            raise RunError(f"{path} has a form that this version does not know; it knows form {FORM}")
    except BaseException:
        store.close()
        raise
    return store
