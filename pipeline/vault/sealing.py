"""Sealing with AES-256-GCM, and the keys that follow from others.

The master key, in the key file, seals two things only: the root key of the vault, and the key of each person. From
the root follow the keys of pseudonyms, of the access log, of the ledger and of snapshots; from a person's key follow
those of the person's data and of every mark the person leaves. So a new master key seals again a few bytes a person
and no reading, and with a person's key goes all that was ever told from it.

What is sealed is bound to its place (vault, person, row): in another place it does not open. Its length is rounded up,
so that it does not tell what it holds.
"""

from __future__ import annotations

import hmac
import json
import os
import struct
from typing import TYPE_CHECKING, Any

from pipeline.runs import RunError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12      # random: of 2^32 messages under one key, two share a nonce with a chance of 1 in 2^33
STEP = 128            # bytes to which lengths are rounded up
MARK_BYTES = 16
_LENGTH = struct.Struct(">I")


class Box:
    """One key for sealing; opens only what it sealed, at the same place."""

    def __init__(self, key: bytes) -> None:
        self._aead = _cipher(key)

    def seal(self, plain: bytes, *place: bytes) -> bytes:
        """The bytes sealed and bound to the place."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, join(*place))

    def open(self, sealed: bytes, *place: bytes) -> bytes:
        """The bytes that were sealed; raises `Unsealable` if key, place or a bit of it is another."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], join(*place))
        except (InvalidTag, ValueError):
            raise Unsealable("it was sealed with another key or for another place, or has been changed") from None

    def seal_facts(self, facts: Any, *place: bytes) -> bytes:
        """Plain values as JSON, sealed."""
        text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        return self.seal(text.ljust(-(-len(text) // STEP) * STEP), *place)

    def open_facts(self, sealed: bytes, *place: bytes) -> Any:
        """The plain values that were sealed."""
        return json.loads(self.open(sealed, *place))


class Unsealable(RunError):  # noqa: N818
    """Something sealed does not open."""


class RootKeys:
    """Keys that stay with the vault for its life."""

    def __init__(self, root: bytes) -> None:
        self.names, self.chain = derive(root, "names"), derive(root, "log chain")
        self.cards, self.snapshots = derive(root, "cards"), derive(root, "snapshots")
        self.log, self.ledger = Box(derive(root, "log")), Box(derive(root, "ledger"))

    def pseudonym(self, person_id: str) -> bytes:
        """What stands for the person in the vault: nobody without the key can tell whose it is, or try names."""
        return hmac.digest(self.names, person_id.encode(), "sha256")

    def print_card(self, pseudonym: bytes, card: bytes) -> int:
        """What stands for the sealed card of a person in the hash over all cards."""
        return int.from_bytes(hmac.digest(self.cards, join(pseudonym, card), "sha256"), "big")


class PersonKeys:
    """The key of one person, and what follows from it."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.box = Box(derive(key, "data"))
        self._marks = derive(key, "marks")

    def mark(self, use: str, *of: bytes) -> bytes:
        """What stands for the person and the `of` in one use: two marks tell of each other only to who has the key."""
        return hmac.digest(self._marks, join(use.encode(), *of), "sha256")[:MARK_BYTES]


def derive(key: bytes, use: str, *of: bytes) -> bytes:
    """Another key for one use: HKDF with SHA-256."""
    need_cryptography()
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    return HKDFExpand(SHA256(), 32, join(b"tvilling vault 1", use.encode(), *of)).derive(key)


def join(*parts: bytes) -> bytes:
    """The parts as one, told apart by their lengths."""
    return b"".join([piece for part in parts for piece in (_LENGTH.pack(len(part)), part)])


def number(value: int) -> bytes:
    """A number as a part of a place."""
    return value.to_bytes(8, "big", signed=True)


def need_cryptography() -> None:
    """Raises `RunError` where the library that seals is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise RunError('the vault needs the package cryptography: pip install "tvilling[clinical]"') from None


def _cipher(key: bytes) -> AESGCM:
    need_cryptography()
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
