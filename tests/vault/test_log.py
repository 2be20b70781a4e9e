import shutil
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule, make_vault, open_vault
from pipeline.vault.session import head_path
from tests.vault.clock import Clock
from tests.vault.people import deliver

START = date(2024, 1, 1)


def live(vault, clock):
    """Eleven entries of every kind."""
    vault.load(deliver("anna", "berit"))
    for person in ("anna", "berit"):
        vault.consent(person, [Rule(("research", "care"), (ALL,), True, START, None)])
    clock.forward(minutes=5)
    given_out = vault.read("research", ["laboratory"])
    vault.record_use("run 1", given_out.people["person_id"], given_out.identity["consent"])
    vault.uses("anna")
    vault.export("anna")
    vault.withdraw("anna", ["research"])
    vault.erase("berit")
    vault.history("anna")


def test_every_act_leaves_its_entry(vault, clock):
    live(vault, clock)
    entries = vault.log()
    assert [entry.number for entry in entries] == list(range(1, 12))
    assert [entry.act for entry in entries] == [
        "init", "load", "consent", "consent", "read", "use", "look at uses", "export", "withdraw", "erase",
        "look at consent",
    ]  # fmt: skip
    assert {entry.by for entry in entries} == {"Anna"}
    read = entries[4]
    assert read.at == "2026-05-04T12:05:00Z"
    assert read.facts == {"purpose": "research", "variables": ["laboratory"], "at": "2026-05-04", "people": 2,
                          "readings": 2}  # fmt: skip
    assert entries[9].facts == {"people": 1, "readings": 4, "rules": 1, "runs": 1}


def test_a_person_can_be_told_every_entry_about_the_person(vault, clock):
    live(vault, clock)
    assert [entry.number for entry in vault.log("anna")] == [2, 3, 5, 6, 7, 8, 9, 11]
    with pytest.raises(RunError, match="nobody with this identifier"):
        vault.log("berit")


def test_an_act_that_fails_leaves_no_entry_and_no_trace(vault, clock):
    live(vault, clock)
    before = vault.head()
    for bad in (lambda: vault.read("selling"), lambda: vault.export("nobody"), lambda: vault.erase("nobody")):
        with pytest.raises(RunError):
            bad()
    assert vault.head() == before
    assert vault.check() == []


def tampered(vault):
    """The rows of the log, as an attacker with the file and without the key sees them."""
    return vault._session.store.run("SELECT * FROM log ORDER BY number").fetchall()


def write(vault, rows):
    store = vault._session.store
    with store.transaction():
        store.run("DELETE FROM log")
        store.many("INSERT INTO log VALUES (?, ?, ?, ?)", rows)


def flip(blob, at):
    at %= len(blob)
    return bytes([*blob[:at], blob[at] ^ 1, *blob[at + 1 :]])


def edit(rows, at, column, byte):
    if column == 2 and not rows[at][2]:
        column = 1      # about nobody
    row = rows[at]
    return [*rows[:at], (*row[:column], flip(row[column], byte), *row[column + 1 :]), *rows[at + 1 :]]


