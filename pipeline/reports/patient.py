"""What is known of one person of a finished study: everything that the patient's page tells, in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.cohorts import Unlike, baseline, find_unlike, find_usual
from pipeline.config import Study
from pipeline.reports import groups
from pipeline.reports.results import Results, read_results
from pipeline.runs import RunError

SHOWN = 3      # interventions whose curves fit on a page


class Others(NamedTuple):
    """The people of the cohort, as far as one is compared with them; shares from 0 to 1."""

    observed: float                              # had the outcome
    below: float                                 # have a lower risk
    above: float
    band: tuple[float, float]                    # the risk group of the person
    group: groups.Band | None                    # None: too few people to tell of them
    pairs: float                                 # put in the right order by the model


class Explained(NamedTuple):
    """Rows of the person in the tables of the explain stage (see `pipeline.schema`); empty where it has not run."""

    attributions: pd.DataFrame
    chains: pd.DataFrame
    counterfactuals: pd.DataFrame


@dataclass(frozen=True)
class Patient:
    """One person: risk with interval, how it compares, what it rests on, and what would change it."""

    code: str                        # a pseudonym, all that a page may call the person by
    study: Study
    risk: float
    low: float
    high: float
    person_sd: float
    model_sd: float
    others: Others
    explained: Explained
    courses: pd.DataFrame            # scenario, output, year, mean, low, high
    scenarios: dict[str, str]        # titles of those to show, no change first
    best: dict[str, Any]             # choice, arr, low, high
    fits: pd.DataFrame               # parameter, unit, mode, basis, unlikely, status, twin
    unlike: Unlike
    origin: dict[str, str]           # study, finished, model, code, data


def read_patient(
    study: Study, folder: Path, read: Callable[[Path], Path], person_id: str, code: str
) -> Patient:
    """The person `person_id` of the finished study in `folder`; `read` notes each file, `code` is the pseudonym.

    Raises `RunError` if the study is not finished or nobody in it has this id.
    """
    results = read_results(study, folder, read)
    if person_id not in results.risks.index:
        inside = person_id in results.people.index
        raise RunError(
            f"{folder.name} has no risk for {person_id!r}: the outcome of this person is not known"
            if inside
            else f"{folder.name} has no person {person_id!r}; person_id is a column of cohort/people.parquet"
        )
    known = study.known_variables()
    people = baseline(
        results.people[["age_years", "sex"]].reset_index(),
        pd.read_parquet(read(folder / "cohort/observations.parquet"), filters=[("variable", "in", set(known))]),
        known,
    )
    row, best = results.risks.loc[person_id], results.best.loc[person_id]
    scenarios = _shown(results, str(best["choice"]))
    courses = results.trajectories
    mine = (courses["person_id"] == person_id) & courses["scenario"].isin(scenarios) & courses["mean"].notna()
    manifest = results.manifests["uncertainty"]
    return Patient(
        code=code,
        study=study,
        risk=float(row["risk"]),
        low=float(row["low"]),
        high=float(row["high"]),
        person_sd=float(row["person_sd"]),
        model_sd=float(row["model_sd"]),
        others=_others(results, float(row["risk"])),
        explained=_explained(folder, read, person_id),
        courses=courses[mine].drop(columns="person_id"),
        scenarios={name: results.scenario_title(name) for name in scenarios},
        best={name: best[name] for name in ("choice", "arr", "low", "high")},
        fits=results.fits[results.fits["person_id"] == person_id].drop(columns="person_id"),
        unlike=find_unlike(people.loc[person_id], find_usual(people, study.predictors, known)),
        origin={
            "study": folder.name,
            "finished": manifest["finished"][:10],
            "model": f"{study.report.model} {study.report.feature_set}",
            "code": manifest["code_sha256"][:16],
            "data": results.manifests["cohort"]["outputs"]["people.parquet"][:16],
        },
    )


def _shown(results: Results, best: str) -> list[str]:
    """No change and the first interventions of the study, with the person's best one among them."""
    names = results.scenario_names
    shown = names[: 1 + SHOWN]
    return shown if best in shown or best not in names else [*shown[:-1], best]


def _others(results: Results, risk: float) -> Others:
    edges = [0.0, *results.study.report.bands, 1.0]
    i = sum(risk >= edge for edge in edges[1:-1])
    group = groups.make_bands(results)[i]
    risks = results.risks["risk"]
    report = results.study.report
    return Others(
        observed=results.observed,
        below=float((risks < risk).mean()),
        above=float((risks > risk).mean()),
        band=(edges[i], edges[i + 1]),
        group=group if group.shown else None,
        pairs=results.metric(report.model, report.feature_set, "auroc")[0],
    )


def _explained(folder: Path, read: Callable[[Path], Path], person_id: str) -> Explained:
    def rows(name: str) -> pd.DataFrame:
        path = folder / "explain" / f"{name}.parquet"
        if not path.exists():
            return pd.DataFrame()
        return pd.read_parquet(read(path), filters=[("person_id", "==", person_id)]).drop(columns="person_id")

    return Explained(*(rows(name) for name in Explained._fields))
