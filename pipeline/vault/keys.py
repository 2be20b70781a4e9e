"""The key file of a vault: made once, readable by its owner alone, and never inside the vault's folder."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.runs import RunError

KEY_BYTES = 32


def default_key(vault: str) -> Path:
    """Where the key of a vault lies unless told otherwise: in the user's own settings, under the vault's number."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "tvilling" / "vaults" / f"{vault}.key"


def make_key(path: Path) -> bytes:
    """A new key, written to `path`, where no file may stand: a vault never shares its key."""
    if path.exists():
        raise RunError(f"{path}: there is a file already; every vault has a key of its own, so give another path")
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, _text([key]))
    return key


def read_keys(path: Path) -> list[bytes]:
    """The keys in `path`, the newest first: one, or two if a change of key was cut off.

    Raises `RunError` if the file is missing, is no key file, or others may read it.
    """
    if not path.exists():
        raise RunError(f"{path}: no such key; without its key a vault cannot be opened: give its path with --key")
    if path.stat().st_mode & 0o077:
        raise RunError(f"{path}: others may read this key; chmod 600 it, then give the vault a new key with rekey")
    try:
        keys = [bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()]
    except (ValueError, UnicodeDecodeError):
        keys = []
    if len(keys) not in (1, 2) or any(len(key) != KEY_BYTES for key in keys):
        raise RunError(f"{path} is no key of a vault: it should hold {2 * KEY_BYTES} hexadecimal digits")
    return keys


def replace_keys(path: Path, keys: Sequence[bytes]) -> None:
    """Put these keys in place of those in `path`; the bytes of the old file are overwritten where the disk allows."""
    with path.open("r+b") as old:
        length = len(old.read())
        write_private(path, _text(keys))
        old.seek(0)
        old.write(bytes(length))
        old.flush()
        os.fsync(old.fileno())


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all, and safe from a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")      # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _text(keys: Sequence[bytes]) -> str:
    return "".join(f"{key.hex()}\n" for key in keys)
