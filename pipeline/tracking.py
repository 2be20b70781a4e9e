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

from pipeline.runs import ROOT, RunError

FOLDERS = ("config", "tables", "figures", "model", "explanations", "report")
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")   # of a logged model,
TWIN_REQUIREMENTS = (                                                   # and of one that carries its twins
    "diffrax", "equinox", "jax", "jaxtyping", "joblib", "optax", "optimistix", "pandera", "pint", "pyarrow", "pydantic",
    "scipy", "tqdm",
)  # fmt: skip
PARENT = "mlflow.parentRunId"
CHAMPION = "champion"                                                   # alias of the version to use
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


class Packaged(NamedTuple):
    """A model with its twins, as `pipeline.served` wrote it."""

    folder: Path
    inputs: Mapping[str, str]              # "double" or "string" by name; all may be left out
    outputs: Mapping[str, str]
    example: Mapping[str, Any]             # one made-up person
    description: str


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


    def register(self, packaged: Packaged, metrics: pd.DataFrame, tags: Mapping[str, str]) -> str:
        """Log a packaged model and register it under the name of the study; says which version is champion, and why.

        The alias `champion` moves to the new version, unless the present one learned from the same cohort and put pairs
        of people in the right order clearly better: the new AUROC lies below its 95 % interval. `metrics` are as for
        `log_model`.
        """
        import mlflow

        study, client = self._data.name, mlflow.MlflowClient()
        area, low = metrics.set_index("metric").loc["auroc", ["value", "low"]].astype(str)
        told = {**tags, "auroc": area, "auroc_low": low}
        new = mlflow.register_model(_log_packaged(packaged).model_uri, study, tags=told)
        client.update_model_version(study, new.version, packaged.description)
        before = client.get_registered_model(study).aliases.get(CHAMPION)
        held = client.get_model_version(study, before).tags if before else {}
        if held.get("cohort_sha256") == tags["cohort_sha256"] and float(area) < float(held["auroc_low"]):
            limit = f"{float(held['auroc_low']):.3f}"
            return f"version {before} stays {CHAMPION}: AUROC {float(area):.3f} is below its interval, from {limit} on"
        client.set_registered_model_alias(study, CHAMPION, new.version)
        return f"version {new.version} is {CHAMPION}"


@contextmanager
def study_run(
    store: Path | str, study: str, *, title: str, tags: Mapping[str, str], params: Mapping[str, Any], data: Data
) -> Iterator[StudyRun]:
    """One execution of a study as a run in `store`, a folder or the address of an MLflow server; every call adds a run.

    A folder is made on first use. Its runs of this study that a killed process left open are marked KILLED; other
    studies may write at the same time, the same study waits its turn. Raises `RunError` for a server that does not
    answer.
    """
    mlflow = _mlflow()
    with _own_turn(store, study):
        experiment_id = _experiment(store, study)
        client = mlflow.MlflowClient()
        if isinstance(store, Path):
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


def forget(store: Path, study: str, keep: int) -> int:
    """Delete the runs of a study but the newest `keep`, with their models and files; gives how many.

    The run of the champion stays. Raises `RunError` for a study that has no runs.
    """
    mlflow = _mlflow()
    if not (store / "mlflow.db").exists():
        raise RunError(f"{store} holds no runs")
    with _own_turn(store, study):
        experiment_id, client = _experiment(store, study), mlflow.MlflowClient()
        every = client.search_runs([experiment_id], order_by=["attributes.start_time DESC"], max_results=10_000)
        parents = [run.info.run_id for run in every if PARENT not in run.data.tags]
        versions = list(client.search_model_versions(f"name = '{study}'"))
        champions = {v.run_id for v in versions if CHAMPION in client.get_model_version(study, v.version).aliases}
        gone = set(parents[keep:]) - champions
        for run in every:
            if run.info.run_id in gone or run.data.tags.get(PARENT) in gone:
                client.delete_run(run.info.run_id)
        for version_of in versions:
            if version_of.run_id in gone:
                client.delete_model_version(study, version_of.version)
        uri = _uri(store)
        command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RunError(f"the files of deleted runs stay, as mlflow gc failed: {done.stderr.strip()[-500:]}")
        return len(gone)


def _mlflow() -> Any:
    """The library, which tells nobody that it is used: it reads so when it is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    import mlflow

    for name in ("mlflow", "alembic"):      # no word of each table and version
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


def _uri(store: Path | str) -> str:
    return f"sqlite:///{store.resolve() / 'mlflow.db'}" if isinstance(store, Path) else store


@contextmanager
def _own_turn(store: Path | str, study: str) -> Iterator[None]:
    """A study writes once at a time into a folder; a server sees to itself."""
    if not isinstance(store, Path):
        yield
        return
    store.mkdir(parents=True, exist_ok=True)
    with _locked(store / f".{study}.lock"):
        yield


def _experiment(store: Path | str, study: str) -> str:
    """The experiment of the study, made where it is not there yet; a folder is made, or brought up to date."""
    mlflow = _mlflow()
    mlflow.set_tracking_uri(_uri(store))
    if isinstance(store, Path):
        with _locked(store / ".store.lock"):
            return _open(store.resolve(), study)
    try:
        return _find(study, None)
    except mlflow.MlflowException as fault:
        raise RunError(f"the MLflow server at {store} does not answer: {str(fault)[:200]}") from None


def _open(root: Path, study: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return _find(study, (root / "artifacts").as_uri())
    except MlflowException as fault:
        if "out-of-date" not in str(fault):
            raise
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", _uri(root)]
        done = subprocess.run(upgrade, capture_output=True, text=True)
        if done.returncode:
            raise RunError(f"{root / 'mlflow.db'} is of another MLflow; move it away") from None
        return _find(study, (root / "artifacts").as_uri())


def _find(study: str, artifacts: str | None) -> str:
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return client.create_experiment(study, artifact_location=artifacts)
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


def _log_packaged(packaged: Packaged) -> Any:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs, outputs = (
        Schema([ColSpec(kind, name, required=False) for name, kind in columns.items()])
        for columns in (packaged.inputs, packaged.outputs)
    )
    return mlflow.pyfunc.log_model(
        name="served",
        python_model=str(ROOT / "served_mlflow.py"),
        artifacts={"model": str(packaged.folder)},
        code_paths=[str(ROOT)],
        signature=ModelSignature(inputs, outputs),
        input_example=pd.DataFrame([dict(packaged.example)]),
        pip_requirements=[f"{package}=={version(package)}" for package in (*REQUIREMENTS, *TWIN_REQUIREMENTS)],
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
