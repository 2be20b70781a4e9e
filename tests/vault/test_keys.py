import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule, make_vault, open_vault
from pipeline.vault.keys import default_key, make_key, read_keys, replace_keys
from pipeline.vault.session import Session, head_path
from tests.vault.people import deliver


def test_a_wrong_key_is_told_and_opens_nothing(place, vault, tmp_path):
    vault.load(deliver("anna"))
    vault.close()
    other = tmp_path / "other.key"
    make_key(other)
    shutil.copy(head_path(place[1]), head_path(other))
    with pytest.raises(RunError, match=r"other\.key: this key does not open the vault .*vault"):
        open_vault(place[0], other)


def test_the_key_of_another_vault_does_not_open_this_one(place, vault, tmp_path):
    with (
        make_vault(tmp_path / "second", tmp_path / "second.key") as second,
        pytest.raises(RunError, match="does not open"),
    ):
        open_vault(place[0], second.key_path)


def test_each_bit_of_the_key_counts(place, vault, tmp_path):
    vault.close()
    (key,) = read_keys(place[1])
    for byte in (0, 15, 31):
        changed = bytes([*key[:byte], key[byte] ^ 1, *key[byte + 1 :]])
        replace_keys(place[1], [changed])
        with pytest.raises(RunError, match="does not open"):
            open_vault(*place)
    replace_keys(place[1], [key])
    open_vault(*place).close()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("abc", 0o600, "is no key of a vault: it should hold 64 hexadecimal digits"),
        ("", 0o600, "is no key of a vault"),
        ("ab" * 32, 0o644, "others may read this key; chmod 600"),
        (None, 0, "no such key; without its key a vault cannot be opened"),
    ],
)
def test_a_bad_key_file_is_told(place, vault, text, mode, said):
    vault.close()
    place[1].unlink()
    if text is not None:
        place[1].write_text(text)
        place[1].chmod(mode)
    with pytest.raises(RunError, match=said):
        open_vault(*place)


def test_a_key_is_never_made_by_opening_nor_shared_by_two_vaults(place, vault, tmp_path):
    with pytest.raises(RunError, match="there is a file already; every vault has a key of its own"):
        make_vault(tmp_path / "second", place[1])
    assert not (tmp_path / "second" / "vault.sqlite").exists()
    with pytest.raises(RunError, match="holds a vault already"):
        make_vault(place[0], tmp_path / "new.key")
    assert not (tmp_path / "new.key").exists()


def test_a_key_in_the_folder_of_the_vault_is_refused(tmp_path):
    with pytest.raises(RunError, match="a key beside what it opens protects nothing"):
        make_vault(tmp_path / "vault", tmp_path / "vault" / "key")
    assert not (tmp_path / "vault").exists()


def test_the_default_key_lies_in_the_users_settings_under_the_number_of_the_vault(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    with make_vault(tmp_path / "one") as one, make_vault(tmp_path / "two") as two:
        assert one.key_path == default_key(one._session.vault.hex())
        assert one.key_path.parent == two.key_path.parent == tmp_path / "settings" / "tvilling" / "vaults"
        assert one.key_path != two.key_path


def test_an_init_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.vault.session.make_store", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_vault(tmp_path / "vault", tmp_path / "settings" / "key")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_inits_at_once_make_one_vault(tmp_path):
    def init(number):
        try:
            make_vault(tmp_path / "vault", tmp_path / f"{number}.key").close()
        except RunError as fault:
            return str(fault)
        return None

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(init, range(4)))
    assert said.count(None) == 1
    assert all("holds a vault already" in what for what in said if what is not None)
    with open_vault(tmp_path / "vault", tmp_path / f"{said.index(None)}.key") as vault:
        assert vault.check() == []
    assert len(list(tmp_path.glob("*.key"))) == 1


def test_a_new_key_opens_the_vault_and_no_older_copy_of_it(place, vault, tmp_path, clock):
    vault.load(deliver("anna", "berit"))
    vault.consent("anna", [Rule(("care",), (ALL,), True, vault._session.today, None)])
    before = vault.read("care").readings
    shutil.copytree(place[0], tmp_path / "copy")
    old = tmp_path / "old.key"
    shutil.copy(place[1], old)
    shutil.copy(head_path(place[1]), head_path(old))
    assert vault.rekey() == 2
    assert vault.read("care").readings.equals(before)
    assert vault.check() == []
    with pytest.raises(RunError, match="does not open"):
        open_vault(tmp_path / "copy", place[1])
    with pytest.raises(RunError, match="does not open"):
        open_vault(place[0], old)
    open_vault(tmp_path / "copy", old, now=clock).close()      # so the copies of the old key have to go
    held = place[1].read_bytes()
    assert read_keys(old)[0].hex().encode() not in held


def test_a_vault_that_is_open_elsewhere_goes_on_after_a_new_key(vault, again):
    other = again()
    vault.load(deliver("anna"))
    vault.rekey()
    assert other.load(deliver("berit")).people == 1
    other.rekey()
    assert vault.check() == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_change_of_key_that_is_cut_off_is_finished_or_undone(place, vault, again, monkeypatch, moment):
    vault.load(deliver("anna"))
    (old,) = read_keys(place[1])
    cut = {"before": (Session, "seal_root"), "after": (Session, "tidy")}[moment]
    with monkeypatch.context() as patched:
        patched.setattr(*cut, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            vault.rekey()
    assert len(read_keys(place[1])) == 2
    opened = again()
    (now,) = read_keys(place[1])
    assert (now == old) is (moment == "before")
    assert opened.check() == []
    assert len(opened.export("anna")["entry"]) == 5
