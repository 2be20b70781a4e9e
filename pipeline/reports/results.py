"""What a finished study left behind, read once for the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.cohorts import baseline
from pipeline.config import Study
from pipeline.reports.disclosure import Step
from pipeline.runs import read_manifest

DESCRIBED = ("weight_kg", "sbp_mmhg")     # measured variables that describe the risk bands
STAGES = ("cohort", "fit", "features", "train", "evaluate", "uncertainty", "strata", "explain")


@dataclass(frozen=True)
class Results:
    """All tables that the report draws on; it changes none of them."""

    study: Study
    people: pd.DataFrame
    outcomes: pd.DataFrame
    flow: list[Step]
    fits: pd.DataFrame
    trajectories: pd.DataFrame
    scenarios: dict[str, dict[str, str]]
    dictionary: pd.DataFrame
    predictions: pd.DataFrame
    uncertainty: pd.DataFrame
    metrics: pd.DataFrame
    differences: pd.DataFrame
    calibration: pd.DataFrame
    decision: pd.DataFrame
    strata: pd.DataFrame
    smooth: pd.DataFrame                     # calibration curve of the chosen model; empty if there is none
    agreement: pd.DataFrame                  # how far its risks lie from that curve
    subgroups: pd.DataFrame                  # how good it is for each part of the people
    sets: pd.DataFrame                       # its answers "yes", "no", "cannot tell"; empty with too few people
    missing: pd.DataFrame                    # what was not measured, by predictor
    over_time: pd.DataFrame                  # how good models are by each year; empty unless people were followed
    benefit: pd.DataFrame                    # groups by the intervention that would help most
    benefit_bands: pd.DataFrame              # what each intervention would do to each risk band
    best: pd.DataFrame                       # a row a person: that intervention, or why there is none
    endotypes: pd.DataFrame                  # groups by mechanism; empty unless stable
    strata_facts: dict[str, Any]             # what both rest on
    drivers: pd.DataFrame                    # what counts for the risk, a row a group of columns
    reasons: pd.DataFrame                    # the same of each person; index person_id
    explained: dict[str, Any]                # what the explanations come to
    experiments: dict[str, pd.DataFrame]     # by name; empty until the study's experiments are made
    manifests: dict[str, dict[str, Any]]

    @cached_property
    def scenario_names(self) -> list[str]:
        """No change first, then the interventions of the study that were simulated, in its order."""
        present = set(self.trajectories["scenario"].unique())
        return [name for name in ("no_change", *self.study.twins.interventions) if name in present]

    @cached_property
    def outputs(self) -> list[str]:
        """The outputs to draw that the twins gave, in the order of the study."""
        present = set(self.trajectories["output"].unique())
        return [name for name in self.study.report.outputs if name in present]

    @cached_property
    def risks(self) -> pd.DataFrame:
        """One row a person for the model of the report: event, mean of its out-of-fold risks, and how sure it is."""
        chosen = self.chosen(self.predictions)
        risks = chosen.groupby("person_id", sort=True)[["event", "weight", "risk"]].mean()
        return risks.join(self.uncertainty.set_index("person_id")[["low", "high", "person_sd", "model_sd"]])

    @cached_property
    def observed(self) -> float:
        """Share of people with the outcome, losses to follow-up allowed for."""
        return float((self.risks["event"] * self.risks["weight"]).sum() / self.risks["weight"].sum())

    def chosen(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to the model and feature set which the study chose beforehand."""
        report = self.study.report
        return table[(table["model"] == report.model) & (table["feature_set"] == report.feature_set)]

    @cached_property
    def trained(self) -> list[tuple[str, str]]:
        """Every model with every feature set that it takes, in the order of the study."""
        there = set(zip(self.metrics["model"], self.metrics["feature_set"], strict=True))
        models = self.study.models
        return [(m, s) for m in models.names for s in models.feature_sets if (m, s) in there]

    def metric(self, model: str, feature_set: str, metric: str) -> tuple[float, float, float]:
        """Value and interval of a metric; not a number where it was not measured."""
        table = self.metrics
        found = table[
            (table["model"] == model) & (table["feature_set"] == feature_set) & (table["metric"] == metric)
        ]
        return _first(found, "value")

    def difference(self, model: str, feature_set: str, metric: str) -> tuple[float, float, float]:
        """Paired difference from routine data and its interval; not a number where it was not measured."""
        table = self.differences
        found = table[
            (table["model"] == model)
            & (table["feature_set"] == feature_set)
            & (table["reference"] == "routine")
            & (table["metric"] == metric)
        ]
        return _first(found, "difference")

    def scenario_title(self, name: str) -> str:
        """What a scenario is called in words."""
        return self.scenarios.get(name, {}).get("title") or name.replace("_", " ")


def read_results(study: Study, folder: Path, read: Callable[[Path], Path]) -> Results:
    """The results of the study whose stages wrote below `folder`; `read` notes each file as an input."""

    def table(name: str, **options: Any) -> pd.DataFrame:
        return pd.read_parquet(read(folder / name), **options)

    def text(name: str) -> Any:
        return json.loads(read(folder / name).read_text(encoding="utf-8"))

    flow = [
        Step((str(row["step"]),), int(row["removed"]), int(row["left"])) for row in text("cohort/flow.json")
    ]
    wanted = [("output", "in", set(study.report.outputs))]
    return Results(
        study=study,
        people=baseline(
            table("cohort/people.parquet"),
            table("cohort/observations.parquet", filters=[("variable", "in", set(DESCRIBED))]),
            study.known_variables(),
        ),
        outcomes=table("cohort/outcomes.parquet"),
        flow=flow,
        fits=table("fit/fits.parquet"),
        trajectories=table("features/trajectories.parquet", filters=wanted),
        scenarios=text("features/scenarios.json"),
        dictionary=pd.read_csv(read(folder / "features/dictionary.csv"), dtype=str),
        predictions=table("train/predictions.parquet"),
        uncertainty=table("uncertainty/uncertainty.parquet"),
        metrics=table("evaluate/metrics.parquet"),
        differences=table("evaluate/differences.parquet"),
        calibration=table("evaluate/calibration.parquet"),
        decision=table("evaluate/decision.parquet"),
        strata=table("evaluate/strata.parquet"),
        smooth=table("evaluate/smooth.parquet"),
        agreement=table("evaluate/agreement.parquet"),
        subgroups=table("evaluate/subgroups.parquet"),
        sets=table("evaluate/sets.parquet"),
        missing=table("evaluate/missing.parquet"),
        over_time=table("evaluate/over_time.parquet") if study.outcome.horizon_years is not None else pd.DataFrame(),
        benefit=table("strata/benefit_groups.parquet"),
        benefit_bands=table("strata/benefit_bands.parquet"),
        best=table("strata/benefit.parquet", filters=[("scenario", "==", "best")]).set_index("person_id"),
        endotypes=table("strata/endotype_groups.parquet"),
        strata_facts=text("strata/facts.json"),
        drivers=table("explain/global.parquet"),
        reasons=table("explain/attributions.parquet").set_index("person_id"),
        explained=text("explain/facts.json"),
        experiments={path.stem: pd.read_csv(read(path)) for path in sorted((folder / "experiments").glob("*.csv"))},
        manifests={stage: read_manifest(folder / stage) for stage in STAGES},
    )


def _first(rows: pd.DataFrame, column: str) -> tuple[float, float, float]:
    if rows.empty:
        return float("nan"), float("nan"), float("nan")
    row = rows.iloc[0]
    return float(row[column]), float(row["low"]), float(row["high"])
