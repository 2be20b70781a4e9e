import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule, make_vault
from pipeline.vault.ledger import use_mark
from pipeline.vault.people import find
from pipeline.vault.session import Session
from pipeline.vault.store import Store
from tests.vault.clock import Clock
from tests.vault.people import CANARY_ID, canary, deliver

START = date(2024, 1, 1)
OTHERS = tuple(f"other {i}" for i in range(60))


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A vault into which a person's rows came bit by bit between others', so that pages were split and moved."""
    folder, person = tmp_path_factory.mktemp("template"), CANARY_ID
    with make_vault(folder / "vault", folder / "settings" / "vault.key", by="Anna", now=Clock()) as vault:
        vault.load(canary())
        for part in range(6):
            vault.load(deliver(*OTHERS[part * 10 : part * 10 + 10], times=2))
            vault.load(deliver(person, variables=("hba1c_mmol_mol", "sbp_mmhg"), times=4 * part + 4))
            vault.consent(person, [Rule(("research",), (ALL,), True, START, date(2027, 1, 1 + part))])
        given = vault.read("research")
        vault.record_use("run 1", given.people["person_id"], given.identity["consent"])
    return folder


def pieces(vault, person_id):
    """Every byte string that the vault holds of a person, in parts: pseudonym, sealed rows, marks and keys."""
    session = vault._session
    with session.look():
        person = find(session, person_id)
    store = session.store
    found = [person.pseudonym, person.keys.key, person.keys._marks, *store.one(
        "SELECT key, card FROM people WHERE person = ?", person.pseudonym)]  # fmt: skip
    for table, columns in (("readings", "variable, content, sealed"), ("rules", "sealed")):
        for row in store.run(f"SELECT {columns} FROM {table} WHERE person = ?", person.pseudonym):
            found += row
    mark = use_mark(person, 1)
    found += [mark, *store.one("SELECT sealed FROM uses WHERE mark = ?", mark)]
    return {part for piece in found for part in (piece[:16], piece[len(piece) // 2 :][:16], piece[-16:])}


def all_bytes(*folders: Path) -> bytes:
    return b"".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


def test_after_erasure_neither_value_nor_sealed_value_nor_key_is_in_any_file(copied, place):
    held = pieces(copied, CANARY_ID)
    before = all_bytes(place[0])
    keys = {piece for piece in held if piece not in before}
    assert len(held) > 150
    assert len(keys) <= 6, "of the key itself and that of its marks, in whole and in part; all else is found"
    erased = copied.erase(CANARY_ID)
    assert (erased.readings, erased.rules, [run.run for run in erased.runs]) == (50, 6, ["run 1"])
    after = all_bytes(place[0], place[1].parent)
    assert [piece for piece in held if piece in after] == []
    assert CANARY_ID.encode() not in after
    assert [path.name for path in place[0].iterdir()] == ["vault.sqlite"]
    assert copied.check() == []


def test_others_are_as_they_were(copied):
    for person in OTHERS[::20]:
        copied.consent(person, [Rule(("care",), (ALL,), True, START, None)])
    before = copied.read("care")
    copied.erase(CANARY_ID)
    after = copied.read("care")
    assert after.readings.equals(before.readings)
    assert after.people.equals(before.people)


def test_the_erased_person_is_unknown_and_comes_back_without_consent(copied):
    copied.erase(CANARY_ID)
    for act in (copied.export, copied.history, copied.uses, copied.erase, copied.withdraw):
        with pytest.raises(RunError, match="the vault holds nobody with this identifier") as told:
            act(CANARY_ID)
        assert CANARY_ID not in str(told.value)
    assert copied.load(canary()).people == 1
    assert copied.history(CANARY_ID) == []
    assert len(copied.read("research").people) == 0


def test_no_mark_that_stays_can_be_traced_to_the_person(copied):
    """With everything that the holder of the master key has, and the identifier."""
    entries = {entry.number for entry in copied.log(CANARY_ID)}
    copied.erase(CANARY_ID)
    copied.load(canary())      # the only way to a key for this identifier: a new one
    assert len(entries) > 10
    assert not {entry.number for entry in copied.log(CANARY_ID)} & entries
    assert copied.uses(CANARY_ID) == []


@pytest.mark.parametrize("moment", ["rows deleted", "entry written", "before the file is written anew"])
def test_an_erasure_that_is_cut_off_is_undone_or_finished(copied, again, place, monkeypatch, moment):
    held = pieces(copied, CANARY_ID)
    with monkeypatch.context() as patched:
        cut = {"rows deleted": (Store, "counts"), "entry written": (Session, "tidy")}.get(moment, (Store, "sweep"))
        if moment == "rows deleted":
            counts = iter([copied._session.store.counts()])      # asked before and after; the second time is too much
            patched.setattr(Store, "counts", lambda store: next(counts, None) or 1 / 0)
        else:
            patched.setattr(*cut, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            copied.erase(CANARY_ID)
    opened = again()
    assert opened.check() == []
    if moment == "rows deleted":
        assert len(opened.export(CANARY_ID)["entry"]) == 1 + 50 + 6
        assert opened.erase(CANARY_ID).readings == 50
    after = all_bytes(place[0])
    assert [piece for piece in held if piece in after] == []


def test_an_erasure_whose_tidying_fails_says_so_and_is_tidied_later(copied, again, place, monkeypatch):
    held = pieces(copied, CANARY_ID)

    def busy(store):
        raise RunError("another program has held it")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "sweep", busy)
        with pytest.raises(RunError, match="erase: done, but not tidied up, which the next command on the vault does"):
            copied.erase(CANARY_ID)
    again().check()
    after = all_bytes(place[0])
    assert [piece for piece in held if piece in after] == []


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.vault import ALL, Rule, open_vault
from pipeline.vault.store import Store
from tests.vault.clock import Clock
execute, settle = Store.run, Store._settle
def small_cache(store):
    settle(store)
    store._connection.execute("PRAGMA cache_size = 5")
def killed(store, statement, *values):
    if statement == "COMMIT" and store.one("SELECT max(number) FROM log")[0] > {last}:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(store, statement, *values)
Store._settle, Store.run = small_cache, killed
with open_vault(Path(sys.argv[1]), Path(sys.argv[2]), by="Killed", now=Clock()) as vault:
    {act}
"""
ACTS = {
    "load": 'from tests.vault.people import deliver; vault.load(deliver(*(f"new {i}" for i in range(40)), times=4))',
    "erase": 'vault.erase("other 3")',
    "rekey": "vault.rekey()",
    "withdraw": 'vault.withdraw("other 3")',
}


@pytest.mark.parametrize("act", [pytest.param("load", marks=pytest.mark.slow), "erase", "rekey", "withdraw"])
def test_a_program_that_is_killed_leaves_the_state_before(copied, again, place, act):
    before = [copied._session.store.run(f"SELECT * FROM {table}").fetchall() for table in ("people", "readings", "log")]
    script = KILLED.format(last=len(before[2]), act=ACTS[act])
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, *map(str, place)], cwd=root, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert (place[0] / "vault.sqlite-journal").exists(), "it was killed in the middle of writing"
    opened = again()
    now = [opened._session.store.run(f"SELECT * FROM {table}").fetchall() for table in ("people", "readings", "log")]
    assert now == before
    assert opened.check() == []
    assert [path.name for path in place[0].iterdir()] == ["vault.sqlite"]
    assert len(place[1].read_text().split()) == 1
    opened.erase("other 3")
    assert opened.check() == []
