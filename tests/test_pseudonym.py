import hmac
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.pseudonym import default_key, pseudonym, read_key
from pipeline.runs import RunError


def test_a_key_is_made_once_and_its_owner_alone_can_read_it(tmp_path):
    path = tmp_path / "settings" / "pseudonym.key"
    key = read_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert read_key(path) == key
    assert read_key(tmp_path / "other.key") != key


def test_two_runs_at_once_use_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_key(tmp_path / "key"), range(32)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(("text", "mode", "said"), [("abc", 0o600, "is no key"), ("ab" * 32, 0o644, "others may read")])
def test_a_bad_key_is_told(tmp_path, text, mode, said):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(RunError, match=said):
        read_key(path)


def test_the_default_key_lies_in_the_users_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key() == tmp_path / "tvilling" / "pseudonym.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_key() == tmp_path / ".config" / "tvilling" / "pseudonym.key"


def test_a_pseudonym_is_readable_and_is_of_key_study_and_person():
    code = pseudonym(bytes(32), "study", "1")
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code)
    assert code == pseudonym(bytes(32), "study", "1")
    others = [(bytes(31) + b"\1", "study", "1"), (bytes(32), "study", "2"), (bytes(32), "study2", "1")]
    assert len({code, *(pseudonym(*other) for other in others)}) == 4
    assert len({pseudonym(bytes(32), "study", str(i)) for i in range(5000)}) == 5000


def test_a_pseudonym_is_the_first_fifty_bits_of_the_code():
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    bits = int.from_bytes(hmac.digest(b"k" * 32, b"s\0p", "sha256")) >> (256 - 50)
    expected = "".join(digits[bits >> (45 - 5 * i) & 31] for i in range(10))
    assert pseudonym(b"k" * 32, "s", "p").replace("-", "") == expected
