"""An open vault as its parts work with it: file, keys and log together, one transaction an act."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.runs import RunError
from pipeline.vault.keys import KEY_BYTES, default_key, make_key, read_keys, replace_keys
from pipeline.vault.log import Entry, Log, State
from pipeline.vault.sealing import Box, PersonKeys, RootKeys, Unsealable, derive
from pipeline.vault.store import FILE, Store, make_store, open_store

VAULT_BYTES = 8


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)


class Act:
    """What is being done, as the log will tell it."""

    def __init__(self, entry: int, numbers: dict[str, int]) -> None:
        self.entry = entry          # the number it will have in the log
        self.facts: dict[str, Any] = {}
        self.about: list[PersonKeys] = []
        self.numbers = numbers      # the last that a reading and a rule were given; no number is given twice

    def note(self, **facts: Any) -> None:
        """Add facts to the entry: never a value, nor a name of a person."""
        self.facts.update(facts)

    def give(self, kind: str) -> int:
        """The next number of a reading or a rule."""
        self.numbers[kind] += 1
        return self.numbers[kind]


class Session:
    """An open vault."""

    def __init__(
        self,
        store: Store,
        key: Path | None,
        by: str,
        now: Callable[[], datetime],
        progress: Callable[[Any], Iterable[Any]],
    ) -> None:
        self.store, self.by, self.now, self.progress = store, by, now, progress
        with store.transaction():
            self.vault: bytes = store.one("SELECT vault FROM vault")[0]
        self.key_path = key or default_key(self.vault.hex())
        refuse_inside(store.path.parent, self.key_path, "a key beside what it opens protects nothing")
        self._sealed_root = b""
        self.cards = 0      # the hash over all cards of persons: see `people`
        with self.alone():
            pass
        self.log = Log(store, self.vault, self.root, head_path(self.key_path), now)

    @property
    def today(self) -> date:
        """The day where this machine is."""
        return self.now().astimezone().date()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A transaction, with the key that is right now: another process may have changed it."""
        with self.store.transaction():
            self._unlock()
            yield

    @contextmanager
    def act(self, name: str) -> Iterator[Act]:
        """Do something that the log tells: all of it with its entry, or nothing."""
        with self.alone():
            tip = self.tip()
            act = Act(tip.number + 1, {kind: tip.totals[kind] for kind in ("last_reading", "last_rule")})
            yield act
            state = State(act.numbers, f"{self.cards:x}")
            self.log.append(act.entry, self.by, name, act.facts, act.about, state)
        self.log.confirm()
        try:
            self.tidy()
        except RunError as fault:
            what = f"{name}: done, but not tidied up, which the next command on the vault does"
            raise RunError(f"{what}: {fault}") from None

    @contextmanager
    def look(self) -> Iterator[None]:
        """Look at what is not about any one person; nothing is written."""
        with self.alone():
            self.tip()
            yield

    def tip(self) -> Entry:
        """The newest entry of the log, if all is as it tells; call within a transaction, before anything is read."""
        tip = self.log.tip()
        self.cards = 0
        for pseudonym, card in self.store.run("SELECT person, card FROM people"):
            self.cards ^= self.root.print_card(pseudonym, card)
        if self.cards != int(tip.cards, 16):
            what = "persons were removed, changed, or put back from an older copy by another hand"
            raise RunError(f"{what}; put back a whole copy of the vault")
        return tip

    def accept(self) -> str:
        """Take the log as it is, where its head is lost or names another state; the new head.

        Raises `RunError` if the chain of the log is broken in itself.
        """
        with self.alone():
            before = self.log.read_head()
            if faults := self.log.check_chain():
                raise RunError("\n".join([*faults, "the log is broken in itself: put back a copy of the vault"]))
        self.log.confirm()
        with self.act("accept head") as act:
            act.note(before=before)
        return self.log.head().words()

    def tidy(self, *, is_opening: bool = False) -> None:
        """Finish an erasure or a change of key, also one that was cut off: old keys go, the file is written anew."""
        with self.alone():
            unswept = self.store.one("SELECT unswept FROM vault")[0]
            if (unswept or is_opening) and len(read_keys(self.key_path)) > 1:
                replace_keys(self.key_path, [self._master])
        if unswept:
            self.store.sweep()

    def change_key(self) -> bytes:
        """A new master key, beside the present one in the key file until `tidy`: whichever is right then stays."""
        new = secrets.token_bytes(KEY_BYTES)
        replace_keys(self.key_path, [new, self._master])
        return new

    def seal_root(self, master: bytes) -> None:
        """Seal the root key under another master key; call within a transaction."""
        self.store.run("UPDATE vault SET root = ?, unswept = 1", _seal_root(self.vault, master, self._root))

    def _unlock(self) -> None:
        sealed = self.store.one("SELECT root FROM vault")[0]
        if sealed == self._sealed_root:
            return
        for master in read_keys(self.key_path):
            try:
                self._root = master_box(master, self.vault).open(sealed, b"root", self.vault)
            except Unsealable:
                continue
            self._master, self._sealed_root = master, sealed
            self.root, self.wrap = RootKeys(self._root), master_box(master, self.vault)
            return
        folder = self.store.path.parent
        raise RunError(f"{self.key_path}: this key does not open the vault {folder}; give the right one with --key")


def make_session(folder: Path, key: Path | None, by: str, now: Callable[[], datetime]) -> None:
    """A new vault in `folder`, which appears whole or not at all."""
    if (folder / FILE).exists():
        raise RunError(f"{folder} holds a vault already; give another folder")
    vault, root = secrets.token_bytes(VAULT_BYTES), secrets.token_bytes(KEY_BYTES)
    path = key or default_key(vault.hex())
    refuse_inside(folder, path, "a key beside what it opens protects nothing")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{FILE}.{vault.hex()}"
    master = make_key(path)
    try:
        store = make_store(draft, vault, _seal_root(vault, master, root))
        try:
            log = Log(store, vault, RootKeys(root), head_path(path), now)
            with store.transaction():
                log.append(1, by, "init", {}, [], State({"last_reading": 0, "last_rule": 0}, "0"))
            log.confirm()
        finally:
            store.close()
        try:
            (folder / FILE).hardlink_to(draft)
        except FileExistsError:
            raise RunError(f"{folder} holds a vault already; give another folder") from None
    except BaseException:
        path.unlink()
        head_path(path).unlink(missing_ok=True)
        raise
    finally:
        draft.unlink(missing_ok=True)


def open_session(
    folder: Path, key: Path | None, by: str, now: Callable[[], datetime], progress: Callable[[Any], Iterable[Any]]
) -> Session:
    """The vault in `folder`, with its key."""
    store = open_store(folder)
    try:
        session = Session(store, key, by, now, progress)
        session.tidy(is_opening=True)
    except BaseException:
        store.close()
        raise
    return session


def head_path(key: Path) -> Path:
    """Where the head of the access log lies: beside the key."""
    return key.with_name(f"{key.name}.head")


def refuse_inside(folder: Path, path: Path, why: str) -> None:
    """Raises `RunError` if `path` lies in the folder of the vault."""
    if path.resolve().is_relative_to(folder.resolve()):
        raise RunError(f"{path} lies in the vault's own folder: {why}; give a path elsewhere")


def master_box(master: bytes, vault: bytes) -> Box:
    """What the master key seals with: the root key and the keys of persons."""
    return Box(derive(master, "wrap", vault))


def _seal_root(vault: bytes, master: bytes, root: bytes) -> bytes:
    return master_box(master, vault).seal(root, b"root", vault)
