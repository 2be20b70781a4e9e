"""The example study with one twin of a formula, up to its packaged model."""

import shutil
from pathlib import Path

import pytest

from pipeline import served
from pipeline.config import read_study
from pipeline.runs import stage
from stages import cohort, features, fit, package

ROOT = Path(__file__).parents[2]
NAME = "example"
CHANGES = (
    ("[models]\n", "[models]\nrefits = 3\n"),
    (
        "[evaluation]\n",
        '[twins]\nnames = ["blood_pressure"]\ninterventions = ["one_pressure_drug"]\ndraws = 8\n\n[evaluation]\n',
    ),
    ("../data/example/clinic.csv", "clinic.csv"),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The example study with one twin of a formula, up to its packaged model; the working folder of its study."""
    home = tmp_path_factory.mktemp("served")
    text = (ROOT / "configs" / "example_csv.toml").read_text(encoding="utf-8")
    for old, new in CHANGES:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (home / f"{NAME}.toml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "data" / "example" / "clinic.csv", home)
    study, folder = read_study(home / f"{NAME}.toml"), home / "runs" / NAME
    for name, body in (
        ("cohort", cohort.body), ("fit", fit.body), ("features", features.body), ("package", package.package)
    ):  # fmt: skip
        with stage(folder / name, config={}) as running:
            body(study, folder, running)
    return home


@pytest.fixture(scope="module")
def model(run) -> served.ServedModel:
    return served.load(run / "runs" / NAME / "package" / "model")
