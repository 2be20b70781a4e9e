"""Runs in MLflow: whole, repeatable, and without anything about a person."""

import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import models, runs, tracking
from pipeline.config import Study, read_study
from pipeline.fitting import personalise, write_draws
from stages.evaluate import evaluate
from stages.explain import explain
from stages.track import track
from stages.train import train
from stages.uncertainty import body as uncertainty

pytestmark = [
    pytest.mark.slow,  # a new store takes MLflow some seconds
    # MLflow's own; raised where SQLAlchemy maps its tables, and where its files wait to be collected.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred"),
]

NAME = "Kanarina Fågelström 19500401-1234"
VALUE = 187.65432101
PEOPLE = 120
STUDY = """
title = "Canary"
question = "Who?"
population = "Nobody real."
horizon = "at the same visit"
seed = 4
predictors = ["age_years", "sex", "waist_cm"]
[cohort]
source = "nhanes"
[outcome]
name = "stroke"
label = "stroke"
any_of = [{ variable = "stroke", equals = "yes", reason = "stroke" }]
[models]
folds = 3
repeats = 1
[evaluation]
threshold = 0.3
bootstrap = 100
[report]
bands = [0.3]
"""
DATA = tracking.Data("demo", "ab" * 32, 100, 40, {"age_years": "double", "sex": "string"})
OPEN = {"title": "Demo", "tags": {"cohort_sha256": "ab"}, "params": {"models": {"folds": 5}}, "data": DATA}


