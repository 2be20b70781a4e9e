"""Runs of a study in MLflow: the only module that imports mlflow.

A run holds settings, figures, tables, models and the identity of the data (hash, counts, column names). It
never holds a row of a person: who looks at the runs need not be allowed to see the people.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.runs import RunError

FOLDERS = ("config", "tables", "figures", "model", "explanations", "report")
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")   # of a logged model
LONGEST = 500                                                           # characters of a parameter's value


class Data(NamedTuple):
    """What may be known of a cohort outside it."""

    name: str
    sha256: str
    people: int
    events: int
    columns: Mapping[str, str]             # "double" or "string" by name


class Fitted(NamedTuple):
    """A fitted model, and what it takes."""

    estimator: Any                         # scikit-learn pipeline; parts of our own need this library to load
    columns: Sequence[Mapping[str, Any]]   # name and type ("double" or "string") of each input, in order
    example: Mapping[str, Any]             # one made-up row
    trusted_types: Sequence[str]           # that skops may load


class StudyRun:
    """An open run of a study; made by `study_run`."""

    def __init__(self, run_id: str, experiment_id: str, data: Data) -> None:
        self.run_id = run_id
        self._experiment_id = experiment_id
        self._data = data

    def log_files(self, folder: str, paths: Sequence[Path]) -> None:
        """Copy finished files, made of nothing but aggregates, into one of `FOLDERS`."""
        import mlflow

        for path in paths:
            mlflow.log_artifact(str(path), _known(folder), run_id=self.run_id)

    def log_json(self, folder: str, name: str, content: Any) -> None:
        """Write settings or aggregates as `folder`/`name`.json."""
        import mlflow

        text = json.dumps(content, indent=1, sort_keys=True)
        mlflow.log_text(text, f"{_known(folder)}/{name}.json", self.run_id)

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Write an aggregated table as tables/`name`.csv; one with a row a person is refused."""
        import mlflow

        if "person_id" in table.columns or table.index.name == "person_id":
            raise RunError(f"table {name} has a row a person and may not be tracked")
        mlflow.log_text(table.to_csv(index=False), f"tables/{name}.csv", self.run_id)

    def log_model(
        self,
        name: str,
        *,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        metrics: pd.DataFrame,
        fitted: Fitted,
    ) -> str:
        """A child run with metrics (columns metric, value, low, high) and a model; gives its identifier.

        Missing values are left out. The model takes a data frame and gives the probability of no event and of
        the event.
        """
        import mlflow

        with mlflow.start_run(
            experiment_id=self._experiment_id,
            run_name=name,
            nested=True,
            parent_run_id=self.run_id,
            tags=dict(tags),
            log_system_metrics=False,
        ) as child:
            mlflow.log_params(_plain(params))
            mlflow.log_input(_dataset(self._data), context="training")
            numbers = {
                f"{row['metric']}{end}": float(row[column])
                for row in metrics.to_dict("records")
                for column, end in (("value", ""), ("low", "_low"), ("high", "_high"))
            }
            mlflow.log_metrics({key: value for key, value in numbers.items() if pd.notna(value)})
            _log_fitted(fitted)
            return child.info.run_id


@contextmanager
def study_run(
    root: Path, study: str, *, title: str, tags: Mapping[str, str], params: Mapping[str, Any], data: Data
) -> Iterator[StudyRun]:
    """One execution of a study as a run in the store under `root`; every call adds a run.

    The store is made on first use. Runs of this study that a killed process left open are marked KILLED;
    other studies may write at the same time, the same study waits its turn.
    """
    # Runs of patients' studies tell nobody that they ran; mlflow reads this when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{study}.lock"):
        with _locked(root / ".store.lock"):
            experiment_id = _open(root, study)
        client = mlflow.MlflowClient()
        for left in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
            client.set_terminated(left.info.run_id, "KILLED")
        with mlflow.start_run(
            experiment_id=experiment_id,
            run_name=study,
            tags=dict(tags),
            description=title,
            log_system_metrics=False,
        ) as run:
            mlflow.log_params(_plain(params))
            mlflow.log_input(_dataset(data), context="training")
            yield StudyRun(run.info.run_id, experiment_id, data)


def _open(root: Path, study: str) -> str:
    """Make or upgrade the store, and find or make the experiment of the study."""
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = f"sqlite:///{root / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    try:
        experiment = client.get_experiment_by_name(study)
    except MlflowException as fault:
        if "out-of-date" not in str(fault):
            raise
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
        done = subprocess.run(upgrade, capture_output=True, text=True)
        if done.returncode:
            raise RunError(f"{root / 'mlflow.db'} is of another MLflow; move it away") from None
        experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return client.create_experiment(study, artifact_location=(root / "artifacts").as_uri())
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def _dataset(data: Data) -> Any:
    """Identity without content: a source that cannot be loaded, no profile, no sample."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.types import ColSpec, Schema

    counts = {"sha256": data.sha256, "people": str(data.people), "events": str(data.events)}
    schema = Schema([ColSpec(kind, name, required=False) for name, kind in data.columns.items()])
    # mlflow takes at most 36 characters of digest.
    return MetaDataset(  # type: ignore[abstract]  # it inherits a profile of None
        CodeDatasetSource(tags=counts), name=data.name, digest=data.sha256[:32], schema=schema
    )


def _log_fitted(fitted: Fitted) -> None:
    import mlflow.sklearn
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs = Schema([ColSpec(column["type"], column["name"], required=False) for column in fitted.columns])
    outputs = Schema([TensorSpec(np.dtype(np.float64), (-1, 2))])
    mlflow.sklearn.log_model(
        fitted.estimator,
        name="model",
        signature=ModelSignature(inputs, outputs),
        input_example=pd.DataFrame([dict(fitted.example)]),
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
        serialization_format="skops",
        skops_trusted_types=list(fitted.trusted_types),
        pyfunc_predict_fn="predict_proba",
    )


def _known(folder: str) -> str:
    if folder not in FOLDERS:
        raise RunError(f"artifacts go into {', '.join(FOLDERS)}, not into {folder}")
    return folder


def _plain(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as `section.key`, with values short enough for mlflow."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= _plain(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = (value if isinstance(value, str) else json.dumps(value))[:LONGEST]
    return flat


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