ATTACKS = {
    "edit": lambda rows, i, j, k: edit(rows, i, 1 + j % 3, k),
    "delete": lambda rows, i, j, k: [row for n, row in enumerate(rows) if n != i],
    "delete and number again": lambda rows, i, j, k: [
        (n + 1, *row[1:]) for n, row in enumerate(row for n, row in enumerate(rows) if n != i)
    ],
    "exchange": lambda rows, i, j, k: [
        (row[0], *rows[{i: j, j: i}.get(n, n)][1:]) for n, row in enumerate(rows)
    ] if i != j else rows[:-1],
    "insert a copy": lambda rows, i, j, k: [
        (n + 1, *row[1:]) for n, row in enumerate([*rows[: i + 1], rows[j], *rows[i + 1 :]])
    ],
    "append a copy": lambda rows, i, j, k: [*rows, (len(rows) + 1, *rows[j][1:])],
    "put before the first": lambda rows, i, j, k: [(-i, *rows[j][1:]), *rows],
    "cut off the end": lambda rows, i, j, k: rows[:i],
    "drop what it is about": lambda rows, i, j, k: [
        (*row[:2], b"", row[3]) if row[2] and n >= min(i, 1) else row for n, row in enumerate(rows)
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A vault with a log, whose file tests put back after each attack."""
    folder, clock = tmp_path_factory.mktemp("lived"), Clock()
    with make_vault(folder / "vault", folder / "key", by="Anna", now=clock) as vault:
        live(vault, clock)
        assert vault.check() == []
        yield vault


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ATTACKS)), st.integers(0, 10), st.integers(0, 10), st.integers(0, 10_000))
def test_whatever_is_done_to_the_log_is_found(lived, attack, i, j, k):
    before = tampered(lived)
    write(lived, ATTACKS[attack](before, i, j, k))
    try:
        assert tampered(lived) != before
        faults = lived.check()
        assert faults, attack
        assert all("access log: " in fault or "entry" in fault for fault in faults)
    finally:
        write(lived, before)
    assert lived.check() == []


@pytest.mark.parametrize(
    ("attack", "at", "said"),
    [
        ("edit", 4, "access log: entry 5 is not what was written there"),
        ("delete", 4, "access log: entry 5 is missing"),
        ("exchange", 4, "access log: entry 5 is not what was written there"),
        ("insert a copy", 4, "access log: entry 6 is not what was written there"),
        ("cut off the end", 10, "access log: entry 11 is missing at the end"),
        ("cut off the end", 8, "access log: entries 9 to 11 are missing at the end"),
        ("append a copy", 0, "access log: entry 12 is not what was written there"),
    ],
)
def test_the_check_says_where(lived, attack, at, said):
    before = tampered(lived)
    write(lived, ATTACKS[attack](before, at, 6, 0))
    try:
        assert lived.check()[0].startswith(said)
    finally:
        write(lived, before)


def test_nothing_is_done_with_a_vault_whose_log_was_cut(vault, clock):
    live(vault, clock)
    write(vault, tampered(vault)[:-2])
    for act in (lambda: vault.read("care"), lambda: vault.load(deliver("cecilia")), lambda: vault.withdraw("anna")):
        with pytest.raises(RunError, match=r"the access log ends with entry 9, not as .*head says"):
            act()


def test_a_folder_put_back_from_an_older_copy_is_found_and_can_be_accepted(place, vault, clock, tmp_path):
    vault.load(deliver("anna"))
    vault.consent("anna", [Rule(("research",), (ALL,), True, START, None)])
    shutil.copytree(place[0], tmp_path / "copy")
    noted = vault.head()
    vault.withdraw("anna")
    withdrawn = vault.head()
    vault.close()
    shutil.rmtree(place[0])
    shutil.copytree(tmp_path / "copy", place[0])
    with open_vault(*place, by="Anna", now=clock) as older:
        with pytest.raises(RunError, match="cut back to an older state"):
            older.read("research")
        assert older.check() == ["access log: entry 4 is missing at the end, as the head names entry 4"]
        older.accept()
        assert older.check(noted) == []
        assert older.log()[-1].facts == {"before": withdrawn}, "that it was accepted stays in the log"
        (fault,) = older.check(withdrawn)
        assert "entry 4 is not the one that was noted" in fault


def test_a_head_noted_elsewhere_shows_that_folder_and_head_were_put_back(place, vault, clock, tmp_path):
    vault.load(deliver("anna"))
    shutil.copytree(place[0], tmp_path / "copy")
    shutil.copy(head_path(place[1]), tmp_path / "head")
    vault.export("anna")
    noted = vault.head()
    vault.close()
    shutil.rmtree(place[0])
    shutil.copytree(tmp_path / "copy", place[0])
    shutil.copy(tmp_path / "head", head_path(place[1]))
    with open_vault(*place, by="Anna", now=clock) as older:
        assert older.check() == [], "only the noted head can tell"
        assert older.check(noted) == ["access log: it ends with entry 2, before the noted head 3"]
        with pytest.raises(RunError, match="looks like 12:0123abcd"):
            older.check("3")


@pytest.mark.parametrize(
    ("text", "said"), [(None, "is missing"), ("x", "is no head"), ('{"vault": "00"}', "another vault")]
)
def test_a_lost_or_spoilt_head_is_told(place, vault, text, said):
    vault.load(deliver("anna"))
    head_path(place[1]).unlink()
    if text:
        head_path(place[1]).write_text(text)
    with pytest.raises(RunError, match=said):
        vault.read("care")
    assert any(said in fault for fault in vault.check())
    vault.accept()
    assert vault.check() == []


def test_a_broken_chain_cannot_be_accepted(vault, clock):
    live(vault, clock)
    write(vault, ATTACKS["delete"](tampered(vault), 4, 0, 0))
    with pytest.raises(RunError, match="entry 5 is missing"):
        vault.accept()


def test_an_entry_that_was_coming_when_the_power_went_is_no_fault(vault, again, monkeypatch):
    vault.load(deliver("anna"))
    monkeypatch.setattr(type(vault._session.log), "confirm", lambda log: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        vault.load(deliver("berit"))
    monkeypatch.undo()
    opened = again()
    assert opened.check() == []
    assert len(opened.log()) == 3
    opened.load(deliver("cecilia"))
    assert opened.check() == []
