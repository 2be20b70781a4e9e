import hmac
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.vault.people import find
from pipeline.vault.sealing import Box, PersonKeys, Unsealable, derive, join
from tests.vault.people import deliver


def test_sealing_is_aes_256_gcm_with_a_new_nonce_each_time():
    key = secrets.token_bytes(32)
    sealed = [Box(key).seal(b"plain", b"a", b"b") for _ in range(2)]
    assert sealed[0][:12] != sealed[1][:12]
    place = b"\0\0\0\1a\0\0\0\1b"
    assert [AESGCM(key).decrypt(one[:12], one[12:], place) for one in sealed] == [b"plain"] * 2


@pytest.mark.parametrize("place", [(b"b", b"a"), (b"ab",), (b"a",), (b"a", b"b", b""), ()])
def test_what_is_sealed_opens_at_its_place_alone(place):
    box = Box(bytes(32))
    sealed = box.seal(b"plain", b"a", b"b")
    assert box.open(sealed, b"a", b"b") == b"plain"
    with pytest.raises(Unsealable):
        box.open(sealed, *place)


def test_spoilt_bytes_of_any_length_do_not_open():
    sealed = Box(bytes(32)).seal(b"plain")
    for spoilt in (b"", b"x", sealed[:12], sealed[:-1], sealed + b"\0"):
        with pytest.raises(Unsealable):
            Box(bytes(32)).open(spoilt)


def test_keys_are_derived_by_hkdf_and_differ_by_use():
    """HKDF is extraction, here HMAC with a salt of zeros, and then the expansion that the vault uses."""
    master = secrets.token_bytes(32)
    info = join(b"tvilling vault 1", b"use")
    extracted = hmac.digest(bytes(32), master, "sha256")
    assert derive(extracted, "use") == HKDF(SHA256(), 32, None, info).derive(master)
    assert len({derive(master, "a"), derive(master, "b"), derive(master, "a", b"b"), derive(bytes(32), "a")}) == 4


def test_the_key_of_a_person_is_bound_to_the_person(vault):
    vault.load(deliver("anna", "berit"))
    session = vault._session
    with session.look():
        anna, berit = find(session, "anna"), find(session, "berit")
        (sealed,) = session.store.one("SELECT key FROM people WHERE person = ?", anna.pseudonym)
        assert session.wrap.open(sealed, b"key", session.vault, anna.pseudonym) == anna.keys.key
        for place in ((b"key", session.vault, berit.pseudonym), (b"key", b"other vault", anna.pseudonym), ()):
            with pytest.raises(Unsealable):
                session.wrap.open(sealed, *place)


def test_marks_differ_by_person_use_and_what_they_are_of():
    one, other = PersonKeys(bytes(32)), PersonKeys(b"1" * 32)
    marks = {one.mark("use", b"1"), one.mark("log", b"1"), one.mark("use", b"2"), one.mark("use")}
    marks |= {other.mark("use", b"1")}
    assert len(marks) == 5
    assert {len(mark) for mark in marks} == {16}
