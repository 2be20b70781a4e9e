"""A packaged model on people of another study: judged as it is, nothing learned."""

import json

import pandas as pd
import pytest

from pipeline.config import read_study
from pipeline.runs import RunError, stage
from stages import validate


def on(run, text: str):
    path = run / "other.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def test_the_people_of_another_study_are_judged(run, model):
    text = (run / "example.toml").read_text(encoding="utf-8")
    older = text.replace("min = 18", "min = 30")
    with stage(run / "runs" / "example" / "validate_other", config={}) as running:
        validate.body(run / "runs" / "example" / "package" / "model", on(run, older), "other", running)
    folder = run / "runs" / "example" / "validate_other"
    facts = json.loads((folder / "manifest.json").read_text())["facts"]
    metrics = pd.read_csv(folder / "metrics.csv").set_index("metric")
    assert facts["people"] == metrics.loc["n", "value"] > 15
    assert facts["lost"] == 0
    assert facts["model"]["study"] == "example"
    assert 0.5 < metrics.loc["auroc", "low"] <= metrics.loc["auroc", "value"] <= 1
    assert "settings.json" in "".join(json.loads((folder / "manifest.json").read_text())["inputs"])


def test_a_study_without_a_package_or_of_another_horizon_is_refused(run, tmp_path):
    text = (run / "example.toml").read_text(encoding="utf-8")
    study = on(run, text)
    with pytest.raises(RunError, match="holds no packaged model"), stage(tmp_path / "a" / "b", config={}) as running:
        validate.body(tmp_path / "none", study, "other", running)
    later = text.replace("any_of = [{ variable", 'events = ["death"]\nhorizon_years = 5\n# any_of = [{ variable')
    with pytest.raises(RunError, match="foretells the visit itself and other asks for 5 years"):
        validate.body(run / "runs" / "example" / "package" / "model", on(run, later), "other", running)
