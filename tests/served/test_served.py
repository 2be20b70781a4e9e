"""A packaged model says of raw variables what the pipeline says, and holds nothing of the people it learned from."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import models, served
from pipeline.cohorts import read_people
from pipeline.config import read_study
from pipeline.runs import RunError, Stage
from pipeline.schema import TableError
from stages import read_features

NAME = "example"


def in_the_pipeline(run: Path) -> pd.Series:
    """The risk of each person of the study by the model of everybody, as the train stage fits it."""
    study = read_study(run / f"{NAME}.toml")
    _, matrix, draws = read_features(study, run / "runs" / NAME, Stage(run))
    report, everybody = study.report, np.arange(len(matrix.event))
    settings = {"seed": study.seed, "train_draws": study.models.train_draws}
    estimator = models.refit(matrix, draws, models.MODELS[report.model], report.feature_set, **settings)
    member = models.Member(estimator, draws.learn(everybody), study.seed)
    risk, _ = member.risks(matrix.frame, matrix.sets[report.feature_set], draws, everybody)
    return pd.Series(risk.mean(axis=1), index=matrix.frame.index)


def rows_of(run: Path) -> pd.DataFrame:
    """The people of the study as rows of raw variables, a reading each."""
    folder = run / "runs" / NAME / "cohort"
    people, seen = (pd.read_parquet(folder / f"{name}.parquet") for name in ("people", "observations"))
    told = seen["value"].astype(object).where(seen["value"].notna(), seen["text"])
    wide = seen.assign(told=told).pivot(index="person_id", columns="variable", values="told").reset_index()
    return people[["person_id", "age_years", "sex"]].merge(wide.drop(columns="hba1c_mmol_mol"), on="person_id")


def test_raw_variables_give_the_risk_of_the_pipeline(run, model):
    expected, found = in_the_pipeline(run), model.predict(rows_of(run)).set_index("person_id")
    assert len(found) == 20
    np.testing.assert_allclose(found["risk"], expected.loc[found.index], rtol=0, atol=1e-9)
    assert (found["status"] == "ok").all()
    assert (found["low"] < found["high"]).all()
    assert (found["person_sd"] > 0).all()
    assert (found["model_sd"] > 0).all()


def test_a_person_alone_is_the_person_among_others(run, model):
    rows = rows_of(run)
    everybody = model.predict(rows).set_index("person_id")
    for person in ("A03", "A11"):
        alone = model.predict(rows[rows["person_id"] == person]).set_index("person_id")
        numbers = ["risk", "low", "high", "person_sd", "model_sd"]
        np.testing.assert_allclose(alone.loc[person, numbers].astype(float),
                                   everybody.loc[person, numbers].astype(float), atol=1e-12)  # fmt: skip


def test_little_is_known_and_the_answer_is_wide(model):
    little, more = {"age_years": [52], "sex": ["male"]}, {"sbp_mmhg": [150.0], "dbp_mmhg": [92.0]}
    unsure, surer = (model.predict(pd.DataFrame(rows)) for rows in (little, little | more))
    assert unsure["status"][0] == "ok"
    assert unsure["person_sd"][0] > surer["person_sd"][0]


def test_a_failed_twin_has_its_words_and_no_interval(run, model):
    people, observations = read_people(rows_of(run).iloc[:2], model.settings.known_variables())
    ok = model.consider(people, observations)
    broken = ok.simulated._replace(
        draws=np.where(np.arange(2)[:, None, None] == 1, np.nan, ok.simulated.draws),
        status={"blood_pressure": np.array(["ok", "not finite"])},
    )
    table = model.assess(people, observations, ok.fitted, broken).table()
    assert table["status"].tolist() == ["ok", "blood_pressure: not finite"]
    assert table.loc[1, ["low", "high", "risk"]].isna().all()
    assert table.loc[0, ["low", "high", "risk"]].notna().all()


@pytest.mark.slow
def test_a_saved_model_says_the_same_and_saves_the_same(run, model, tmp_path):
    rows = rows_of(run).iloc[:3]
    served.save(model, tmp_path / "model")
    again = served.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(rows), model.predict(rows), check_exact=True)
    served.save(model, tmp_path / "twice")
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("model", "twice"))
    assert first == second


def test_it_holds_nothing_of_a_person(run):
    folder = run / "runs" / NAME / "package" / "model"
    content = [p.read_bytes() for p in folder.iterdir()]
    for path in folder.glob("*.skops"):
        with zipfile.ZipFile(path) as archive:
            content += [archive.read(name) for name in archive.namelist()]
    assert len(content) > 8
    for canary in (b"A03", b"A11", np.float64(61.5).tobytes(), np.float64(9800.0).tobytes()):
        assert not [part for part in content if canary in part], canary


def test_its_inputs_leave_out_the_outcome_and_need_age_and_sex(model):
    inputs = model.settings.inputs()
    assert inputs["daily_steps"] == "double"
    assert inputs["smoking_status"] == "string"
    assert {"person_id", "time_d", "weight_kg", "height_cm"} <= inputs.keys()
    assert "hba1c_mmol_mol" not in inputs
    with pytest.raises(TableError, match="no variable hba1c_mmol_mol"):
        model.predict(pd.DataFrame({"age_years": [50], "sex": ["male"], "hba1c_mmol_mol": [40.0]}))
    assert set(model.settings.example) <= inputs.keys()


def test_a_folder_without_a_model_or_of_other_code_is_told(run, tmp_path):
    with pytest.raises(RunError, match="holds no packaged model"):
        served.load(tmp_path)
    shutil.copytree(run / "runs" / NAME / "package" / "model", tmp_path / "model")
    path = tmp_path / "model" / "settings.json"
    told = json.loads(path.read_text())
    told["mechanistic"] = ["now_blood_colour"]
    path.write_text(json.dumps(told))
    with pytest.raises(RunError, match=r"no twin gives now_blood_colour: the model is of other code"):
        served.load(tmp_path / "model")
