"""Where people and numbers of the report come from: flow, failed twins, assumptions, provenance."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.reports import groups, wording
from pipeline.reports.disclosure import merge_flow, merge_reasons
from pipeline.reports.results import STAGES, Results
from pipeline.reports.sections import overall
from pipeline.reports.wording import number, of_100

BASIS = {
    "measured": "were measured",
    "estimated": "were estimated from other measurements",
    "assumed": "were taken from the literature",
    "none": "could not be set",
}


def population(results: Results, bands: list[groups.Band]) -> dict[str, Any]:
    """The flow of people with numbers that add up, and how many of those left had the outcome."""
    minimum = results.study.report.min_count
    steps = merge_flow(results.flow, minimum)
    rows = []
    for step in steps[1:]:
        if step.removed == 0:
            continue
        small = 0 < step.removed < minimum
        rows.append(
            {
                "reasons": step.reasons,
                "removed": wording.count(step.removed, minimum),
                "left": f"all but fewer than {minimum}" if small else number(step.left),
            }
        )
    found = overall(results, bands)
    return {
        "start": number(steps[0].left) if steps else "not known",
        "start_label": steps[0].reasons[0] if steps else "",
        "steps": rows,
        "outcome": found or f"fewer than {minimum} of the people (or nearly everybody)",
        "predicted": number(len(results.risks))
        if len(results.risks) != (steps[-1].left if steps else 0)
        else "",
    }


def twins(results: Results) -> list[dict[str, Any]]:
    """For each twin how many people it could be fitted to, and why not to the others."""
    minimum = results.study.report.min_count
    known = results.study.known_variables()
    counted = results.manifests["features"].get("facts", {}).get("status") or _status(results.fits)
    rows = []
    for name in results.study.twins.names:
        status = {str(k): int(v) for k, v in counted.get(name, {}).items()}
        everybody, fitted = sum(status.values()), status.get("ok", 0)
        reasons = merge_reasons([(k, v) for k, v in status.items() if k != "ok"], minimum)
        failed = everybody - fitted
        rows.append(
            {
                "title": wording.capital(wording.twin(name)),
                "everybody": number(everybody),
                "fitted": f"all but fewer than {minimum}"
                if 0 < failed < minimum <= fitted
                else wording.count(fitted, minimum)
                if failed
                else "everybody"
                if fitted
                else "nobody",
                "failed": "nobody" if not failed else wording.count(failed, minimum),
                "reasons": [
                    {
                        "words": "; or ".join(wording.reason(r, known) for r in names),
                        "n": wording.count(n, minimum),
                    }
                    for names, n in reasons
                ],
            }
        )
    return rows


def warnings(results: Results) -> list[str]:
    """Values out of the ordinary in most simulations of a person, with how many people it concerns."""
    minimum = results.study.report.min_count
    flags = results.manifests["features"].get("facts", {}).get("flags", {})
    raised = sorted(((words, int(n)) for words, n in flags.items() if n), key=lambda item: -item[1])
    return [f"{wording.count(n, minimum)} people: {words}" for words, n in raised]


def _status(fits: pd.DataFrame) -> dict[str, dict[str, int]]:
    each = fits.drop_duplicates(["person_id", "twin"])
    counts = each.groupby(["twin", "status"]).size()
    return {twin: group.droplevel("twin").to_dict() for twin, group in counts.groupby("twin")}


def limits(results: Results) -> list[str]:
    """What must be known before using a number, as far as it applies to this study."""
    study = results.study
    said = [f"Who was studied: {study.population} The models were not tested on anybody else."]
    if results.outcomes["time_d"].isna().all():
        said.append(
            "Everything was asked or measured at one visit. A risk here says who has the outcome, not who "
            "will get it."
        )
    elif lost := int((results.outcomes["weight"] == 0).sum()):
        said.append(
            f"What became of {wording.count(lost, study.report.min_count)} people by the horizon is not known. The "
            "others count for them, which is right if those who were lost fared like those who stayed."
        )
    said.append(
        "The twins take today’s weight, liver fat and pressure as settled: somebody who is gaining or "
        "losing weight now is described less well."
    )
    said.extend(_basis(results))
    said.append(
        "Some quantities of the mechanism are shared by everybody and taken from published studies; their "
        "error moves all people "
        "the same way and is not lessened by having more people."
    )
    if "blood_pressure" in study.twins.names:
        said.append(
            "That losing weight lowers blood pressure is taken from trials, as the average of many people."
            if "body_composition" in study.twins.names
            else "Weight is not modelled here, so that no intervention lowers blood pressure through it."
        )
    if warnings(results):
        said.append(
            "For some people the twins went further than a body can: "
            f"{wording.listing(warnings(results))}. What the twins say of them should not be relied on."
        )
    said.append(
        "Changes under the interventions are what the twins say would follow if they were kept up for the "
        "whole time. They are not "
        "an effect measured in these people, and no proof of cause."
    )
    said.append(
        "Intervals of the measures come from resampling people whose risk was predicted by models that had "
        "not seen them; they do not "
        "cover training the models anew or people from elsewhere."
    )
    return said


def _basis(results: Results) -> list[str]:
    fits = results.fits
    ok = fits[fits["status"] == "ok"]
    if ok.empty:
        return ["No twin could be fitted to anybody: nothing in this report rests on a personal twin."]
    said = []
    for twin in results.study.twins.names:
        rows = ok[ok["twin"] == twin]
        if rows.empty:
            said.append(f"The twin of {wording.twin(twin)} could not be fitted to anybody.")
            continue
        share = rows["basis"].value_counts(normalize=True)
        parts = [f"{of_100(share[b])} {words}" for b, words in BASIS.items() if share.get(b, 0) > 0]
        said.append(f"Twin of {wording.twin(twin)}: of its personal quantities {wording.listing(parts)}.")
        if twin == "liver_fat":
            measured = rows.groupby("person_id")["basis"].agg(lambda b: (b == "measured").any()).mean()
            said.append(
                "Liver fat was measured in nobody: it is estimated from other measurements, with the width "
                "that the intervals show."
                if measured == 0
                else f"Liver fat or what drives it was measured in {of_100(measured)} people; "
                "in the others it is estimated."
            )
    unlikely = int(fits.groupby("person_id")["unlikely"].first().sum())
    if unlikely:
        who = wording.count(unlikely, results.study.report.min_count)
        said.append(
            f"In {who} people the measurements contradict each other or lie far from everybody else’s: what the twins "
            "say of them deserves little trust."
        )
    return said


def provenance(results: Results) -> list[dict[str, str]]:
    """Where every number came from: settings first, then a row a stage."""
    study, manifests = results.study, results.manifests
    cohort = manifests["cohort"]
    rows = [
        {"what": "Study", "value": str(cohort.get("study", ""))},
        {"what": "Seed", "value": str(study.seed)},
        {"what": "Draws of each person’s twin", "value": str(study.twins.draws)},
        {"what": "Mode of the twins", "value": study.twins.mode},
        {
            "what": "Cross-validation",
            "value": f"{study.models.folds} parts, {study.models.repeats} times over",
        },
        {"what": "Resamples for intervals", "value": str(study.evaluation.bootstrap)},
    ]
    for name, digest in sorted(cohort.get("inputs", {}).items()):
        rows.append({"what": f"Source {name}", "value": short(digest)})
    digest = cohort.get("outputs", {}).get("people.parquet")
    if digest:
        rows.append({"what": "Cohort people.parquet", "value": short(digest)})
    codes = {stage: short(manifests[stage].get("code_sha256", "")) for stage in STAGES}
    if len(set(codes.values())) == 1:
        rows.append({"what": "Code of every stage", "value": codes["cohort"]})
    else:
        # Not wrong in itself: make reruns only what a change of code touches.
        rows += [{"what": f"Code when {stage} ran", "value": code} for stage, code in codes.items()]
    return rows


def packages(results: Results) -> str:
    """Versions that the last stage before the report ran with."""
    manifest = results.manifests["evaluate"]
    versions = [f"{name} {version}" for name, version in sorted(manifest.get("packages", {}).items())]
    return ", ".join([f"Python {manifest.get('python', 'not known')}", *versions])


def short(digest: str) -> str:
    """The first sixteen characters of a hash; the whole one stands in the stage's manifest.json."""
    return digest[:16] if digest else "not known"
