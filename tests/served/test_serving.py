"""A packaged model in MLflow: registered, champion by the rule, and answering requests with its twin."""

import ast
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import tracking

pytestmark = [
    pytest.mark.slow,  # a server takes its time to start
    # MLflow's own, as in test_tracking.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred"),
]

DATA = tracking.Data("example", "ab" * 32, 20, 9, {"age_years": "double"})
PEOPLE = {"age_years": [52, 61], "sex": ["male", "female"], "sbp_mmhg": [151.0, None], "daily_steps": [4000, 9000]}
START_S = 120
LIBRARY = Path(tracking.__file__).parent


def register(store: Path, run: Path, *areas: tuple[float, float], cohort: str = "ab") -> list[str]:
    """Register the packaged model once for each AUROC and lower end of its interval; what was said."""
    folder = run / "runs" / "example" / "package"
    packaged = tracking.Packaged(folder / "model", **json.loads((folder / "interface.json").read_text()))
    said = []
    with tracking.study_run(store, "example", title="Example", tags={}, params={}, data=DATA) as open_run:
        for area, low in areas:
            metrics = pd.DataFrame({"metric": ["auroc"], "value": [area], "low": [low], "high": [1.0]})
            said.append(open_run.register(packaged, metrics, {"cohort_sha256": cohort}))
    return said


@pytest.fixture(scope="module")
def store(tmp_path_factory, run) -> Path:
    folder = tmp_path_factory.mktemp("a b") / "mlflow"
    register(folder, run, (0.76, 0.74))
    return folder


def test_the_champion_moves_by_the_rule_alone(tmp_path, run):
    said = register(tmp_path, run, (0.76, 0.74), (0.75, 0.73), (0.72, 0.70))
    assert said[0] == "version 1 is champion"
    assert said[1] == "version 2 is champion", "it lies within the interval of the first"
    assert said[2] == "version 2 stays champion: AUROC 0.720 is below its interval, from 0.730 on"
    others = register(tmp_path, run, (0.60, 0.50), cohort="cd")
    assert others == ["version 4 is champion"], "other people are not compared"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select alias, version from registered_model_aliases").fetchall() == [("champion", 4)]


def test_what_the_packaged_code_imports_is_required():
    """Every package that the modules of the layers up to the served model import."""
    layers = ("schema.py", "config_faults.py", "sections.py", "config.py", "runs.py", "cohorts", "solving", "twins")
    layers += ("fitting", "features", "models", "served")
    places = [LIBRARY / name for name in layers]
    paths = [path for place in places for path in (place.glob("*.py") if place.is_dir() else [place])]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    packages = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"pipeline", "jinja2", "markupsafe"}
    required = {"sklearn" if n == "scikit-learn" else n for n in (*tracking.REQUIREMENTS, *tracking.TWIN_REQUIREMENTS)}
    assert len(packages) > 10
    assert packages <= required


def ask(port: int, rows: dict) -> tuple[int, str]:
    table = pd.DataFrame(rows)
    body = json.dumps({"dataframe_split": json.loads(table.to_json(orient="split", index=False))}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.fixture
def port(store, tmp_path):
    """A server of the champion, in a folder where this library is not; it finds the library in the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    settings = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/example@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(number)]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
    ) as server:
        try:
            end = time.monotonic() + START_S
            while time.monotonic() < end and server.poll() is None:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{number}/ping", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.5)
            else:
                pytest.fail((tmp_path / "log").read_text()[-2000:])
            yield number
        finally:
            os.killpg(server.pid, 15)


def test_a_served_model_answers_as_the_pipeline_does(port, model):
    status, answer = ask(port, PEOPLE)
    assert status == 200, answer
    found, expected = pd.DataFrame(json.loads(answer)["predictions"]), model.predict(pd.DataFrame(PEOPLE))
    assert found["status"].tolist() == ["ok", "ok"]
    numbers = ["risk", "low", "high", "person_sd", "model_sd"]
    np.testing.assert_allclose(found[numbers].astype(float), expected[numbers], rtol=0, atol=1e-9)
    status, answer = ask(port, PEOPLE | {"sbp_mmhg": [9999.0, None]})
    assert status == 400
    assert "row 1, column sbp_mmhg: 9999.0 is outside" in answer
    assert "Traceback" not in answer
