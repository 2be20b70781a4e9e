"""What an attacker finds who has the folder but not the key: searched for in every byte that is ever written."""

import json
import os
import struct
import sys
from pathlib import Path

import pytest

from pipeline.vault import ALL, Rule, make_vault
from pipeline.vault.files import write_delivery, write_json
from pipeline.vault.store import Store
from tests.vault.people import CANARY_BIRTH, CANARY_ID, CANARY_SOURCE, CANARY_TEXT, CANARY_VALUE, canary, deliver

SECONDS = 1704412800      # of 2024-01-05, when the canary was weighed


def needles() -> dict[str, bytes]:
    """What the canary looks like in a file, in the spellings that programs use."""
    texts = {"id": CANARY_ID, "text": CANARY_TEXT, "source": CANARY_SOURCE, "birth date": CANARY_BIRTH,
             "value": repr(CANARY_VALUE), "variable": "weight_kg", "other variable": "icd10",
             "date": str(SECONDS), "sex": "female", "word of consent": "laboratory"}  # fmt: skip
    found = {f"{name}, {code}": text.encode(code) for name, text in texts.items() for code in ("utf-8", "utf-16-le")}
    found |= {f"{name}, escaped": json.dumps(text)[1:-1].encode() for name, text in texts.items()}
    found |= {f"value, {order}": struct.pack(f"{order}d", CANARY_VALUE) for order in "<>"}
    return found | {"id, in part": b"Kanarina", "id, number": b"19500401"}


def found_in(*folders: Path) -> set[str]:
    data = {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert data, "no file to search"
    return {f"{name} in {path.name}" for path, text in data.items() for name, word in needles().items() if word in text}


def test_the_search_finds_what_is_plain(vault, tmp_path):
    vault.load(canary())
    vault.consent(CANARY_ID, [Rule(("care",), (ALL,), True, vault._session.today, None)])
    write_json(tmp_path / "plain" / "bundle.json", vault.export(CANARY_ID))
    plain = found_in(tmp_path / "plain")
    assert {f"{what}, utf-8 in bundle.json" for what in ("id", "value", "text", "birth date", "source")} <= plain
    write_delivery(tmp_path / "tables", vault.read("care"))
    assert {"id, utf-8 in people.parquet", "value, < in readings.parquet"} <= found_in(tmp_path / "tables")


def test_nothing_plain_is_in_any_file_at_any_moment(place, clock, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (temporary / "empty").touch()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    seen, found = set(), set()
    execute, settle = Store.run, Store._settle

    def watched(store, statement, *values):
        look = statement.split()[0] in ("COMMIT", "ROLLBACK", "VACUUM")
        for moment in range(2 if look else 0):
            if moment:
                answer = execute(store, statement, *values)
            found.update(found_in(place[0], place[1].parent, temporary))
            seen.update(path.name for path in place[0].iterdir())
        return answer if look else execute(store, statement, *values)

    def small_cache(store):
        settle(store)
        store._connection.execute("PRAGMA cache_size = 5")      # so that pages are written before the end

    monkeypatch.setattr(Store, "run", watched)
    monkeypatch.setattr(Store, "_settle", small_cache)
    with make_vault(*place, by="Anna", now=clock) as vault:
        vault.load(canary())
        vault.load(deliver(*(f"other {i}" for i in range(40)), times=3))
        vault.consent(CANARY_ID, [Rule(("research",), ("laboratory", "weight_kg"), True, vault._session.today, None)])
        given = vault.read("research")
        vault.record_use("a run", given.people["person_id"], given.identity["consent"])
        vault.withdraw(CANARY_ID, ["research"])
        vault.export(CANARY_ID)
        with pytest.raises(ZeroDivisionError):
            break_off(vault._session)
        vault.rekey()
        vault.erase("other 1")
    assert found == set()
    assert "vault.sqlite-journal" in seen, "the journal was there to be searched"
    assert [path.name for path in place[0].iterdir()] == ["vault.sqlite"]


def break_off(session):
    with session.act("broken off"):
        session.store.run("DELETE FROM readings")
        raise ZeroDivisionError


def test_the_log_tells_no_values_and_no_names(vault):
    vault.load(canary())
    vault.consent(CANARY_ID, [Rule(("research",), ("weight_kg",), True, vault._session.today, None)])
    vault.read("research", ["body"])
    vault.export(CANARY_ID)
    vault.erase(CANARY_ID)
    text = json.dumps([entry._asdict() | {"about": []} for entry in vault.log()], ensure_ascii=False).encode()
    assert not {name for name, word in needles().items() if word in text and name.split(",")[0] != "variable"}
    assert b'"variables": ["body"]' in text


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to tell which files are open")
def test_rewriting_the_file_opens_no_other(place, vault):
    vault.load(deliver(*(f"person {i}" for i in range(200)), times=4))
    vault._session.store.run("PRAGMA cache_size = 5")      # so that what does not fit has to go somewhere
    before, during = open_files(), set()

    def look():
        during.update(open_files())

    vault._session.store._connection.set_progress_handler(look, 200)
    vault._session.store.sweep()
    vault._session.store._connection.set_progress_handler(None, 0)
    assert during, "the rewriting was watched"
    assert {Path(name).name for name in during - before} <= {"vault.sqlite-journal"}


def open_files() -> set[str]:
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            names.add(os.readlink(link))
        except FileNotFoundError:      # the one of this listing
            continue
    return {name for name in names if name.startswith("/") and not name.startswith(("/dev/", "/proc/"))}


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_files_are_their_owners_alone(place, vault, tmp_path):
    folder, key = place
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, folder / "vault.sqlite", key, key.parent)}
    assert modes == {"vault": 0o700, "vault.sqlite": 0o600, "vault.key": 0o600, "settings": 0o700}
    vault.load(canary())
    write_json(tmp_path / "out.json", vault.export(CANARY_ID))
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o600
    write_delivery(tmp_path / "out", vault.read("care"))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}


def test_equal_people_look_different_and_lengths_tell_little(vault):
    vault.load(deliver("anna", "berit"))
    store = vault._session.store
    rows = store.run("SELECT person, variable, content, sealed FROM readings").fetchall()
    assert len({row[1] for row in rows}) == len(rows), "the same variable has another mark for another person"
    assert len({len(row[3]) for row in rows}) == 1
    assert not {row[0] for row in rows} & {b"anna", b"berit"}