def write_cohort(folder: Path) -> None:
    """A cohort with features, in which one person has a name and a value that occur nowhere else."""
    draw = np.random.default_rng(1)
    ids = [NAME, *(f"p{i:03d}" for i in range(1, PEOPLE))]
    waist = draw.normal(95, 12, PEOPLE).round(1)
    waist[0] = VALUE
    event = (waist + draw.normal(0, 10, PEOPLE) > 98).astype(int)
    sex = draw.choice(["female", "male"], PEOPLE)
    people = pd.DataFrame(
        {"person_id": ids, "group_id": ids, "age_years": draw.integers(20, 80, PEOPLE) * 1.0}
    )
    seen = pd.DataFrame({"person_id": ids, "time_d": 0.0, "variable": "waist_cm", "value": waist})
    tables = {
        "cohort/people": people.assign(sex=sex),
        "cohort/observations": seen.assign(text=pd.Series([None] * PEOPLE, dtype="str"), flag=""),
        "cohort/outcomes": pd.DataFrame(
            {"person_id": ids, "outcome": "stroke", "event": event, "time_d": np.nan,
             "status": "censored", "weight": 1.0}
        ),
        "features/features": pd.DataFrame({"person_id": ids, "fat": waist * 0.31, "failed": np.nan}),
    }
    long = tables["features/features"].loc[np.repeat(np.arange(PEOPLE), 4)]
    tables["features/features_draws"] = long.assign(draw=np.tile(np.arange(4), PEOPLE))
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(folder / f"{name}.parquet", index=False)
    fitted = personalise(tables["cohort/people"], tables["cohort/observations"], ("blood_pressure",), 4, seed=1)
    (folder / "fit").mkdir()
    write_draws(fitted, folder / "fit/draws.npz")
    fitted.table.to_parquet(folder / "fit/fits.parquet")
    (folder / "cohort/outputs.sha256").write_text("abc  people.parquet\n")
    rows = "fat,liver_fat,state,pdff_percent\nfailed,liver_fat,state,nothing\n"
    (folder / "features/dictionary.csv").write_text("feature,twin,kind,observable\n" + rows)
    (folder / "cohort/manifest.json").write_text('{"facts": {}}')
    (folder / "report/figures").mkdir(parents=True)
    (folder / "report/report.html").write_text("<p>Report</p>")
    (folder / "report/figures/calibration.svg").write_text("<svg/>")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with the canary, run from training to tracking twice; the folder has a space in its name."""
    home = tmp_path_factory.mktemp("a b")
    (home / "canary.toml").write_text(STUDY)
    study: Study = read_study(home / "canary.toml")
    folder = home / "runs" / "canary"
    write_cohort(folder)
    steps = {"train": train, "evaluate": evaluate, "uncertainty": uncertainty, "explain": explain, "track": track}
    for name, body in (*steps.items(), ("track", track)):
        with runs.stage(folder / name, config={}) as running:
            body(study, folder, running)
    return home / "mlflow"


def ask(store: Path, query: str) -> list[tuple]:
    with sqlite3.connect(store / "mlflow.db") as database:
        return database.execute(query).fetchall()


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file, and every file inside a zip, uncompressed."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        yield path, path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield path / name, archive.read(name)


def test_nothing_of_a_person_reaches_the_store(store):
    canaries = [
        NAME.encode(),
        NAME.split()[0].encode(),
        json.dumps(NAME)[1:-1].encode(),
        b"p001",
        repr(VALUE).encode(),
        b"187.65",
        struct.pack("<d", VALUE),
        struct.pack("<d", VALUE * 0.31),
    ]
    everything = list(contents(store))
    assert len(everything) > 40
    assert sum(path.suffix == ".skops" for path, _ in everything) == 2 * 6
    found = [(path, canary) for path, content in everything for canary in canaries if canary in content]
    assert not found


def test_the_canary_would_have_been_found(store):
    people = store.parent / "runs/canary/cohort/people.parquet"
    assert NAME in set(pd.read_parquet(people)["person_id"])
    predictions = (store.parent / "runs/canary/train/predictions.parquet").read_bytes()
    assert NAME.encode() in predictions


def test_the_dataset_is_an_identity_without_profile_or_sample(store):
    rows = ask(store, "select name, digest, dataset_source, dataset_schema, dataset_profile from datasets")
    assert len(rows) == 1
    name, digest, source, schema, profile = rows[0]
    assert (name, profile) == ("canary", None)
    assert json.loads(source)["tags"]["people"] == str(PEOPLE)
    assert json.loads(source)["tags"]["sha256"].startswith(digest)
    assert "waist_cm" in schema


def test_every_execution_adds_a_parent_with_a_child_a_model(store):
    assert ask(store, "select name from experiments where name != 'Default'") == [("canary",)]
    assert ask(store, "select status, count(*) from runs group by status") == [("FINISHED", 14)]
    children = ask(store, "select value, count(*) from tags where key = 'mlflow.parentRunId' group by value")
    assert [count for _, count in children] == [6, 6]
    metrics = dict(ask(store, "select key, count(*) from metrics group by key"))
    assert metrics["auroc"] == metrics["auroc_low"] == metrics["auroc_high"] == metrics["n"] == 12
    assert "n_low" not in metrics
    tags = {key for (key,) in ask(store, "select distinct key from tags")}
    assert {"cohort_sha256", "code_sha256", "feature_set", "model"} <= tags


def test_artifacts_are_in_the_known_folders(store):
    parents = {value for (value,) in ask(store, "select value from tags where key = 'mlflow.parentRunId'")}
    for parent in parents:
        found = {
            p.relative_to(store / "artifacts" / parent / "artifacts").as_posix()
            for p in (store / "artifacts" / parent).rglob("*")
            if p.is_file()
        }
        assert {
            "config/study.json",
            "tables/metrics.csv",
            "tables/dictionary.csv",
            "report/report.html",
            "figures/calibration.svg",
        } <= found
        assert {name.split("/")[0] for name in found} <= set(tracking.FOLDERS)


@pytest.mark.parametrize(("model", "needs"), [("boosting both", True), ("logistic routine", False)])
def test_a_logged_model_predicts_the_same_in_a_process_that_loads_no_more_than_it_needs(store, model, needs, tmp_path):
    run = ask(store, f"select run_uuid from runs where name = '{model}' order by start_time")[-1][0]
    folder = store.parent / "runs/canary/train/models"
    estimator = models.load(folder / f"{model.replace(' ', '__')}.skops")
    takes = json.loads((folder / f"{model.replace(' ', '__')}.json").read_text())
    rows = pd.DataFrame([takes["example"]] * 3)
    rows.loc[1, "sex"] = None
    rows.loc[2, "waist_cm"] = np.nan
    rows.reset_index(drop=True).to_json(tmp_path / "rows.json", orient="split", index=False)
    program = f"""
