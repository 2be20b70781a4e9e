"""What somebody can do who may write the files but has no key: destroy, and be found."""

import sqlite3
from datetime import date

import pytest

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule, make_vault, open_vault
from tests.vault.clock import Clock
from tests.vault.people import deliver

START = date(2024, 1, 1)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Three people who allow research, one of whom withdrew again, and a run that used them."""
    folder = tmp_path_factory.mktemp("template")
    with make_vault(folder / "vault", folder / "settings" / "vault.key", by="Anna", now=Clock()) as vault:
        vault.load(deliver("anna", "berit", "cecilia"))
        for person in ("anna", "berit", "cecilia"):
            vault.consent(person, [Rule(("research",), (ALL,), True, START, None)])
        given = vault.read("research")
        vault.record_use("run", given.people["person_id"], given.identity["consent"])
        vault.withdraw("berit")
    return folder


def rows(vault, table):
    return vault._session.store.run(f"SELECT * FROM {table}").fetchall()


def put(vault, table, content):
    store = vault._session.store
    with store.transaction():
        store.run(f"DELETE FROM {table}")
        for row in content:
            store.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


def refused(vault):
    """That nothing is given out, and that the check has something to say."""
    with pytest.raises(RunError):
        vault.read("research")
    return vault.check()


BLOBS = [("people", 1), ("people", 2), ("readings", 2), ("readings", 3), ("readings", 4), ("rules", 2), ("rules", 1),
         ("people", 0), ("readings", 1)]  # fmt: skip


@pytest.mark.parametrize(("table", "column"), BLOBS)
def test_a_changed_bit_anywhere_gives_nothing_out(copied, table, column):
    before = rows(copied, table)
    for at in (0, len(before) - 1):
        row = list(before[at])
        row[column] = bytes([*row[column][:-1], row[column][-1] ^ 1])
        put(copied, table, [*before[:at], tuple(row), *before[at + 1 :]])
        assert refused(copied)
        put(copied, table, before)
    assert copied.check() == []


@pytest.mark.parametrize(("table", "column"), [("runs", 1), ("uses", 1), ("uses", 2)])
def test_a_changed_bit_of_the_ledger_is_found(copied, table, column):
    before = rows(copied, table)
    row = list(before[0])
    row[column] = bytes([*row[column][:-1], row[column][-1] ^ 1])
    put(copied, table, [tuple(row), *before[1:]])
    assert copied.check()


@pytest.mark.parametrize("columns", [(1,), (2, 3, 4), (3, 4), (4,), (1, 2, 3, 4)])
def test_readings_cannot_be_exchanged(copied, columns):
    """Between persons, between variables of a person, and between rows of anybody."""
    before = rows(copied, "readings")
    for other in (5,) if columns == (1,) else (1, 5):
        first, second = list(before[0]), list(before[other])
        for column in columns:
            first[column], second[column] = second[column], first[column]
        changed = [row for n, row in enumerate(before) if n not in (0, other)]
        put(copied, "readings", [tuple(first), tuple(second), *changed])
        assert refused(copied)
    put(copied, "readings", before)
    assert copied.check() == []


def test_persons_cannot_be_exchanged(copied):
    before = rows(copied, "people")
    (a, *first), (b, *second) = before[:2]
    put(copied, "people", [(a, *second), (b, *first), before[2]])
    assert refused(copied)
    put(copied, "people", [(a, second[0], first[1]), *before[1:]])
    assert refused(copied)


@pytest.mark.parametrize("table", ["people", "readings", "rules", "runs", "uses"])
def test_rows_cannot_be_taken_out_or_copied(copied, table):
    before = rows(copied, table)
    put(copied, table, before[1:])
    assert refused(copied)
    number = (99,) if isinstance(before[0][0], int) else (b"9" * 32,)
    if table == "readings":
        put(copied, table, [*before, (*number, before[0][1], before[0][2], b"9" * 16, before[0][4])])
    else:
        put(copied, table, [*before, number + before[0][1:]])
    assert refused(copied)


def test_a_withdrawal_cannot_be_undone_with_rows_of_an_older_copy(place, vault, clock):
    """The strongest attack without the key and with the head in place: counts fit, every row was once genuine."""
    vault.load(deliver("anna", "berit"))
    vault.consent("berit", [Rule(("research",), (ALL,), True, START, None)])
    older = {row[0]: row for row in rows(vault, "people")}
    vault.withdraw("berit")
    assert len(vault.read("research").people) == 0
    now = {row[0]: row for row in rows(vault, "people")}
    (berit,) = (pseudonym for pseudonym in now if now[pseudonym] != older[pseudonym])
    rules = rows(vault, "rules")
    put(vault, "people", list(older.values()))
    put(vault, "rules", [rules[0], (rules[1][0], b"\0" * 32, rules[1][2])])     # nobody's: so that the count is right
    assert rules[1][1] == berit
    with pytest.raises(RunError, match="put back from an older copy"):
        vault.read("research")
    with pytest.raises(RunError, match="put back from an older copy"):
        vault.history("berit")
    assert vault.check()


def test_an_erased_person_cannot_be_put_back(copied):
    older = {table: rows(copied, table) for table in ("people", "readings", "rules", "uses", "runs")}
    copied.erase("anna")
    for table, content in older.items():
        put(copied, table, content)
    assert refused(copied)


def test_a_damaged_file_is_told_in_a_sentence(place, vault, clock):
    vault.load(deliver("anna"))
    vault.close()
    path = place[0] / "vault.sqlite"
    whole = path.read_bytes()
    for spoilt in (b"", b"not a database" * 400, whole[: len(whole) // 2], whole[:7800] + bytes(392) + whole[8192:]):
        path.write_bytes(spoilt)
        with pytest.raises(RunError, match=r"damaged|no vault|does not|malformed|changed|no such table"):
            open_and_read(place, clock)
    path.write_bytes(whole)
    open_vault(*place, now=clock).close()


def open_and_read(place, clock):
    with open_vault(*place, now=clock) as opened:
        assert opened.check(), "it is spoilt"
        opened.read("research")


def test_a_vault_of_a_later_version_is_left_alone(place, vault):
    vault._session.store.run("UPDATE vault SET form = 2")
    vault.close()
    with pytest.raises(RunError, match="a form that this version does not know; it knows form 1"):
        open_vault(*place)


def test_strange_files_and_open_modes_are_told(place, vault):
    (place[0] / "copy of vault.sqlite").touch()
    place[1].chmod(0o640)
    faults = vault.check()
    assert len(faults) == 2
    assert "copy of vault.sqlite is no file of the vault" in faults[0]
    assert faults[1].endswith("others than its owner may read it; chmod 600 it")


def test_a_write_ahead_log_that_somebody_switched_on_is_switched_off(place, vault, clock):
    vault.load(deliver("anna"))
    vault.close()
    with sqlite3.connect(place[0] / "vault.sqlite") as other:
        assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    other.close()
    with open_vault(*place, now=clock) as opened:
        opened.load(deliver("berit"))
        assert opened.check() == []
        assert [path.name for path in place[0].iterdir()] == ["vault.sqlite"]
