"""Several programs with one vault at the same time lose nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule, open_vault
from pipeline.vault import store as store_module
from tests.vault.people import deliver

WRITER = """
import sys
from datetime import date, timedelta
from pathlib import Path
from pipeline.vault import Rule, open_vault
number = int(sys.argv[3])
with open_vault(Path(sys.argv[1]), Path(sys.argv[2]), by=f"writer {number}") as vault:
    for turn in range(8):
        person = ("anna", "berit")[turn % 2]
        vault.consent(person, [Rule(("research",), ("body",), True, date(2020 + number, 1, 1 + turn), None)])
        if turn == 4:
            vault.withdraw("cecilia")
"""


def test_programs_that_write_at_once_lose_nothing(place, vault):
    vault.load(deliver("anna", "berit", "cecilia"))
    command = [sys.executable, "-c", WRITER, *map(str, place)]
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([*command, str(n)], cwd=root, stderr=subprocess.PIPE, text=True) for n in range(3)]
    said = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 3, said
    starts = [rule.start for person in ("anna", "berit") for rule in vault.history(person)]
    assert sorted(starts) == [date(2020 + n, 1, 1 + turn) for n in range(3) for turn in range(8)]
    assert len(vault.history("cecilia")) == 3
    assert len(vault.log()) == 2 + 3 * 9 + 3
    assert vault.check() == []


@pytest.mark.slow
def test_readers_beside_writers_see_whole_states(place, vault, clock):
    people = tuple(f"person {i}" for i in range(12))
    vault.load(deliver(*people[:2]))
    for person in people[:2]:
        vault.consent(person, [Rule(("care",), (ALL,), True, date(2024, 1, 1), None)])

    def write(part):
        with open_vault(*place, by="writer", now=clock) as own:
            for person in people[2 + part :: 2]:
                own.load(deliver(person))
                own.consent(person, [Rule(("care",), (ALL,), True, date(2024, 1, 1), None)])

    def read(_):
        with open_vault(*place, by="reader", now=clock) as own:
            counts = []
            for _ in range(5):
                given = own.read("care")
                assert len(given.readings) == 4 * len(given.people), "never half a person"
                counts.append(len(given.people))
            return counts

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, part) for part in range(2)]
        readers = [pool.submit(read, part) for part in range(2)]
        for done in writers:
            done.result()
        for done in readers:
            assert done.result() == sorted(done.result())
    assert len(vault.read("care").people) == 12
    assert len(vault.log()) == 1 + 3 + 20 + 10 + 1
    assert vault.check() == []


def test_a_vault_that_somebody_holds_too_long_is_told(vault, again, monkeypatch):
    monkeypatch.setattr(store_module, "BUSY_S", 0.05)
    other = again()
    with vault._session.store.transaction(), pytest.raises(RunError, match=r"another program has held it for 0\.05 s"):
        other.load(deliver("anna"))
    assert other.load(deliver("anna")).people == 1
