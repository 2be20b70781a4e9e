"""Record the finished study in MLflow: settings, figures, tables, report, and a run for each model."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main

STAGES = ("cohort", "fit", "features", "train", "evaluate", "uncertainty", "strata", "explain", "report")


def track(study: Study, folder: Path, stage: Stage) -> None:
    """Add a parent run with a child run a model and feature set to the store beside the runs folder."""
    import pandas as pd

    from pipeline import models, tracking
    from pipeline.runs import ROOT, git_commit, hash_code, hash_file, read_manifest

    identity = hash_file(stage.read(folder / "cohort/outputs.sha256"))
    counts = read_manifest(folder / "train")["facts"]
    sets = json.loads(stage.read(folder / "train/columns.json").read_text(encoding="utf-8"))
    columns = {name: "double" for one in sets.values() for name in one["numbers"]}
    columns |= {name: "string" for one in sets.values() for name in one["categories"]}
    data = tracking.Data(folder.name, identity, counts["people"], counts["events"], columns)
    commit = git_commit(ROOT)
    tags = {"study": folder.name, "cohort_sha256": identity, "code_sha256": hash_code()}
    tags |= {"git_commit": commit} if commit else {}
    if consent := read_manifest(folder / "cohort")["facts"].get("consent"):
        tags |= {"consent_purpose": consent["purpose"], "consent_hmac": consent["consent_hmac"]}
    settings = study.model_dump(mode="json")
    params = {name: settings[name] for name in ("seed", "twins", "models", "evaluation", "report")}

    store = study.tracking or folder.resolve().parent.parent / "mlflow"
    metrics = pd.read_parquet(stage.read(folder / "evaluate/metrics.parquet"))
    with tracking.study_run(store, folder.name, title=study.title, tags=tags, params=params, data=data) as run:
        run.log_json("config", "study", settings)
        for name in STAGES:
            manifest = folder / name / "manifest.json"
            if manifest.exists():
                run.log_json("config", f"manifest_{name}", json.loads(manifest.read_text(encoding="utf-8")))
        for name in ("metrics", "differences", "decision"):
            run.log_table(name, pd.read_parquet(stage.read(folder / f"evaluate/{name}.parquet")))
        extra = ("cohort/quality.json", "cohort/flow.json", "features/dictionary.csv")
        run.log_files("tables", [stage.read(folder / name) for name in extra if (folder / name).exists()])
        run.log_files("tables", [stage.read(path) for path in sorted((folder / "experiments").glob("*.csv"))])
        drivers = pd.read_parquet(stage.read(folder / "explain/global.parquet"))
        run.log_json("explanations", "drivers", drivers.astype(object).where(drivers.notna(), None).to_dict("records"))
        run.log_files("explanations", [stage.read(folder / "explain/facts.json")])
        for path in sorted((folder / "report/figures").glob("*.svg")):
            run.log_files("explanations" if path.stem == "drivers" else "figures", [stage.read(path)])
        pages = [path for kind in ("html", "json") for path in sorted((folder / "report").glob(f"*.{kind}"))]
        run.log_files("report", [stage.read(path) for path in pages if path.name != "manifest.json"])
        for (model, name), rows in metrics.groupby(["model", "feature_set"], sort=False):
            path = stage.read(folder / f"train/models/{model}__{name}.skops")
            estimator = models.load(path)
            takes = json.loads(stage.read(path.with_suffix(".json")).read_text(encoding="utf-8"))
            run.log_model(
                f"{model} {name}",
                tags={**tags, "model": model, "feature_set": name},
                params={"model": model, "feature_set": name, "columns": len(takes["columns"])}
                | {key: counts[key] for key in ("folds", "repeats", "seed")}
                | {"estimator": models.settings(estimator)},
                metrics=rows,
                fitted=tracking.Fitted(estimator, takes["columns"], takes["example"], models.TRUSTED_TYPES),
            )
        if (told := folder / "package/interface.json").exists():
            interface = json.loads(stage.read(told).read_text(encoding="utf-8"))
            chosen = metrics[["model", "feature_set"]].eq([study.report.model, study.report.feature_set]).all(axis=1)
            words = run.register(tracking.Packaged(told.parent / "model", **interface), metrics[chosen], tags)
            print(f"registered: {folder.name}, {words}")
        stage.path("run.json").write_text(json.dumps({"run_id": run.run_id}) + "\n", encoding="utf-8")
        stage.note(run_id=run.run_id, store=study.tracking or "mlflow/mlflow.db")
    print(f"tracked: run {run.run_id} of {folder.name}; make ui shows it")


if __name__ == "__main__":
    main("track", __doc__, track)
