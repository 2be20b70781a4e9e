"""One execution of a stage: nothing half-written, nobody else writing, and a manifest of where it came from.

A stage writes into a temporary folder that replaces the old one by a rename when, and only when, it has
finished. `manifest.json` is the target that make sees; `outputs.sha256` changes only if the outputs did,
and is what later stages depend on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("diffrax", "jax", "mlflow", "numpy", "optimistix", "pandas", "scikit-learn", "scipy")
ROOT = Path(__file__).parent


class RunError(RuntimeError):
    """A stage cannot run as asked; the message says what to do."""


class Stage:
    """The folder a running stage writes to, and the facts that its manifest will hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = {}
        self.inputs: dict[str, str] = {}

    def path(self, name: str) -> Path:
        """Where to write the output called `name`."""
        return self.folder / name

    def read(self, path: Path) -> Path:
        """The path itself, its hash noted as an input of this run."""
        if not path.exists():
            raise RunError(f"{path} is missing: run the stage before this one first (make run does)")
        self.inputs[f"{path.parent.name}/{path.name}"] = hash_file(path)
        return path

    def note(self, **facts: Any) -> None:
        """Add facts (counts, settings, seeds) to the manifest."""
        self.facts.update(facts)


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_code() -> str:
    """SHA-256 over every source file of the library: the identity of the code when there is no git."""
    digest = hashlib.sha256()
    for path in sorted(p for p in ROOT.rglob("*") if p.suffix in {".py", ".csv", ".html", ".css", ".toml"}):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def git_commit(folder: Path) -> str | None:
    """The commit that the working tree of `folder` stands on, followed by "-dirty" if files have changed."""
    def git(*command: str) -> str:
        done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        commit, status = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if status else commit


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest that the finished stage in `folder` left."""
    path = folder / "manifest.json"
    if not path.exists():
        raise RunError(f"{path} is missing: run the stage before this one first (make run does)")
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def stage(folder: Path, *, config: dict[str, Any]) -> Iterator[Stage]:
    """Run a stage that writes `folder`; the folder appears whole or not at all.

    The study folder above it is locked for the time; raises `RunError` if another run holds it.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    started = time.time()
    with locked(folder.parent):
        for stale in folder.parent.glob(f".{folder.name}.*"):
            shutil.rmtree(stale)
        draft = folder.parent / f".{folder.name}.draft"
        draft.mkdir()
        running = Stage(draft)
        yield running
        outputs = {p.relative_to(draft).as_posix(): hash_file(p) for p in sorted(draft.rglob("*")) if p.is_file()}
        manifest = {
            "stage": folder.name,
            "study": folder.parent.name,
            "seconds": round(time.time() - started, 1),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "code_sha256": hash_code(),
            "git_commit": git_commit(ROOT),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "config": config,
            "inputs": running.inputs,
            "outputs": outputs,
            "facts": running.facts,
        }
        change = draft / "outputs.sha256"
        change.write_text("".join(f"{digest}  {name}\n" for name, digest in outputs.items()), encoding="utf-8")
        before = folder / "outputs.sha256"
        if before.exists() and before.read_bytes() == change.read_bytes():
            shutil.copystat(before, change)
        (draft / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(folder.parent / f".{folder.name}.old")
        draft.rename(folder)
        shutil.rmtree(folder.parent / f".{folder.name}.old", ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` for the time; raises `RunError` if another run holds it."""
    path = folder / ".lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RunError(
                f"{folder.name} is being written by another run ({holder}); wait for it to end, "
                "or copy the study to another file name to run both"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} since {time.strftime('%H:%M:%S')}\n")
        file.flush()
        yield