import sys, json, mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///{store / "mlflow.db"}")
content = json.load(open("rows.json"))
rows = pd.DataFrame(content["data"], columns=content["columns"])
risk = mlflow.pyfunc.load_model("runs:/{run}/model").predict(rows)
native = mlflow.sklearn.load_model("runs:/{run}/model").predict_proba(rows)
assert (risk == native).all()
assert {needs} == any(name.split(".")[0] in ("pipeline", "stages") for name in sys.modules)
print(json.dumps(risk.tolist()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_array_equal(json.loads(done.stdout), estimator.predict_proba(rows))


def test_a_run_that_a_killed_process_left_open_is_closed_at_the_next_start(tmp_path):
    program = f"""
from pathlib import Path
from pipeline.tracking import *
with study_run(Path({str(tmp_path)!r}), "demo", title="Demo", tags={{}}, params={{}},
               data=Data("demo", "ab" * 32, 100, 40, {{"age_years": "double"}})):
    print("open", flush=True)
    import time; time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "open\n"
        process.kill()
    assert ask(tmp_path, "select status from runs") == [("RUNNING",)]
    with tracking.study_run(tmp_path, "demo", **OPEN):
        pass
    assert ask(tmp_path, "select status from runs order by start_time") == [("KILLED",), ("FINISHED",)]


def test_a_fault_ends_the_run_as_failed_and_a_deleted_experiment_comes_back(tmp_path):
    with pytest.raises(ZeroDivisionError), tracking.study_run(tmp_path, "demo", **OPEN):
        raise ZeroDivisionError
    import mlflow

    client = mlflow.MlflowClient()
    client.delete_experiment(client.get_experiment_by_name("demo").experiment_id)
    with tracking.study_run(tmp_path, "demo", **OPEN):
        pass
    assert ask(tmp_path, "select status from runs order by start_time") == [("FAILED",), ("FINISHED",)]


def test_a_table_with_a_row_a_person_is_refused(tmp_path):
    with tracking.study_run(tmp_path, "demo", **OPEN) as run:
        people = pd.DataFrame({"person_id": ["a"], "x": [1]})
        for table in (people, people.set_index("person_id")):
            with pytest.raises(runs.RunError, match="a row a person"):
                run.log_table("people", table)
        with pytest.raises(runs.RunError, match="artifacts go into config, tables"):
            run.log_json("elsewhere", "x", {})


def test_two_processes_may_make_the_store_at_once(tmp_path):
    program = f"""
import sys
from pathlib import Path
from pipeline.tracking import *
with study_run(Path({str(tmp_path)!r}), sys.argv[1], title="Demo", tags={{}}, params={{}},
               data=Data("demo", "ab" * 32, 100, 40, {{"age_years": "double"}})):
    pass
"""
    with ThreadPoolExecutor() as pool:
        ends = pool.map(
            lambda name: subprocess.run(
                [sys.executable, "-c", program, name], capture_output=True, text=True
            ),
            ("one", "one", "two"),
        )
    for end in ends:
        assert end.returncode == 0, end.stderr[-2000:]
    assert ask(tmp_path, "select status, count(*) from runs group by status") == [("FINISHED", 3)]


def test_old_runs_are_forgotten_but_the_champion_stays(tmp_path):
    kept = []
    for _ in range(4):
        with tracking.study_run(tmp_path, "demo", **OPEN) as run:
            run.log_json("config", "study", {"a": 1})
            kept.append(run.run_id)
    import mlflow

    client = mlflow.MlflowClient()
    client.create_registered_model("demo")
    for run_id in kept[:2]:
        client.create_model_version("demo", f"runs:/{run_id}/served", run_id)
    client.set_registered_model_alias("demo", tracking.CHAMPION, "1")
    assert tracking.forget(tmp_path, "demo", keep=2) == 1
    left = {run_id for (run_id,) in ask(tmp_path, "select run_uuid from runs")}
    assert left == {kept[0], *kept[2:]}
    assert not list((tmp_path / "artifacts").glob(f"{kept[1]}/**/*.json")), "its files went with it"
    assert list((tmp_path / "artifacts").glob(f"{kept[0]}/**/*.json"))
    assert [int(v.version) for v in client.search_model_versions("name = 'demo'")] == [1]
    assert tracking.forget(tmp_path, "demo", keep=2) == 0
    with pytest.raises(runs.RunError, match="holds no runs"):
        tracking.forget(tmp_path / "elsewhere", "demo", keep=2)


def test_runs_go_to_a_server_by_one_setting(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{tmp_path / 'a.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "files"), "--host", "127.0.0.1", "--workers", "1"]
    silent = pytest.raises(runs.RunError, match=f"the MLflow server at {address} does not answer")
    with silent, tracking.study_run(address, "demo", **OPEN):
        pass
    with (tmp_path / "log").open("w") as log, subprocess.Popen(
        [*command, "--port", address.rsplit(":", 1)[1]], stdout=log, stderr=log, start_new_session=True
    ) as server:
        try:
            end = time.monotonic() + 90
            while time.monotonic() < end:
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.5)
            with tracking.study_run(address, "demo", **OPEN) as run:
                run.log_json("config", "study", {"a": 1})
        finally:
            os.killpg(server.pid, 15)
    with sqlite3.connect(tmp_path / "a.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)]
    assert [p.name for p in (tmp_path / "files").rglob("*.json")] == ["study.json"]
