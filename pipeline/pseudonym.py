"""A code that stands for a person on paper; only who has the key can tell whose it is."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import tempfile
from base64 import b32encode
from pathlib import Path

from pipeline.runs import RunError

KEY_BYTES = 32
# Crockford's alphabet: no I, L, O or U, which are misread or spell words.
CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
LENGTH = 10      # 50 bits: among 100,000 people, two share a code with a chance of 4 in a million


def default_key() -> Path:
    """Where the key lies unless told otherwise: in the user's own settings, outside of any repository."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "tvilling" / "pseudonym.key"


def read_key(path: Path) -> bytes:
    """The secret key in `path`, made on first use and readable by its owner alone.

    Raises `RunError` if it is no key of this program, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent)      # mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):      # another run was quicker: its key counts
            os.link(draft, path)
        os.unlink(draft)
    if path.stat().st_mode & 0o077:
        raise RunError(f"{path}: others may read this key; chmod 600 it, or make pseudonyms with a new one")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != KEY_BYTES:
        raise RunError(f"{path} is no key: it should hold {2 * KEY_BYTES} hexadecimal digits; give another path")
    return key


def pseudonym(key: bytes, study: str, person_id: str) -> str:
    """The code of a person in a study, such as "7K3M2-QXA9B": HMAC-SHA-256 of both, the same for the same key.

    >>> pseudonym(bytes(32), "study", "1")
    'CJHEP-3MV5H'
    """
    digest = hmac.digest(key, f"{study}\0{person_id}".encode(), "sha256")
    code = b32encode(digest).decode().translate(CROCKFORD)[:LENGTH]
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"
